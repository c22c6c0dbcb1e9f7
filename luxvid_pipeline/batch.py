"""Many listings, one after the other.

Belongs here: telling a folder of listings from a listing whose photos lie in subfolders, going on after a failure.
Does not belong here: making one film (``local_runs.py``), printing (``cli_batch.py``).
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from luxvid_pipeline.domain.arrivals import SeenFile, is_ignored
from luxvid_pipeline.domain.errors import LuxVidError, StoppedError
from luxvid_pipeline.domain.file_names import read_file_name
from luxvid_pipeline.domain.listing import MANIFEST_NAME
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.local_runs import RenderedFilm
from luxvid_pipeline.media.listing_folder import seen_files
from luxvid_pipeline.resources.inbox import pictures_by_name

# Words for parts of one listing; a folder of one of these is no listing of its own.
_PART_WORDS = (
    "photo photos foto fotos image images img picture pictures pics jpg jpeg heic tiff raw original originals hires "
    "highres high low res web print mls edited edits final finals selected selects best day night dusk dawn interior "
    "interiors exterior exteriors inside outside indoor outdoor floor floors level upstairs downstairs ground first "
    "st nd rd th second third basement attic etage amenities neighborhood neighbourhood drone details other misc extra"
)
_PARTS = frozenset(_PART_WORDS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What became of one listing of a batch.

    Attributes:
        folder: Its folder.
        film: The film, or None.
        problem: Why there is none; empty where there is.
        exit_code: 0, or what the command would have ended with for this listing alone.
        seconds: How long it took.
    """

    folder: Path
    film: RenderedFilm | None = None
    problem: str = ""
    exit_code: int = 0
    seconds: float = 0.0

    @property
    def is_stopped(self) -> bool:
        """Whether a person has to decide, rather than something being broken."""
        return self.exit_code == StoppedError.exit_code


def listings_in(folder: Path) -> list[Path]:
    """Return the listings of a folder of listings, by name; nothing for a folder that is itself a listing.

    A folder with photos or ``listing.yaml`` of its own is a listing. Otherwise its subfolders with photos or
    ``listing.yaml`` are listings, unless one is named as a part of a listing is (``interior``, ``Kitchen``, ``web``)
    and none has a ``listing.yaml``: then its photos are merely sorted. Beside listings, a subfolder that cannot be read
    is one too: whoever makes its film tells why there is none.
    """
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        own = seen_files(folder, deepest_level=0)
        if any(file.name == MANIFEST_NAME for file in own) or pictures_by_name(own):
            return []
        subfolders = [entry for entry in entries if entry.is_dir() and not is_ignored(entry.name)]
    except OSError:
        return []  # whoever reads the folder as a listing says what is wrong with it
    held, unreadable = dict[Path, Sequence[SeenFile]](), list[Path]()
    for subfolder in subfolders:
        try:
            held[subfolder] = seen_files(subfolder)
        except OSError:
            unreadable.append(subfolder)
    described = [each for each, files in held.items() if any(file.name == MANIFEST_NAME for file in files)]
    pictured = [each for each, files in held.items() if pictures_by_name(files)]
    if not described and any(_is_part(each.name) for each in pictured):
        return []
    if not described and not pictured:
        return []
    return [each for each in subfolders if each in described or each in pictured or each in unreadable]


def render_each(folders: Sequence[Path], render: Callable[[Path], RenderedFilm]) -> Iterator[Rendered]:
    """Make the films of listings one after the other; one that fails is told, and the next is begun.

    Args:
        folders: The listings.
        render: Makes one film.
    """
    for folder in folders:
        start = time.monotonic()
        try:
            film = render(folder)
        except LuxVidError as error:
            yield Rendered(
                folder=folder,
                problem=str(error),
                exit_code=error.exit_code,
                seconds=time.monotonic() - start,
            )
        except Exception as error:  # A hundred listings do not wait for what nobody expected of one.
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            yield Rendered(folder=folder, problem=what, exit_code=1, seconds=time.monotonic() - start)
        else:
            yield Rendered(folder=folder, film=film, seconds=time.monotonic() - start)


def exit_code_of(results: Sequence[Rendered]) -> int:
    """Return 0 if every film was made, 1 if one failed, 3 if some only wait for a person."""
    if any(each.film is None and not each.is_stopped for each in results):
        return 1
    return StoppedError.exit_code if any(each.is_stopped for each in results) else 0


def _is_part(name: str) -> bool:
    words = [word for word in re.findall(r"[^\W\d_]+", name.lower()) if len(word) > 1]
    return bool(words) and all(word in _PARTS or read_file_name(word).room is not Room.UNKNOWN for word in words)
