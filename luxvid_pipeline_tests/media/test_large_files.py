import errno
import os

import pytest

from luxvid_pipeline.media import large_files
from luxvid_pipeline.media.large_files import write_large

MB = 1 << 20
LENGTHS = (0, 1, 4095, MB - 1, MB, MB + 1, 4 * MB, 4 * MB + 4097)


@pytest.fixture(params=["straight", "not on this system", "refused when opened", "refused when written", "short"])
def disk(request, monkeypatch):
    """Ways in which a file system takes a large file; returns the lengths written straight."""
    straight = 1 << 30  # a flag of no system, never handed on: not every disk that tests run on takes the real one
    monkeypatch.setattr(os, "O_DIRECT", straight, raising=False)
    if request.param == "not on this system":
        monkeypatch.delattr(os, "O_DIRECT")
    opened, wrote, lengths = os.open, os.write, []

    def open_file(path, flags, *mode, **more):
        if flags & straight and request.param == "refused when opened":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return opened(path, flags & ~straight, *mode, **more)

    def write(file, content):
        if request.param == "refused when written":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        lengths.append(len(content))
        return wrote(file, content[: len(content) // 2] if request.param == "short" else content)

    monkeypatch.setattr(large_files.os, "open", open_file)
    monkeypatch.setattr(large_files.os, "write", write)
    return lengths


@pytest.mark.parametrize("length", LENGTHS)
def test_a_file_holds_what_it_was_given_however_the_disk_takes_it(tmp_path, disk, length):
    file = tmp_path / "original.jpg"
    file.write_bytes(b"what lay there before")
    content = os.urandom(length)
    write_large(file, content)
    assert file.read_bytes() == content
    assert all(written % 4096 == 0 for written in disk)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_disk_here_takes_it(tmp_path, length):
    content = os.urandom(length)
    write_large(tmp_path / "original.jpg", content)
    assert (tmp_path / "original.jpg").read_bytes() == content


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "O_DIRECT", os.O_CLOEXEC, raising=False)  # any flag that every disk takes
    monkeypatch.setattr(large_files.os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        write_large(tmp_path / "original.jpg", bytes(2 * MB))
