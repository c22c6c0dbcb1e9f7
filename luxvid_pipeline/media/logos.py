"""A client's logo, from whatever file somebody exported, as pixels that can be laid over a picture.

Belongs here: reading PNG, JPEG, WebP and SVG logos, refusing what is harmful or would draw a broken mark.
Does not belong here: where a logo is placed (``media/brand_graphics.py``), colours (``domain/brand.py``).
"""

import base64
import io
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from luxvid_pipeline.domain.brand import Rgb
from luxvid_pipeline.domain.errors import ListingError
from luxvid_pipeline.media.fonts import FONTS

_MOST_BYTES = 8_000_000
_MOST_PIXELS = 40_000_000
_MOST_ELEMENTS = 20_000
_MOST_DEPTH = 100
_LONGEST_SIDE_PX = 1200
_LEAST_SIDE_PX = 24
_LONGEST_DRAWING_S = 20

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_UNDRAWN = frozenset({"script", "foreignObject", "metadata", "title", "desc", "handler", "listener", "a11y"})
_ANIMATION = frozenset({"animate", "animateMotion", "animateTransform", "animateColor", "set", "discard"})
_EMBEDDED = re.compile(r"data:image/(png|jpeg|jpg|webp|gif);base64,", re.IGNORECASE)
_REMOTE = re.compile(r"url\(\s*['\"]?\s*(?!['\"]?#)(?!data:image/(?:png|jpeg|jpg|webp|gif);base64,)", re.IGNORECASE)
_LOCAL = re.compile(r"url\(\s*['\"]?#([^)'\"]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A logo, ready to be laid over a picture.

    Attributes:
        rgba: (rows, columns, 4), not premultiplied, cropped to what is drawn; at most 1200 px long.
        backdrop: The one colour it brings along behind it, for a logo without transparency; else None.
        one_colour: Whether it is drawn in a single colour, so that it may be drawn in another.
        notes: What was left out of the file, for people.
    """

    rgba: NDArray[np.uint8]
    backdrop: Rgb | None = None
    one_colour: bool = False
    notes: tuple[str, ...] = ()

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.rgba.shape[1] / self.rgba.shape[0]

    @property
    def colour(self) -> Rgb:
        """The mean colour of what is drawn, weighted by how opaque it is."""
        weights = self.rgba[..., 3].astype(np.float64)
        weights /= max(1.0, weights.sum())
        red, green, blue = (round(float((self.rgba[..., band] * weights).sum())) for band in range(3))
        return red, green, blue


def read_logo(path: Path) -> Logo:
    """Return the logo in a file.

    An SVG is drawn without its scripts, event handlers and animations, which have no place in a still mark. One that
    needs another file, a style sheet or an entity is refused, because it would come out incomplete; nothing outside
    the file is ever read.

    Raises:
        ListingError: There is no such file, or it is no logo that can be drawn; the message names file and remedy.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ListingError(f"{path.name}: a logo of {path.stat().st_size / 1e6:.0f} MB; save it below 8 MB")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ListingError(
            f"{path.name}: no such logo; put the file into the listing folder or drop brand.logo"
        ) from error
    except OSError as error:
        raise ListingError(f"{path.name}: the logo cannot be read: {error.strerror or error}") from error
    if not data.strip():
        raise ListingError(f"{path.name}: the logo is an empty file; export it again")
    notes: tuple[str, ...] = ()
    if _looks_like_svg(path, data):
        picture, notes = _drawn_svg(path.name, data)
    else:
        picture = _opened(path.name, data)
    return _finished(path.name, picture, notes)


# --- Pixels ---------------------------------------------------------------------------------------------------------


def _opened(name: str, data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF")) as opened:
            size = opened.size
            upright = ImageOps.exif_transpose(opened).convert("RGBA") if size[0] * size[1] <= _MOST_PIXELS else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ListingError(f"{name}: no PNG, JPEG, WebP or SVG logo can be read from it; export it again") from error
    if upright is None:
        raise ListingError(f"{name}: {size[0]}×{size[1]} px is no logo; save it below 40 megapixels")
    return upright


def _finished(name: str, picture: Image.Image, notes: tuple[str, ...]) -> Logo:
    backdrop = _backdrop(np.asarray(picture))
    picture = picture.crop(_drawn_box(name, np.asarray(picture)[..., 3] > 8))
    if backdrop is not None:
        picture = _trimmed(name, picture, backdrop)
    if max(picture.size) < _LEAST_SIDE_PX:
        raise ListingError(f"{name}: {picture.width}×{picture.height} px is too small for a film; export it larger")
    if max(picture.size) > _LONGEST_SIDE_PX:
        picture = _scaled(picture, _LONGEST_SIDE_PX / max(picture.size))
    if not 1 / 12 <= picture.width / picture.height <= 12:
        notes = (*notes, f"{name}: {picture.width}×{picture.height} px is a very long logo and will look small")
    pixels = np.ascontiguousarray(np.asarray(picture))
    return Logo(rgba=pixels, backdrop=backdrop, one_colour=backdrop is None and _is_one_colour(pixels), notes=notes)


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    """Return a picture resized with its colours premultiplied, so that no fringe shows."""
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def _border(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def _backdrop(pixels: NDArray[np.uint8]) -> Rgb | None:
    """Return the colour all around an opaque picture; None where it is transparent or of many colours."""
    border = _border(pixels)
    if (border[:, 3] < 250).mean() > 0.02:
        return None
    middle = np.median(border[:, :3], axis=0)
    if (np.abs(border[:, :3] - middle).max(axis=1) > 24).mean() > 0.1:
        return None
    red, green, blue = (int(value) for value in middle)
    return red, green, blue


def _trimmed(name: str, picture: Image.Image, backdrop: Rgb) -> Image.Image:
    """Return the picture without its empty margins."""
    away = np.abs(np.asarray(picture)[..., :3].astype(np.int16) - np.array(backdrop)).max(axis=2) > 28
    return picture.crop(_drawn_box(name, away))


def _drawn_box(name: str, drawn: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not rows.size:
        raise ListingError(f"{name}: nothing is drawn in it; export the logo again, visible")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _is_one_colour(pixels: NDArray[np.uint8]) -> bool:
    solid = pixels[pixels[..., 3] > 200][:, :3].astype(np.float64)
    clear = float((pixels[..., 3] < 30).mean())
    return (
        solid.shape[0] > 0 and clear > 0.1 and float(np.abs(solid - np.median(solid, axis=0)).max(axis=1).mean()) < 12
    )


# --- SVG ------------------------------------------------------------------------------------------------------------


def _looks_like_svg(path: Path, data: bytes) -> bool:
    head = data[:2048].replace(b"\x00", b"").lower()
    return path.suffix.lower() == ".svg" or b"<svg" in head


def _drawn_svg(name: str, data: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    tree = _Sanitiser(name)
    root = tree.read(data)
    width, height = _view_size(name, root)
    scale = _LONGEST_SIDE_PX / max(width, height)
    root.set("width", f"{width * scale:g}")
    root.set("height", f"{height * scale:g}")
    markup = ElementTree.tostring(root, encoding="unicode")
    png = _drawn(name, markup, with_text=bool(tree.text))
    with Image.open(io.BytesIO(png)) as opened:
        return opened.convert("RGBA"), tree.notes()


def _drawn(name: str, markup: str, *, with_text: bool) -> bytes:
    """Return an SVG drawn as PNG, in a process of its own that may fail without harm."""
    request = {
        "svg_string": markup,
        "skip_system_fonts": True,
        "font_files": [str(path) for path in sorted(FONTS.glob("*.ttf"))] if with_text else None,
        "font_family": "Jost",
        "serif_family": "EB Garamond",
        "sans_serif_family": "Jost",
    }
    try:
        child = subprocess.run(
            [sys.executable, "-I", str(Path(__file__).with_name("svg_drawing.py"))],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=_LONGEST_DRAWING_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ListingError(
            f"{name}: the SVG takes more than {_LONGEST_DRAWING_S} s to draw; simplify it or export a PNG"
        ) from error
    if child.returncode != 0:
        why = child.stderr.decode(errors="replace").strip().splitlines() if child.returncode == 1 else []
        raise ListingError(f"{name}: the SVG cannot be drawn ({why[-1] if why else 'too complex'}); export it as PNG")
    return child.stdout


def _view_size(name: str, root: ElementTree.Element) -> tuple[float, float]:
    """Return the size of what is seen, in user units; the root gets a ``viewBox`` if it has none."""
    numbers = re.findall(r"[-+0-9.eE]+", root.get("viewBox", ""))
    try:
        if len(numbers) == 4:
            width, height = float(numbers[2]), float(numbers[3])
        else:
            width, height = (_user_units(root.get(side, "")) for side in ("width", "height"))
            root.set("viewBox", f"0 0 {width:g} {height:g}")
    except ValueError as error:
        raise ListingError(f"{name}: the SVG gives no size; export it with a viewBox") from error
    if not (0 < width < 1e6 and 0 < height < 1e6 and 1 / 50 <= width / height <= 50):
        raise ListingError(f"{name}: an SVG of {width:g}×{height:g} is no logo; export it with a sensible viewBox")
    return width, height


def _user_units(text: str) -> float:
    match = re.fullmatch(r"\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(px|pt|mm|cm|in|pc)?\s*", text)
    if match is None:
        raise ValueError(text)
    factors: Mapping[str | None, float] = {"pt": 4 / 3, "mm": 96 / 25.4, "cm": 960 / 25.4, "in": 96, "pc": 16}
    return float(match[1]) * factors.get(match[2], 1.0)


@dataclass(slots=True)
class _Sanitiser:
    """Reads an SVG and keeps only what draws something from within the file."""

    name: str
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    text: int = 0

    def read(self, data: bytes) -> ElementTree.Element:
        """Return the root of a harmless copy.

        Raises:
            ListingError: It needs something from outside, defines entities, is too large, or is no SVG.
        """
        root = self._parsed(data)
        if root.tag == "svg":
            root.set("xmlns", _SVG)
        elif root.tag != f"{{{_SVG}}}svg":
            raise ListingError(
                f"{self.name}: its first element is {_local(root.tag)!r}, not svg; export the logo as SVG"
            )
        self._clean(root, 0)
        self._check_copies(root)
        return root

    def notes(self) -> tuple[str, ...]:
        """Return what was left out."""
        notes = [f"{self.name}: {count} × {what} left out of the SVG" for what, count in sorted(self.dropped.items())]
        if self.text:
            notes.append(
                f"{self.name}: its text is set in the project's own fonts; turn text into paths to keep its look"
            )
        return tuple(notes)

    def _parsed(self, data: bytes) -> ElementTree.Element:
        builder = ElementTree.TreeBuilder()
        parser = expat.ParserCreate(namespace_separator="}")
        count = depth = 0

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal count, depth
            count, depth = count + 1, depth + 1
            if count > _MOST_ELEMENTS or depth > _MOST_DEPTH:
                raise ListingError(f"{self.name}: the SVG is too complex for a logo; simplify it or export a PNG")
            builder.start(_tag(tag), {_tag(key): value for key, value in attributes.items()})

        def end(tag: str) -> None:
            nonlocal depth
            depth -= 1
            builder.end(_tag(tag))

        def entity(*_: object) -> None:
            raise ListingError(f"{self.name}: the SVG defines entities; export it again as plain SVG")

        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = builder.data
        parser.EntityDeclHandler = entity
        try:
            parser.Parse(data, True)
            return builder.close()
        except expat.ExpatError as error:
            raise ListingError(f"{self.name}: not readable as SVG ({error}); export the logo again") from error

    def _clean(self, element: ElementTree.Element, depth: int) -> None:
        for child in list(element):
            tag = _local(child.tag)
            if tag in _UNDRAWN or tag in _ANIMATION or not _is_svg(child.tag):
                if tag in ("script", "foreignObject", "handler", "listener") or tag in _ANIMATION:
                    self._drop("animation" if tag in _ANIMATION else tag)
                _remove(element, child)
            else:
                self._clean(child, depth + 1)
        if _local(element.tag) in ("text", "tspan") and (element.text or "").strip():
            self.text += 1
        if _local(element.tag) == "style":
            element.text = self._style(element.text or "")
        for key, value in list(element.attrib.items()):
            if _local(key).lower().startswith("on"):
                self._drop("event handler")
                del element.attrib[key]
            elif _local(key) in ("href", "src"):
                self._check_reference(element, key, value)
            elif key.startswith("{http://www.w3.org/XML/1998/namespace}base") or value.lower().startswith(
                "javascript:"
            ):
                self._drop("address")
                del element.attrib[key]
            else:
                self._style(value)

    def _check_reference(self, element: ElementTree.Element, key: str, value: str) -> None:
        address = re.sub(r"\s", "", value)
        if _local(element.tag) == "a":
            self._drop("link")
            del element.attrib[key]
        elif _EMBEDDED.match(address):
            self._check_embedded(address)
        elif not address.startswith("#"):
            raise ListingError(f"{self.name}: the SVG needs {value[:60]!r} from outside it; export the logo as PNG")

    def _check_embedded(self, address: str) -> None:
        try:
            _opened(f"{self.name}: its embedded picture", base64.b64decode(address.partition(",")[2], validate=True))
        except ValueError as error:
            raise ListingError(f"{self.name}: its embedded picture is damaged; export the logo as PNG") from error

    def _style(self, text: str) -> str:
        """Return a style sheet or value as it is, or raise where it reaches outside the file."""
        plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        if "\\" in plain and ("url" in plain.lower() or "@" in plain or "{" in plain):
            raise ListingError(f"{self.name}: the SVG's style sheet hides characters; export it again as plain SVG")
        if re.search(r"@import|@font-face", plain, re.IGNORECASE) or _REMOTE.search(plain):
            raise ListingError(
                f"{self.name}: the SVG's style needs another file; turn text into paths, export it again"
            )
        return plain

    def _check_copies(self, root: ElementTree.Element) -> None:
        """Refuse drawings that copy copies until no machine could draw them, and those that contain themselves."""
        by_id = {element.get("id", ""): element for element in root.iter()}
        sizes: dict[str, int] = {}

        def size(element: ElementTree.Element, inside: tuple[str, ...]) -> int:
            total = 1
            for part in element.iter():
                for name in _references(part):
                    if name in inside or len(inside) > 50:
                        raise ListingError(f"{self.name}: the SVG refers to itself; export it again as plain SVG")
                    if name in by_id:
                        if name not in sizes:
                            sizes[name] = size(by_id[name], (*inside, name))
                        total += sizes[name]
                total += 1
                if total > 20 * _MOST_ELEMENTS:
                    raise ListingError(f"{self.name}: the SVG is too complex for a logo; simplify it or export a PNG")
            return total

        size(root, ())

    def _drop(self, what: str) -> None:
        self.dropped[what] = self.dropped.get(what, 0) + 1


def _references(element: ElementTree.Element) -> list[str]:
    names: list[str] = []
    for key, value in element.attrib.items():
        if _local(key) == "href" and value.strip().startswith("#"):
            names.append(value.strip()[1:])
        names += _LOCAL.findall(value)
    return names


def _remove(parent: ElementTree.Element, child: ElementTree.Element) -> None:
    child.clear()
    parent.remove(child)


def _tag(name: str) -> str:
    return "{" + name if "}" in name else name


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _is_svg(tag: str) -> bool:
    return not tag.startswith("{") or tag.startswith(f"{{{_SVG}}}")
