"""A listing's folder on disk: which files may be photos, what ``listing.yaml`` says, what is left lying about.

Belongs here: walking the folder without ever leaving it, telling pictures from stray files, tying the manifest's file
names to the files that are there.
Does not belong here: the manifest's shape (``domain/listing.py``), decoding pictures (``media/photos.py``), fetching
photos (``media/remote_photos.py``) or a whole folder (``resources/inbox.py``).
"""

import difflib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from luxvid_pipeline.domain.arrivals import REJECTED_NAME, SeenFile, to_fetch
from luxvid_pipeline.domain.arrivals import plain_name as _plain
from luxvid_pipeline.domain.errors import InputError, ListingError
from luxvid_pipeline.domain.listing import MANIFEST_NAME, ListingManifest, PhotoEntry, parse_manifest

_READ = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".avif", ".tif", ".tiff", ".heic", ".heif", ".hif")
_REFUSED = (".svg", ".svgz", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2")
PHOTO_SUFFIXES = frozenset({*_READ, ".gif", ".bmp", *_REFUSED})
"""Endings that say somebody meant a picture; each such file gets a row, if only to say why it was refused."""

DEEPEST_LEVEL = 6
"""Folders below the listing's own that are still looked into."""

NOT_PHOTOS_MARK = ".nomedia"
"""A subfolder that holds a file of this name is not looked into, as on Android; the listing's own folder always is."""

_LARGEST_MANIFEST_BYTES = 1_000_000
_STRAY_NAMES = frozenset(
    {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "lost+found", REJECTED_NAME.lower()}
)
_SNIFFED_BYTES = 64
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
_ISO_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingFolder:
    """What a listing's folder holds.

    Attributes:
        folder: The folder, absolute, links resolved.
        manifest: What ``listing.yaml`` says, its photos named exactly as they lie on disk.
        photo_files: Files that are or claim to be pictures, relative to the folder, sorted by name.
        other_files: Everything else that is not hidden or litter, the brand's logo included.
        links_out: Links that lead out of the folder; they are never followed.
        to_fetch: Photos that the manifest gives by ``source_url`` and that are not in the folder.
        fetched: Where the files of fetched photos lie, by name; from ``with_fetched``.
        not_fetched: Why a photo could not be fetched, by name.
    """

    folder: Path
    manifest: ListingManifest
    photo_files: tuple[Path, ...]
    other_files: tuple[Path, ...] = ()
    links_out: tuple[Path, ...] = ()
    to_fetch: tuple[PhotoEntry, ...] = ()
    fetched: Mapping[str, Path] = field(default_factory=dict[str, Path])
    not_fetched: Mapping[str, str] = field(default_factory=dict[str, str])

    def path(self, file: Path) -> Path:
        """Return where the bytes of one of ``photo_files`` lie."""
        return self.fetched.get(file.as_posix(), self.folder / file)

    def with_fetched(self, fetched: Mapping[str, Path], not_fetched: Mapping[str, str]) -> "ListingFolder":
        """Return the folder with its photos by reference among the others.

        Args:
            fetched: Local files by the photos' names.
            not_fetched: Reasons by the names of those that could not be fetched; each gets its row too.
        """
        more = [Path(name) for name in (*fetched, *not_fetched)]
        return replace(
            self,
            photo_files=tuple(sorted((*self.photo_files, *more), key=_sort_key)),
            to_fetch=(),
            fetched=dict(fetched),
            not_fetched=dict(not_fetched),
        )

    @property
    def logo_candidates(self) -> tuple[Path, ...]:
        """Files that may be the brand's logo: the one the manifest names, otherwise every SVG."""
        named = self.manifest.brand.logo
        files = (*self.other_files, *self.photo_files)
        if named is not None:
            return tuple(file for file in files if _plain(file.as_posix()) == _plain(named))
        return tuple(file for file in files if file.suffix.lower() == ".svg")


def read_listing_folder(folder: Path) -> ListingFolder:
    """Return what lies in a listing's folder; nothing outside it is opened, whatever its links say.

    Args:
        folder: The folder; subfolders are read too, down to ``DEEPEST_LEVEL``.

    Raises:
        InputError: There is no such folder, it cannot be read, or it holds no picture at all.
        ListingError: ``listing.yaml`` is unreadable, or names a file that is neither there nor given by ``source_url``.
    """
    try:
        root = folder.expanduser()
    except RuntimeError as error:
        raise InputError(f"{folder}: there is no such user; write the path out") from error
    try:
        if not root.exists():
            raise InputError(f"{folder}: there is no such folder; name the folder that holds the listing's photos")
        if not root.is_dir():
            raise InputError(f"{folder} is a file; name the folder that holds the listing's photos")
        root = root.resolve()
        files, links_out = _walk(root)
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}); check its permissions") from error
    manifest = _named_as_on_disk(_read_manifest(root), files, root)
    named = {entry.file for entry in manifest.photos}
    logo = None if manifest.brand.logo is None else _plain(manifest.brand.logo)
    photos: list[Path] = []
    others: list[Path] = []
    for file in files:
        name = file.as_posix()
        if name in named:
            photos.append(file)
        elif name == MANIFEST_NAME:
            continue
        elif _plain(name) != logo and _may_be_picture(root / file):
            photos.append(file)
        else:
            others.append(file)
    by_reference = to_fetch(manifest, (file.as_posix() for file in files))
    if not photos and not by_reference:
        held = f" ({len(others)} other file{'s'[: len(others) - 1]})" if others else ""
        raise InputError(f"{folder} holds no photos{held}; put the listing's pictures (JPEG, PNG, HEIC, …) into it")
    return ListingFolder(
        folder=root,
        manifest=manifest,
        photo_files=tuple(photos),
        other_files=tuple(others),
        links_out=tuple(links_out),
        to_fetch=by_reference,
    )


def read_manifest(folder: Path) -> ListingManifest:
    """Return what a folder's ``listing.yaml`` says, an empty manifest where there is none.

    Raises:
        ListingError: It is unreadable; the message names line and field.
    """
    return _read_manifest(folder)


def seen_files(folder: Path, *, deepest_level: int = DEEPEST_LEVEL) -> tuple[SeenFile, ...]:
    """Return the files of a folder without opening one: one scan a directory, one stat a file, sorted by name.

    Args:
        folder: The folder.
        deepest_level: Folders below it that are looked into; 0 for its own files alone.

    Raises:
        OSError: The folder cannot be read.
    """
    found: list[SeenFile] = []
    for name, entry in _named_entries(str(folder), deepest_level=deepest_level):
        try:
            known = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # moved away meanwhile; the next look tells
            continue
        found.append(SeenFile(name, known.st_size, str(known.st_mtime_ns)))
    return tuple(sorted(found, key=lambda file: file.name))


def visible_names(names: Sequence[str]) -> list[str]:
    """Return the names, relative with ``/``, that a folder on disk would show: no litter, nothing hidden or too deep.

    Args:
        names: All files of one folder.
    """
    closed = {name.removesuffix(NOT_PHOTOS_MARK) for name in names if name.endswith(f"/{NOT_PHOTOS_MARK}")}
    return [
        name
        for name in names
        if not any(part.startswith((".", "~$")) or part.lower() in _STRAY_NAMES for part in name.split("/"))
        and name.count("/") <= DEEPEST_LEVEL
        and not name.startswith(tuple(closed))
    ]


def is_picture(path: Path) -> bool:
    """Return whether a file is or claims to be a picture, by its ending or by its first bytes."""
    return _may_be_picture(path)


def shown_name(file: Path) -> str:
    """Return a relative path as text that can be kept anywhere; bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(file.as_posix()).decode("utf-8", errors="replace")


def _walk(root: Path) -> tuple[list[Path], list[Path]]:
    files: list[Path] = []
    links_out: list[Path] = []
    for name, _ in _named_entries(str(root)):
        file = Path(name)
        path = root / file
        if path.is_symlink():
            if not _stays_inside(path, root):
                links_out.append(file)
                continue
            if path.is_dir():
                continue  # what it points to is met on its own path
        if stat.S_ISREG(path.stat().st_mode):  # a pipe or a device would block whoever opens it
            files.append(file)
    return sorted(files, key=_sort_key), sorted(links_out, key=_sort_key)


def _named_entries(
    root: str, below: str = "", level: int = 0, *, deepest_level: int = DEEPEST_LEVEL
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Give each file's name relative to the root; plain text, since an inbox holds tens of thousands of them."""
    with os.scandir(f"{root}/{below}" if below else root) as scanned:
        entries = list(scanned)
    if level > 0 and any(entry.name == NOT_PHOTOS_MARK for entry in entries):
        return
    for entry in entries:
        if entry.name.startswith((".", "~$")) or entry.name.lower() in _STRAY_NAMES:
            continue
        if entry.is_dir(follow_symlinks=False):
            if level < deepest_level:
                yield from _named_entries(root, f"{below}{entry.name}/", level + 1, deepest_level=deepest_level)
        else:
            yield f"{below}{entry.name}", entry


def _stays_inside(link: Path, root: Path) -> bool:
    try:
        return link.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # dangling, or a loop
        return False


def _sort_key(file: Path) -> tuple[str, str]:
    name = file.as_posix()
    return _plain(name), name


def _may_be_picture(path: Path) -> bool:
    if path.suffix.lower() in PHOTO_SUFFIXES:
        return True
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device would block whoever opens it
            return False
        with path.open("rb") as stream:
            head = stream.read(_SNIFFED_BYTES)
    except OSError:  # its name does not claim a picture, so nobody misses one
        return False
    if head.startswith(_MAGIC):
        return True
    return (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or (head[4:8] == b"ftyp" and head[8:12] in _ISO_BRANDS)


def _read_manifest(root: Path) -> ListingManifest:
    path = root / MANIFEST_NAME
    if path.is_symlink() and not _stays_inside(path, root):
        raise ListingError(f"{MANIFEST_NAME} is a link that leads out of {root.name}; put the file itself there")
    if not path.exists():
        misnamed = next((name for name in ("listing.yml", "Listing.yaml", "listing.yaml.txt") if _is(root / name)), "")
        if misnamed:
            raise ListingError(f"{misnamed} in {root.name} would not be read; rename it to {MANIFEST_NAME}")
        return ListingManifest()
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would block whoever opens it
            raise ListingError(f"{MANIFEST_NAME} in {root.name} is no file; put a file of text in its place")
        if found.st_size > _LARGEST_MANIFEST_BYTES:
            raise ListingError(f"{MANIFEST_NAME} in {root.name} is larger than 1 MB; it should be a page of text")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListingError(
            f"{MANIFEST_NAME} in {root.name} is not UTF-8 text (byte {error.start}); save it so"
        ) from error
    except OSError as error:
        raise ListingError(f"{MANIFEST_NAME} in {root.name} cannot be read: {error.strerror}") from error
    return parse_manifest(text, MANIFEST_NAME)


def _is(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _named_as_on_disk(manifest: ListingManifest, files: Sequence[Path], root: Path) -> ListingManifest:
    """Return the manifest with each photo named as it lies on disk, which may differ in case and accents."""
    exact = {file.as_posix() for file in files}
    alike = {_plain(name): name for name in exact}
    entries = list(manifest.photos)
    missing: list[str] = []
    for index, entry in enumerate(entries):
        found = entry.file if entry.file in exact else alike.get(_plain(entry.file))
        if found is None and entry.source_url:
            continue
        if found is None:
            near = difflib.get_close_matches(_plain(entry.file), alike, n=1)
            missing.append(repr(entry.file) + (f" (is it {alike[near[0]]!r}?)" if near else ""))
        else:
            entries[index] = entry.model_copy(update={"file": found})
    if missing:
        raise ListingError(
            f"{MANIFEST_NAME} in {root.name} names photos that are not in the folder: {', '.join(missing)}; "
            "add the files or take the entries out"
        )
    twice = {entry.file for entry in entries if sum(other.file == entry.file for other in entries) > 1}
    if twice:
        raise ListingError(f"{MANIFEST_NAME} in {root.name} names {', '.join(sorted(twice))} twice; keep one entry")
    return manifest.model_copy(update={"photos": tuple(entries)})
