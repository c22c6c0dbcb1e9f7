# pyright: reportMissingTypeStubs=false
"""Running ffmpeg: the binary that the wheel carries, one way to call it, one error.

Belongs here: finding ffmpeg, running it with a deadline, turning its failure into a ``MediaError``.
Does not belong here: what is encoded and how (``media/encode.py``, ``media/film.py``).
"""

import subprocess
from collections.abc import Sequence
from functools import cache

import imageio_ffmpeg

from luxvid_pipeline.domain.errors import MediaError

_LAST_LINES = 6


@cache
def ffmpeg_path() -> str:
    """Return the path of the static ffmpeg that ``imageio-ffmpeg`` carries; no system package is used."""
    return imageio_ffmpeg.get_ffmpeg_exe()


def run_ffmpeg(arguments: Sequence[str], *, doing: str, deadline_s: float = 600.0, feed: bytes | None = None) -> str:
    """Run ffmpeg to its end and return what it wrote to stderr.

    Args:
        arguments: Everything after the program's name (``ffmpeg.compile(stream)[1:]`` of ffmpeg-python).
        doing: What this is about, for the error (``joining the film of villa-aurora``).
        deadline_s: Seconds after which it is ended.
        feed: Bytes for its standard input.

    Raises:
        MediaError: It failed or did not finish in time; the message holds its last lines.
    """
    command = [ffmpeg_path(), "-hide_banner", "-nostdin" if feed is None else "-y", *arguments]
    try:
        done = subprocess.run(
            command,
            input=feed,
            stdin=subprocess.DEVNULL if feed is None else None,
            capture_output=True,
            timeout=deadline_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(f"{doing}: ffmpeg did not finish within {deadline_s:.0f} s") from error
    said = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise MediaError(ffmpeg_failure(doing, done.returncode, said))
    return said


def ffmpeg_failure(doing: str, returncode: int, said: str) -> str:
    """Return one line that tells why ffmpeg failed: its exit code and its last words."""
    if "No space left on device" in said:
        return f"{doing}: the disk is full; free some space and run it again"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"{doing}: ffmpeg ended with code {returncode}: {' | '.join(lines[-_LAST_LINES:]) or 'no message'}"
