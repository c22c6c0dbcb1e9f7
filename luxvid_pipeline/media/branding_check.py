# pyright: reportUnknownMemberType=false
"""Whether a file that goes out unbranded really names nobody: in its name, in what is written in it, in its pictures.

Belongs here: looking for names, numbers, logos, cards and overlays in finished files.
Does not belong here: what counts as somebody's identity (``domain/brand.py``), drawing it (``brand_graphics.py``).

A film is unbranded by construction, because its plan has no card and no overlay. This looks at the file itself, so
that a mistake in the plan, or a yard sign in a photograph, is still found before it goes out.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av import VideoFrame
from av.error import FFmpegError
from numpy.typing import NDArray
from PIL import Image

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.logos import Logo
from luxvid_pipeline.media.video_files import key_frame, open_without_decoding

_TEXTS = frozenset(
    (".json", ".html", ".htm", ".txt", ".md", ".m3u8", ".edl", ".otio", ".xml", ".vtt", ".srt", ".csv", ".svg")
)
_PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif"))
_FILMS = frozenset((".mp4", ".m4v", ".mov", ".ts", ".m4s", ".mkv", ".webm"))
_LEAST_BYTES = 6
"""Shorter words turn up in compressed pictures by chance."""

_LOOKED_AT = 14
_SHORT_PX = 540
_BLUR_PX = 12
_CARD_ALIKE = 0.4
_OVERLAY_ALIKE = 0.3
"""Over 45 photos of two houses, strangers reach 0.02 (cards) and 0.07 (overlays); what is there reaches 0.98 for a card
and at least 0.48 for an overlay."""

_LOGO_POINTS = 6
"""Points of a logo found in the same arrangement. The same photos reach 3; with a logo laid over them a third stay
below 6, so a logo is found in some of a film's frames, not in each."""

_LOGO_DRAWN_PX = (160, 320)
_ADDED = 26.0

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandingFinding:
    """Something in an unbranded file that says who sells the property.

    Attributes:
        file: The file's name.
        where: ``name``, ``text``, ``metadata`` or ``picture``.
        what: What was found, in words.
    """

    file: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where}: {self.what}"


def branding_in(
    path: Path,
    identity: Sequence[str],
    *,
    logo: Logo | None = None,
    cards: Sequence[Picture] = (),
    overlays: Sequence[Picture] = (),
) -> tuple[BrandingFinding, ...]:
    """Return everything in a file that says who sells the property; nothing for a truly unbranded one.

    Args:
        path: A film, a picture or a text of the package.
        identity: Names, numbers and addresses, as :func:`luxvid_pipeline.domain.brand.identity` gives them.
        logo: Looked for anywhere in the picture, upright, from 4 to 60 % of its width.
        cards: Whole pictures that must not be shown, in the film's shape.
        overlays: Transparent pictures of the film's size that must not have been laid over it.

    Raises:
        MediaError: The file cannot be read.
    """
    return BrandingSearch(identity, logo=logo, cards=cards, overlays=overlays).findings(path)


class BrandingSearch:
    """Looks through many files of one shape for the same names, logo, cards and overlays."""

    def __init__(
        self,
        identity: Sequence[str],
        *,
        logo: Logo | None = None,
        cards: Sequence[Picture] = (),
        overlays: Sequence[Picture] = (),
    ) -> None:
        """Prepare to look; the arguments are those of :func:`branding_in`."""
        self._identity = identity
        self._logo = LogoSearch(logo) if logo is not None else None
        self._cards = [_Card(card) for card in cards]
        self._overlays = [_Laid(overlay) for overlay in overlays]

    def findings(self, path: Path, *, pictures: int = _LOOKED_AT, for_logo: bool = True) -> tuple[BrandingFinding, ...]:
        """Return everything in a file that says who sells the property.

        Args:
            path: The file.
            pictures: How many pictures of a film are looked at, from its first to its last key frame.
            for_logo: Whether the logo is looked for too, which takes longest.

        Raises:
            MediaError: The file cannot be read.
        """
        found = [*words_in_name(path.name, self._identity), *words_in_file(path, self._identity)]
        if self._cards or self._overlays or (self._logo is not None and for_logo):
            greys = _pictures(path, pictures)
            logo = self._logo if for_logo else None
            found += [BrandingFinding(file=path.name, where="picture", what=what) for what in self._shown(greys, logo)]
        return tuple(found)

    def _shown(self, greys: Sequence[Picture], logo: "LogoSearch | None") -> Iterator[str]:
        if any(card.likeness(grey) >= _CARD_ALIKE for grey in greys for card in self._cards):
            yield "a card is shown"
        for overlay in self._overlays:
            if any(overlay.likeness(grey) >= _OVERLAY_ALIKE for grey in greys):
                yield "an overlay is laid over the picture"
        if logo is not None and any(logo.points_in(grey) >= _LOGO_POINTS for grey in greys):
            yield "the logo is shown"


# --- Words ----------------------------------------------------------------------------------------------------------


def words_in_name(name: str, identity: Sequence[str]) -> tuple[BrandingFinding, ...]:
    """Return what of somebody's identity a file's name says."""
    plain = _squeezed(name)
    return tuple(
        BrandingFinding(file=name, where="name", what=f"it contains {word!r}")
        for word in identity
        if len(_squeezed(word)) >= 3 and _squeezed(word) in plain
    )


def words_in_file(path: Path, identity: Sequence[str]) -> tuple[BrandingFinding, ...]:
    """Return what of somebody's identity is written in a file: as text, as metadata, anywhere in its bytes.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        if path.suffix.lower() in _TEXTS:
            texts = [("text", path.read_text(encoding="utf-8", errors="replace"))]
        else:
            texts = [("metadata", text) for text in _metadata(path)]
            texts += [("metadata", word) for word in _in_bytes(path, identity)]
    except (OSError, ValueError, FFmpegError) as error:
        raise MediaError(f"{path}: what is written in it cannot be read: {error}") from error
    found = {(where, word) for where, text in texts for word in identity if _says(text, word)}
    return tuple(
        BrandingFinding(file=path.name, where=where, what=f"it says {word!r}") for where, word in sorted(found)
    )


def _says(text: str, word: str) -> bool:
    """Return whether a text contains a name, or a telephone number however it is punctuated."""
    wanted = _folded(word)
    if wanted and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", _folded(text)):
        return True
    digits = re.sub(r"\D", "", word)
    if len(digits) < 7 or len(set(digits)) < 3 or re.search(r"[^\d\s()+./-]", word):
        return False
    numbers = re.findall(r"(?<!\w)\+?\(?\d[\d\s()./-]{5,24}\d(?!\w)", text)
    return any(digits[-9:] in re.sub(r"\D", "", number) for number in numbers)


def _folded(text: str) -> str:
    """Return text without accents, case and runs of white space."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(plain.casefold().split())


def _squeezed(text: str) -> str:
    return "".join(char for char in _folded(text) if char.isalnum())


def _in_bytes(path: Path, words: Sequence[str]) -> Iterator[str]:
    """Yield the words that stand anywhere in a file, in UTF-8 or UTF-16, in whatever case."""
    if not words:
        return
    # Lower case first: one pass over the file for each word then serves all the ways to write it.
    data = path.read_bytes().lower()
    for word in words:
        spellings = {spelling.encode().lower() for spelling in (word, word.lower(), word.upper())}
        # Without its outermost zero a word is the same in both byte orders of UTF-16.
        spellings |= {
            spelling.encode("utf-16-be").lower().lstrip(b"\0") for spelling in (word, word.lower(), word.upper())
        }
        if any(len(spelling) >= _LEAST_BYTES and data.find(spelling) >= 0 for spelling in spellings):
            yield word


def _metadata(path: Path) -> Iterator[str]:
    """Yield every tag of a container, its tracks and chapters, and of a picture."""
    if path.suffix.lower() in _FILMS:
        with open_without_decoding(path) as container:
            tags = [container.metadata, *(stream.metadata for stream in container.streams)]
            chapters = [dict(chapter["metadata"]) for chapter in container.chapters()]
        for tag in (*tags, *chapters):
            yield from (str(value) for value in tag.values())
    elif path.suffix.lower() in _PICTURES:
        with Image.open(path) as picture:
            values = [*picture.info.values(), *picture.getexif().values()]
        for value in values:
            yield value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# --- Pictures -------------------------------------------------------------------------------------------------------


def added_pixels(film: Sequence[Picture], clips: Sequence[Picture]) -> tuple[str, ...]:
    """Return where frames of a film show what the frames they were made from do not.

    Args:
        film: Frames as shown, red, green and blue.
        clips: The same frames as they should be, in the same order and of the same shape.

    Returns:
        One sentence for each frame with a block of at least a hundredth of its width that differs.
    """
    found: list[str] = []
    for number, (shown, meant) in enumerate(zip(film, clips, strict=True)):
        size = (240, max(2, round(240 * shown.shape[0] / shown.shape[1])))
        one, other = (
            cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) for picture in (shown, meant)
        )
        away = np.asarray(cv2.blur(cv2.absdiff(one, other), (3, 3)), dtype=np.float32).max(axis=2)
        if float(away.max()) > _ADDED:
            y, x = np.unravel_index(int(away.argmax()), away.shape)
            place = f"{round(100 * int(x) / size[0])} % from the left, {round(100 * int(y) / size[1])} % from the top"
            found.append(f"frame {number} differs from its clip at {place}")
    return tuple(found)


class _Card:
    """A card that may be shown.

    Its likeness to a picture is that of their details: 1 for the same, about 0 for strangers; fading changes nothing,
    nor does a change of brightness.
    """

    def __init__(self, card: Picture) -> None:
        self._size = (320, max(2, round(320 * card.shape[0] / card.shape[1])))
        grey = cv2.cvtColor(card[..., :3], cv2.COLOR_RGB2GRAY)
        self._details = _details(cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA))

    def likeness(self, grey: Picture) -> float:
        return _correlation(_details(cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA)), self._details)


class _Laid:
    """An overlay that may have been laid over a picture: how much of its details shows where it would lie."""

    def __init__(self, overlay: Picture) -> None:
        self._overlay = overlay
        self._sizes: dict[tuple[int, int], tuple[tuple[slice, slice], NDArray[np.float32]] | None] = {}

    def likeness(self, grey: Picture) -> float:
        size = (grey.shape[1], grey.shape[0])
        if size not in self._sizes:
            self._sizes[size] = self._drawn(size)
        drawn = self._sizes[size]
        if drawn is None:
            return 0.0
        (rows, columns), details = drawn
        # The blur that details are taken from reaches so far beyond their edge.
        top, left = max(0, rows.start - _BLUR_PX), max(0, columns.start - _BLUR_PX)
        near = _details(grey[top : rows.stop + _BLUR_PX, left : columns.stop + _BLUR_PX])
        here = near[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        return _correlation(here, details)

    def _drawn(self, size: tuple[int, int]) -> tuple[tuple[slice, slice], NDArray[np.float32]] | None:
        small = cv2.resize(self._overlay, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        alpha = small[..., 3] / 255
        laid = np.asarray(cv2.cvtColor(small[..., :3], cv2.COLOR_RGB2GRAY)) * alpha + 110.0 * (1 - alpha)
        details = _details(laid)
        strong = np.abs(details) > 12
        rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
        if not rows.size:
            return None
        part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        return part, details[part]


class LogoSearch:
    """Looks for one logo anywhere in pictures, light or dark, by its corners (SIFT) and how they lie to each other.

    A logo without corners to speak of, such as a plain disc, cannot be found this way and is never reported.

    Source:
        Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 60 (2004).
    """

    def __init__(self, logo: Logo) -> None:
        self._detector = cv2.SIFT.create(nfeatures=3000, contrastThreshold=0.03)
        self._marks: list[_Points] = []
        close = cv2.SIFT.create(contrastThreshold=0.02)
        for width in _LOGO_DRAWN_PX:
            flat = _flat(logo, width)
            for grey in (flat, 255 - flat):
                points = _points(close, grey)
                if points is not None and len(points.places) >= _LOGO_POINTS:
                    self._marks.append(points)

    def points_in(self, grey: Picture) -> int:
        """Return how many of the logo's points a grey picture shows as the logo has them, at one place and size."""
        seen = _points(self._detector, grey) if self._marks else None
        return max((self._agreeing(mark, seen) for mark in self._marks), default=0) if seen is not None else 0

    def _agreeing(self, mark: "_Points", seen: "_Points") -> int:
        pairs = cv2.BFMatcher().knnMatch(mark.descriptors, seen.descriptors, k=2)
        near = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.8 * pair[1].distance]
        if len(near) < 4:
            return 0
        here = mark.places[[match.queryIdx for match in near]]
        there = seen.places[[match.trainIdx for match in near]]
        affine, agree = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=3.0)
        if affine is None:  # pyright: ignore[reportUnnecessaryComparison]  OpenCV's stubs forget it.
            return 0
        share = float(np.hypot(affine[0, 0], affine[1, 0])) * mark.width_px / seen.width_px
        turned = abs(float(np.degrees(np.arctan2(affine[1, 0], affine[0, 0]))))
        if not (0.04 < share < 0.6 and turned < 15):
            return 0
        return len({tuple(place) for place in np.rint(here[agree.ravel() > 0]).tolist()})


@dataclass(frozen=True, slots=True)
class _Points:
    """Corners of a picture: where they lie, what they look like, how wide the picture is."""

    places: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    width_px: int


def _points(detector: cv2.SIFT, grey: Picture) -> _Points | None:
    found, descriptors = detector.detectAndCompute(grey, None)
    if len(found) < 2:
        return None
    return _Points(
        np.array([point.pt for point in found], np.float32), np.asarray(descriptors, np.float32), grey.shape[1]
    )


def _flat(logo: Logo, width_px: int) -> Picture:
    """Return a logo in grey on a ground it stands out from, with a margin."""
    height = max(8, round(width_px / logo.aspect))
    small = cv2.resize(logo.rgba, (width_px, height), interpolation=cv2.INTER_AREA)
    pad = max(4, width_px // 20)
    small = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=[0.0] * 4).astype(np.float32)
    alpha = small[..., 3:] / 255
    dark = sum(logo.colour) <= 384
    ground = np.array(logo.backdrop or ((255, 255, 255) if dark else (0, 0, 0)), dtype=np.float32)
    flat = (small[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _details(grey: object) -> NDArray[np.float32]:
    plain = np.asarray(grey, dtype=np.float32)
    return np.asarray(plain - cv2.GaussianBlur(plain, (0, 0), 3.0), dtype=np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / scale if scale > 1e-6 else 0.0


def _grey(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _pictures(path: Path, count: int) -> list[Picture]:
    """Return pictures from all over a file, grey, the short side ``_SHORT_PX`` long; none for a text or a sound."""
    kind = path.suffix.lower()
    if kind in _FILMS:
        return _key_frames(path, count)
    if kind not in _PICTURES:
        return []
    try:
        with Image.open(path) as opened:
            total = getattr(opened, "n_frames", 1)
            shown = sorted({round(place * (total - 1) / max(1, count - 1)) for place in range(count)})
            return [_grey(np.asarray(_small(opened, number))) for number in shown]
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: the picture cannot be read: {error}") from error


def _small(opened: Image.Image, number: int) -> Image.Image:
    opened.seek(number)
    return opened.convert("RGB").resize(_looked_at_size(opened.width, opened.height))


def _key_frames(path: Path, count: int) -> list[Picture]:
    """Return key frames at equal distances, grey, the first and the last among them; no other frame is decoded."""
    try:
        with open_without_decoding(path) as container:
            stream = container.streams.video[0]
            places = [packet.pts for packet in container.demux(stream) if packet.is_keyframe and packet.pts is not None]
            places.sort()
            wanted = sorted({round(place * (len(places) - 1) / max(1, count - 1)) for place in range(count)})
            size = _looked_at_size(stream.width, stream.height)
            return [_small_luma(key_frame(container, stream, places[place]), size) for place in wanted]
    except (FFmpegError, OSError, IndexError, ValueError) as error:
        raise MediaError(f"{path}: no pictures can be read from it: {error}") from error


def _small_luma(frame: VideoFrame, size: tuple[int, int]) -> Picture:
    """A frame's luma in another size, from video range to full."""
    plane: Any = frame.planes[0]  # a buffer, which its stub does not say
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.convertScaleAbs(small, alpha=255 / 219, beta=-16 * 255 / 219), np.uint8)


def _looked_at_size(width: int, height: int) -> tuple[int, int]:
    scale = _SHORT_PX / min(width, height)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))
