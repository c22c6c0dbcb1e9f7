# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Photos with known truth, drawn on the spot, and files that are broken on purpose.

Belongs here: pictures for the tests of reading and tagging photos, colour profiles, files with lying headers.
Does not belong here: pictures for the camera and the film (``drawn.py``).
"""

import io
import struct
import zlib
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

CORNERS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (40, 50, 200), "yellow": (220, 210, 40)}
"""Colours of a marked scene's corners: top left, top right, bottom left, bottom right."""


def scene(seed: int = 0, width: int = 960, height: int = 720) -> np.ndarray:
    """A photo-like picture, height × width × 3, RGB: light falling off, things with sharp edges, sensor noise."""
    return _drawn(seed, width, height).copy()


@lru_cache(8)
def _drawn(seed: int, width: int, height: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    picture = cv2.resize(random.uniform(50, 200, (3, 4, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(45):
        left, top = int(random.integers(0, width)), int(random.integers(0, height))
        size = random.integers(width // 40, width // 5, 2)
        colour = random.uniform(20, 235, 3).tolist()
        cv2.rectangle(picture, (left, top), (left + int(size[0]), top + int(size[1])), colour, -1)
    picture += random.normal(0, 4, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def marked_scene(width: int = 960, height: int = 720) -> np.ndarray:
    """A scene whose four corners have ``CORNERS``' colours, so that its orientation can be told."""
    picture = scene(1, width, height)
    side = height // 5
    red, green, blue, yellow = CORNERS.values()
    picture[:side, :side], picture[:side, -side:] = red, green
    picture[-side:, :side], picture[-side:, -side:] = blue, yellow
    return picture


def corner_names(picture: np.ndarray) -> list[str]:
    """Names of the corners' colours in an RGB picture: top left, top right, bottom left, bottom right."""
    side = min(picture.shape[:2]) // 12
    middles = [picture[y, x].astype(int) for y in (side, -side) for x in (side, -side)]
    return [min(CORNERS, key=lambda name: int(np.abs(middle - CORNERS[name]).sum())) for middle in middles]


def floor_plan(width: int = 1200, height: int = 900, noise: float = 0.0) -> np.ndarray:
    """Walls, doors and labels in thin dark lines on white paper."""
    random = np.random.default_rng(5)
    paper = np.full((height, width, 3), 252, np.uint8)
    for column in range(5):
        for row in range(4):
            left, top = 60 + column * width // 6, 60 + row * height // 5
            cv2.rectangle(paper, (left, top), (left + width // 6, top + height // 5), (20, 20, 20), 5)
            cv2.putText(paper, f"ROOM {column}{row}", (left + 25, top + 70), 0, 0.7, (60, 60, 60), 2)
            cv2.ellipse(paper, (left, top + 90), (50, 50), 0, 0, 90, (90, 90, 90), 2)
    return np.clip(paper + random.normal(0, noise, paper.shape), 0, 255).astype(np.uint8)


def graphic(width: int = 1200, height: int = 800) -> np.ndarray:
    """A logo: two flat colours and lettering."""
    card = np.full((height, width, 3), (20, 60, 110), np.uint8)
    cv2.circle(card, (width // 2, height // 2), height // 4, (230, 190, 60), -1)
    cv2.putText(card, "VILLA ESTATES", (width // 5, height * 7 // 8), 0, 2.5, (255, 255, 255), 6)
    return card


def screenshot(width: int = 800, height: int = 1600) -> np.ndarray:
    """A page of text with grey panels, as a phone shows it."""
    page = np.full((height, width, 3), (241, 242, 245), np.uint8)
    cv2.rectangle(page, (0, 0), (width, 120), (40, 90, 200), -1)
    for line in range(28):
        cv2.putText(
            page, "listing no. 4711, 5 rooms, sea view"[: 20 + line % 15], (40, 220 + line * 48), 0, 0.9, (30,) * 3, 2
        )
    return page


def bokeh(width: int = 1920, height: int = 1280) -> np.ndarray:
    """A close-up: everything far out of focus except one sharp thing in a tenth of the picture."""
    far = cv2.GaussianBlur(scene(3, width, height), (0, 0), 25)
    near = scene(4, width, height)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 3, height // 2), (width // 8, height // 5), 0, 0, 360, 1, -1)
    random = np.random.default_rng(0)
    return np.clip(np.where(mask[..., None] == 1, near, far) + random.normal(0, 2, far.shape), 0, 255).astype(np.uint8)


def outdoors(width: int = 960, height: int = 640) -> np.ndarray:
    """Blue sky over foliage and a strip of lawn."""
    random = np.random.default_rng(6)
    picture = np.zeros((height, width, 3), np.float32)
    half = height // 2
    picture[:half] = np.linspace((90, 150, 230), (170, 205, 240), half)[:, None]
    leaf = random.uniform(0.3, 1.3, (half // 4, width // 4)).astype(np.float32)
    leaf = cv2.resize(leaf, (width, height - half), interpolation=cv2.INTER_NEAREST)
    picture[half:] = np.array((60, 125, 40), np.float32) * leaf[..., None]
    return np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def indoors(width: int = 960, height: int = 640) -> np.ndarray:
    """A warm room in one-point perspective: walls, floor boards, a bright window."""
    random = np.random.default_rng(7)
    picture = np.full((height, width, 3), (205, 190, 165), np.uint8)
    middle = (width // 2, height * 2 // 5)
    floor = np.array(
        [(0, height), (width, height), (width * 7 // 10, height * 6 // 10), (width * 3 // 10, height * 6 // 10)]
    )
    cv2.fillPoly(picture, [floor.astype(np.int32)], (140, 95, 60))
    for x in range(-width, 2 * width, width // 8):
        cv2.line(picture, (x, height), middle, (90, 60, 40), 3)
    left, top, right, bottom = width * 3 // 10, height // 5, width * 7 // 10, height * 6 // 10
    cv2.rectangle(picture, (left, top), (right, bottom), (215, 200, 178), -1)
    cv2.rectangle(picture, (left + 60, top + 30), (left + 160, bottom - 80), (255, 255, 252), -1)
    return np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def save(path: Path, picture: np.ndarray, format: str = "JPEG", **settings: object) -> Path:
    """Write an RGB picture in any of Pillow's formats, whatever the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = {"quality": 92} if format in ("JPEG", "MPO", "WEBP", "AVIF", "HEIF") else {}
    quick = {"compress_level": 1} if format == "PNG" else {}
    Image.fromarray(picture).save(path, format, **{**quality, **quick, **settings})
    return path


def exif(orientation: int = 1, gps: bool = False) -> bytes:
    """EXIF with an orientation, an owner's name and, if asked for, a place."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x013B] = "Jane Photographer"
    if gps:
        tags.get_ifd(0x8825).update({1: "N", 2: (34.0, 1.0, 30.0), 3: "W", 4: (118.0, 47.0, 10.0)})
    return tags.tobytes()


def rgb_profile(name: str, primaries: tuple[tuple[float, float], ...], gamma: float) -> bytes:
    """An ICC matrix profile, made from chromaticities and a gamma; white is D65.

    Source:
        ICC.1:2001-04, 6.3.1 (matrix profiles); Bradford adaptation to D50.
    """

    def xyz(x: float, y: float) -> np.ndarray:
        return np.array([x / y, 1.0, (1 - x - y) / y])

    columns = np.stack([xyz(*each) for each in primaries], axis=1)
    white = xyz(0.3127, 0.3290)
    to_xyz = columns * np.linalg.solve(columns, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1.0, 0.8249])
    adapt = np.linalg.solve(bradford, np.diag((bradford @ d50) / (bradford @ white)) @ bradford)
    to_d50 = adapt @ to_xyz

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    text = name.encode() + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(8 + 3 + 67)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = {b"desc": description, b"cprt": b"text\0\0\0\0none\0", b"wtpt": b"XYZ \0\0\0\0" + b"".join(map(number, d50))}
    for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), to_d50.T, strict=True):
        tags[key] = b"XYZ \0\0\0\0" + b"".join(number(value) for value in column)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for key, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += key + struct.pack(">II", start + len(body), len(content))
        body += padded
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(number, d50))
    return header + bytes(128 - len(header)) + table + body


DISPLAY_P3 = rgb_profile("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), 2.2)
ADOBE_RGB = rgb_profile("Adobe RGB (1998)", ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)), 563 / 256)


def png_chunk(name: str, value: int) -> bytes:
    """A chunk of a PNG that holds one number: ``gAMA`` or ``sRGB``."""
    content = name.encode() + value.to_bytes(1 if name == "sRGB" else 4, "big")
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def png_with_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def jpeg_claiming(width: int, height: int) -> bytes:
    """A small JPEG whose frame header claims another size."""
    stream = io.BytesIO()
    Image.fromarray(scene(2, 64, 64)).save(stream, "JPEG")
    content = bytearray(stream.getvalue())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def tiff_claiming(width: int, height: int) -> bytes:
    """An uncompressed TIFF that claims a size and holds nothing."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, height), (279, 4, width * height % 2**32)]
    body = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHI", tag, kind, 1) + (struct.pack("<HH", value, 0) if kind == 3 else struct.pack("<I", value))
        for tag, kind, value in tags
    )
    return b"II*\0" + struct.pack("<I", 8) + body + bytes(4)
