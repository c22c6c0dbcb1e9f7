# pyright: reportUnknownMemberType=false
"""Whether a file that goes out unbranded really names nobody: in its name, in what is written in it, in its pictures.

Belongs here: looking for names, numbers, logos, cards and overlays in finished files.
Does not belong here: what counts as somebody's identity (``domain/brand.py``), drawing it (``brand_graphics.py``).

A film is unbranded by construction, because its plan has no card and no overlay. This looks at the file itself, so
that a mistake in the plan, or a yard sign in a photograph, is still found before it goes out.
"""

import mmap
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.logos import Logo
from luxvid_pipeline.media.sheets import frames_of

_TEXTS = frozenset(
    (".json", ".html", ".htm", ".txt", ".md", ".m3u8", ".edl", ".otio", ".xml", ".vtt", ".srt", ".csv", ".svg")
)
_PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif"))
_FILMS = frozenset((".mp4", ".m4v", ".mov", ".ts", ".m4s", ".mkv", ".webm"))
_LEAST_BYTES = 6
"""Shorter words turn up in compressed pictures by chance."""

_LOOKED_AT = 14
_WIDTH_PX = 960
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
    found = [*words_in_name(path.name, identity), *words_in_file(path, identity)]
    if logo is not None or cards or overlays:
        pictures = _pictures(path)
        found += [
            BrandingFinding(file=path.name, where="picture", what=what)
            for what in _shown(pictures, logo, cards, overlays)
        ]
    return tuple(found)


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
            texts += [("metadata", word) for word in identity if _in_bytes(path, word)]
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


def _in_bytes(path: Path, word: str) -> bool:
    if path.stat().st_size == 0:
        return False
    variants = {word, word.lower(), word.upper()}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for variant in variants:
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                needle = variant.encode(encoding)
                if len(needle) >= _LEAST_BYTES and data.find(needle) >= 0:
                    return True
    return False


def _metadata(path: Path) -> Iterator[str]:
    """Yield every tag of a container, its tracks and chapters, and of a picture."""
    if path.suffix.lower() in _FILMS:
        with av.open(str(path)) as container:
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


def _shown(
    pictures: Sequence[Picture], logo: Logo | None, cards: Sequence[Picture], overlays: Sequence[Picture]
) -> Iterator[str]:
    greys = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8) for picture in pictures]
    if any(alike_card(grey, card) >= _CARD_ALIKE for grey in greys for card in cards):
        yield "a card is shown"
    for overlay in overlays:
        if any(alike_overlay(grey, overlay) >= _OVERLAY_ALIKE for grey in greys):
            yield "an overlay is laid over the picture"
    if logo is not None:
        search = LogoSearch(logo)
        if any(search.points_in(grey) >= _LOGO_POINTS for grey in greys):
            yield "the logo is shown"


def alike_card(grey: Picture, card: Picture) -> float:
    """Return how much a picture looks like a card, by their details: 1 for the same, about 0 for strangers.

    Fading changes nothing, nor does a change of brightness.
    """
    size = (320, max(2, round(320 * card.shape[0] / card.shape[1])))
    there = cv2.resize(cv2.cvtColor(card[..., :3], cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    here = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return _correlation(_details(here), _details(there))


def alike_overlay(grey: Picture, overlay: Picture) -> float:
    """Return how much of an overlay's details a picture shows where the overlay would lie."""
    size = (grey.shape[1], grey.shape[0])
    small = cv2.resize(overlay, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    alpha = small[..., 3] / 255
    laid = np.asarray(cv2.cvtColor(small[..., :3], cv2.COLOR_RGB2GRAY)) * alpha + 110.0 * (1 - alpha)
    details = _details(laid)
    strong = np.abs(details) > 12
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    if not rows.size:
        return 0.0
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _correlation(_details(grey)[part], details[part])


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


def _pictures(path: Path) -> list[Picture]:
    """Return pictures from all over a file, 960 px wide; none for a text."""
    kind = path.suffix.lower()
    if kind in _FILMS:
        return [np.asarray(picture.convert("RGB")) for picture in frames_of(path, _LOOKED_AT, width_px=_WIDTH_PX)]
    if kind not in _PICTURES:
        return []
    try:
        with Image.open(path) as opened:
            frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(opened)]
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: the picture cannot be read: {error}") from error
    step = max(1, len(frames) // _LOOKED_AT)
    return [
        np.asarray(frame.resize((_WIDTH_PX, max(2, round(_WIDTH_PX * frame.height / frame.width)))))
        for frame in frames[::step]
    ]
