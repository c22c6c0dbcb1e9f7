# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Reading a listing's photos: every file becomes a row, every usable one a working JPEG beside its original.

Belongs here: the order of the work, what is kept where, identical and near-duplicate photos, workers.
Does not belong here: decoding (``media/photo_decoding.py``), thresholds (``media/photo_quality.py``), rooms.

Threads, not processes: OpenCV and SHA-256 let go of the interpreter lock, and all threads share one small memory.
A thread holds one photo at a time, so memory does not grow with the number of photos.
"""

import hashlib
import itertools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.domain.file_names import read_file_name
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, public_address
from luxvid_pipeline.domain.ports import Progress, ignore_progress
from luxvid_pipeline.media.large_files import write_large
from luxvid_pipeline.media.listing_folder import ListingFolder, shown_name
from luxvid_pipeline.media.memory import memory_reused
from luxvid_pipeline.media.perceptual_hash import (
    NEAR_HASH_BITS,
    SAME_PICTURE_LIKENESS,
    differing_bits,
    has_colour,
    likeness,
    perceptual_hash,
    sketch,
)
from luxvid_pipeline.media.photo_decoding import (
    PhotoHeader,
    RefusedPhotoError,
    decode,
    decode_reduced_jpeg,
    read_header,
)
from luxvid_pipeline.media.photo_quality import analysis_size, judge

WORKING_QUALITY = 92
"""JPEG quality of working photos; 4:2:0, since the film itself is 4:2:0 and shows them at less than their size."""

LARGEST_FILE_BYTES = 1_000_000_000

_DOTS_COUNT = 0.5
"""What looks sharp in a picture whose few colours are mixed of dots is no detail, and counts by half."""

_LEAST_PIXELS_OF_COLOUR = 0.5
"""Pixels a photo in colour needs, of those of its copy without, to stay in its place."""

_ID_CHARACTERS = 16
_TOO_LARGE = "decoding it takes more memory than there is; scale it down"
_SCRATCH = ".reading-"
_SCRATCH_IS_STALE_S = 3600.0


def read_photos(
    folder: ListingFolder,
    into: Path,
    listing: str,
    *,
    workers: int | None = None,
    progress: Progress = ignore_progress,
    known: Mapping[str, PhotoRecord] | None = None,
) -> list[PhotoRecord]:
    """Return a row for every picture of the folder, kept or refused, and write originals and working photos.

    Args:
        folder: What lies in the listing's folder.
        into: Local directory that receives ``originals/`` and ``working/``; files appear in it whole or not at all.
        listing: Listing key, for the media keys in the rows.
        workers: Threads; by default one a core.
        progress: Told the part done.
        known: Rows of an earlier reading by ``photo_id``. A photo whose bytes are the same and whose files are still
            in ``into`` is not decoded again.

    Returns:
        Rows in the order of ``folder.photo_files``. Files with the same bytes are one row, under the name the manifest
        uses, or else the one that names a room most surely, or else the first.

    Raises:
        StorageError: ``into`` cannot be written; the message says why.
    """
    files = folder.photo_files
    sources = {entry.file: public_address(entry.source_url) for entry in folder.manifest.photos}
    with _scratch_in(into) as scratch, ThreadPoolExecutor(1, "keep-original") as keeper:
        reader = _Reader(listing=listing, into=into, known=known or {}, keeper=keeper)

        def read(file: Path, reader: _Reader = reader) -> _Read:
            name, source_url = shown_name(file), sources.get(file.as_posix())
            if file.as_posix() in folder.not_fetched:
                return _Read(_unread(name, source_url, folder.not_fetched[file.as_posix()]))
            return reader.read(folder.path(file), name, source_url, scratch)

        reads = _in_parallel(read, files, workers or _cores(), progress)
        file_of = {id(each): file for each, file in zip(reads, files, strict=True)}

        def read_anew(before: _Read) -> _Read:
            return read(file_of[id(before)], replace(reader, known={}))

        named = {shown_name(Path(file)) for file in sources}
        return _without_near_duplicates(_one_a_content(reads, named), reader, named, read_anew)


@dataclass(frozen=True, slots=True)
class _Read:
    record: PhotoRecord
    sketch: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    listing: str
    into: Path
    known: Mapping[str, PhotoRecord]
    keeper: ThreadPoolExecutor
    """Writes originals while their photos are decoded."""

    def local(self, key: str) -> Path:
        """Where the file of a media key of this reading lies."""
        return self.into / Path(key).parent.name / Path(key).name

    def read(self, path: Path, name: str, source_url: str | None, scratch: Path) -> _Read:
        try:
            size = path.stat().st_size
            content = b"" if size > LARGEST_FILE_BYTES else path.read_bytes()
        except OSError as error:
            reason = f"it cannot be opened ({error.strerror}); check its permissions"
            return _Read(_unread(name, source_url, reason))
        if size > LARGEST_FILE_BYTES:
            return _Read(_unread(name, source_url, "the file is over 1 GB; export a smaller one", size))
        photo_id = hashlib.sha256(content).hexdigest()
        before = self.known.get(photo_id)
        if before is not None and self._is_still_there(before):
            return _Read(replace(before, file=name, source_url=source_url))
        header, refused = _header_or_reason(content, path.suffix)
        original = self._key("originals", photo_id, ".bin" if header is None else header.suffix)
        keeping = self.keeper.submit(_keep, self.local(original), content, scratch)
        record = PhotoRecord(
            photo_id=photo_id,
            file=name,
            source_url=source_url,
            original=original,
            bytes=len(content),
            verdict=Verdict.REFUSED,
            reason=refused,
        )
        read = _Read(record)
        if header is not None:
            record = _with_header(record, header)
            read = _Read(record) if refused else self._looked_at(content, header, record, scratch)
        keeping.result()
        return read

    def _is_still_there(self, record: PhotoRecord) -> bool:
        keys = [key for key in (record.original, record.working) if key]
        return bool(record.original) and all(self.local(key).is_file() for key in keys)

    def _looked_at(self, content: bytes, header: PhotoHeader, record: PhotoRecord, scratch: Path) -> _Read:
        try:
            return self._look(content, header, record, scratch)
        except RefusedPhotoError as error:
            return _Read(replace(record, reason=error.reason))
        except MemoryError:
            return _Read(replace(record, reason=_TOO_LARGE))

    def _look(self, content: bytes, header: PhotoHeader, record: PhotoRecord, scratch: Path) -> _Read:
        pixels = decode(content, header)
        small = analysis_size(pixels)
        quality = judge(small)
        seen = replace(
            record,
            perceptual_hash=perceptual_hash(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.uint8)),
            sharpness=quality.sharpness * (_DOTS_COUNT if header.has_palette else 1.0),
            exposure=quality.exposure,
            reason=quality.reason,
        )
        if quality.reason:
            return _Read(seen)
        working = self._key("working", record.photo_id, ".jpg")
        _write(self.local(working), _working_jpeg(pixels), scratch)
        kept = replace(
            seen,
            verdict=Verdict.KEPT,
            working=working,
            working_width_px=pixels.shape[1],
            working_height_px=pixels.shape[0],
        )
        return _Read(kept, sketch(small))

    def _key(self, kind: str, photo_id: str, suffix: str) -> str:
        return f"listing_photos/{self.listing}/{kind}/{photo_id[:_ID_CHARACTERS]}{suffix}"

    def sketch_of(self, read: _Read) -> NDArray[np.float32]:
        """The sketch of a kept photo; one known from before is drawn again from its working photo."""
        if read.sketch is not None:
            return read.sketch
        pixels = decode_reduced_jpeg(self.local(read.record.working or "").read_bytes(), 2)
        if pixels is None:
            raise StorageError(f"{read.record.working} is damaged; delete it and read the photos again")
        return sketch(analysis_size(pixels))


def _in_parallel(read: Callable[[Path], _Read], files: Sequence[Path], workers: int, progress: Progress) -> list[_Read]:
    reads: dict[int, _Read] = {}
    # One photo a core: OpenCV's own threads would only get in their way, for a tenth more processor time.
    cv2.setNumThreads(1)
    with memory_reused(), ThreadPoolExecutor(workers, "read-photo") as pool:
        futures = {pool.submit(read, file): index for index, file in enumerate(files)}
        try:
            for done in as_completed(futures):
                reads[futures[done]] = done.result()
                progress(len(reads) / len(files))
        except BaseException:  # an interruption too: photos not begun are not read, those in hand are ended
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [reads[index] for index in range(len(files))]


def _header_or_reason(content: bytes, suffix: str) -> tuple[PhotoHeader | None, str]:
    """What the bytes say of themselves, and why they are refused; empty if they are not."""
    try:
        return read_header(content, suffix), ""
    except RefusedPhotoError as error:
        return error.header, error.reason
    except MemoryError:
        return None, _TOO_LARGE


def _with_header(record: PhotoRecord, header: PhotoHeader) -> PhotoRecord:
    width, height = header.upright_size_px
    return replace(
        record,
        format=header.format,
        width_px=width,
        height_px=height,
        exif_orientation=header.orientation,
        colour_profile=header.profile_name,
    )


def _unread(name: str, source_url: str | None, reason: str, size: int = 0) -> PhotoRecord:
    """A row for a file whose bytes nobody saw; its id is made from its name."""
    return PhotoRecord(
        photo_id=hashlib.sha256(b"unread\0" + name.encode()).hexdigest(),
        file=name,
        source_url=source_url,
        original="",
        bytes=size,
        verdict=Verdict.REFUSED,
        reason=reason,
    )


def _working_jpeg(pixels: NDArray[np.uint8]) -> memoryview:
    settings = [cv2.IMWRITE_JPEG_QUALITY, WORKING_QUALITY]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    made, encoded = cv2.imencode(".jpg", pixels, settings)
    if not made:
        raise RefusedPhotoError("no working JPEG can be made of it")
    return encoded.data


def _one_a_content(reads: Sequence[_Read], named: set[str]) -> list[_Read]:
    """Of files with the same bytes, keep the one the manifest names, else one whose name names a room, else the first.

    A camera's number beside a name that somebody gave must not take the room away.
    """

    def says(read: _Read) -> tuple[bool, float]:
        return read.record.file in named, read_file_name(read.record.file).confidence

    chosen: dict[str, _Read] = {}
    for read in reads:
        before = chosen.get(read.record.photo_id)
        if before is None or says(read) > says(before):
            chosen[read.record.photo_id] = read
    return [read for read in reads if chosen[read.record.photo_id] is read]


def _without_near_duplicates(
    reads: Sequence[_Read], reader: _Reader, named: set[str], read_anew: Callable[[_Read], _Read]
) -> list[PhotoRecord]:
    """Refuse all but the best of each group of photos that are one picture, and delete their working photos.

    The best of a group has colour if any photo of it has: a black-and-white copy is no sharper than its photo.
    What an earlier reading refused as a near-duplicate stands for the choice again, as if it were the first reading.
    It is decoded only if it may win now, or is held against another photo than the one it lost to.
    """

    def worth(read: _Read) -> tuple[bool, float, float, int, str]:
        record = read.record
        light = 1.0 - 2.0 * abs(record.exposure - 0.5)
        return record.file in named, _pixels(record), record.sharpness + 0.5 * light, record.bytes, record.photo_id

    now = {read.record.photo_id: read for read in reads}

    def decoded(photo_id: str) -> _Read:
        if now[photo_id].record.duplicate_of is not None:
            now[photo_id] = read_anew(now[photo_id])
        return now[photo_id]

    def is_one_picture(better: PhotoRecord, other: PhotoRecord) -> bool:
        if better.photo_id == other.duplicate_of or other.photo_id == better.duplicate_of:
            return True
        if differing_bits(better.perceptual_hash, other.perceptual_hash) > NEAR_HASH_BITS:
            return False
        pair = decoded(better.photo_id), decoded(other.photo_id)
        if any(read.record.verdict is not Verdict.KEPT for read in pair):  # an earlier version thought better of it
            return False
        one, another = pair
        alike = likeness(reader.sketch_of(one), reader.sketch_of(another), _aspect(one), _aspect(another))
        return alike >= SAME_PICTURE_LIKENESS

    def may_stay_instead(other: PhotoRecord, best: PhotoRecord) -> bool:
        """Whether a photo has colour and nothing else against it; one that an earlier reading refused has."""
        return (
            other.duplicate_of is None
            and (other.file in named) >= (best.file in named)
            and _pixels(other) >= _LEAST_PIXELS_OF_COLOUR * _pixels(best)
            and has_colour(reader.sketch_of(now[other.photo_id]))
        )

    better_of: dict[str, _Read] = {}
    standing = [read for read in reads if read.record.verdict is Verdict.KEPT or read.record.duplicate_of is not None]
    order = [read.record for read in sorted(standing, key=worth, reverse=True)]
    for better, other in itertools.combinations(order, 2):
        if better.photo_id in better_of or other.photo_id in better_of:
            continue
        # Nobody loses to a photo that, looked at again, is not kept.
        if is_one_picture(better, other) and decoded(better.photo_id).record.verdict is Verdict.KEPT:
            better_of[other.photo_id] = now[better.photo_id]

    for best_id in {read.record.photo_id for read in better_of.values()}:
        best = now[best_id].record
        group = [each for each in order if each.photo_id in better_of and _is(better_of[each.photo_id], best)]
        coloured = next((each for each in group if may_stay_instead(each, best)), None)
        if coloured is not None and not has_colour(reader.sketch_of(now[best_id])):
            del better_of[coloured.photo_id]
            better_of |= {each.photo_id: now[coloured.photo_id] for each in (best, *group) if each is not coloured}
    reads = [
        now[each.record.photo_id] if each.record.photo_id in better_of else decoded(each.record.photo_id)
        for each in reads
    ]
    rows: list[PhotoRecord] = []
    for read in reads:
        record = read.record
        better = better_of.get(record.photo_id)
        if better is not None:
            if record.working is not None:
                reader.local(record.working).unlink(missing_ok=True)
            record = replace(
                record,
                verdict=Verdict.REFUSED,
                reason=f"it is nearly the same picture as {better.record.file}, which is the better one",
                duplicate_of=better.record.photo_id,
                working=None,
                working_width_px=0,
                working_height_px=0,
            )
        rows.append(record)
    return rows


def _is(read: _Read, record: PhotoRecord) -> bool:
    return read.record.photo_id == record.photo_id


def _pixels(record: PhotoRecord) -> float:
    """Pixels that a film can use, 1 for all of its own."""
    return min(record.width_px, 1920) * min(record.height_px, 1080) / (1920 * 1080)


def _aspect(read: _Read) -> float:
    return read.record.width_px / read.record.height_px


def _keep(path: Path, content: bytes, scratch: Path) -> None:
    with _whole(path, scratch) as part:
        write_large(part, content)


def _write(path: Path, content: bytes | memoryview, scratch: Path) -> None:
    with _whole(path, scratch) as part:
        part.write_bytes(content)


@contextmanager
def _whole(path: Path, scratch: Path) -> Generator[Path]:
    """A place to write a file that appears under its name only when it is done."""
    part = scratch / f"{threading.get_ident()}-{path.name}"
    try:
        yield part
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _storage_error(path, error) from error


@contextmanager
def _scratch_in(into: Path) -> Generator[Path]:
    """A directory for unfinished files on the same disk; what a killed reading left behind is cleared away."""
    try:
        for part in ("originals", "working"):
            (into / part).mkdir(parents=True, exist_ok=True)
        for stale in into.glob(f"{_SCRATCH}*"):
            if time.time() - stale.stat().st_mtime > _SCRATCH_IS_STALE_S:
                shutil.rmtree(stale, ignore_errors=True)
        scratch = tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=into, ignore_cleanup_errors=True)
    except OSError as error:
        raise _storage_error(into, error) from error
    with scratch as directory:
        yield Path(directory)


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be written: {error.strerror or error}; free some space or check permissions")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
