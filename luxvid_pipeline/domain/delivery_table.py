"""What a file must be for the platforms to take it as it is: the delivery table, each number with its reason.

Belongs here: the figures of a file, what they have to be, the comparison.
Does not belong here: reading files (``media/measures/delivery.py``), printing (``cli_quality.py``).
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class FileKind(StrEnum):
    """What a file is, as far as the table cares."""

    FILM = "film"
    CLIP = "clip"
    SOUND = "sound"


LOUDNESS_LUFS, LOUDNESS_TOLERANCE_LU = -14.0, 1.0
TRUE_PEAK_DBTP = -1.0
SILENT_LUFS = -70.0
MOST_VIDEO_MBPS = 20.0
LEAST_AUDIO_KBPS, MOST_AUDIO_KBPS = 120, 400
MOST_B_FRAMES = 2
_BT709 = 1
_LIMITED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFigures:
    """What a file's picture track is; numbers of colour tags are those of ITU-T H.273."""

    codec: str
    profile: str
    pix_fmt: str
    width_px: int
    height_px: int
    fps: Fraction
    constant_rate: bool
    is_progressive: bool
    frames: int
    seconds: float
    start_s: float
    primaries: int
    transfer: int
    matrix: int
    range: int
    longest_gop_frames: int
    closed_gops: bool
    b_frames: int
    bitrate_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFigures:
    """What a file's sound track is, and what a meter says of it as it decodes."""

    codec: str
    profile: str
    rate_hz: int
    channels: int
    seconds: float
    start_s: float
    bitrate_bps: int
    integrated_lufs: float
    true_peak_dbtp: float
    range_lu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFigures:
    """Every figure of a file.

    Attributes:
        name: File name.
        bytes: Size.
        boxes: Names of the top boxes of an MP4 in order; empty where it is none.
        edit_lists: Tracks with an edit list.
        picture, sound: Its tracks.
    """

    name: str
    bytes: int
    boxes: tuple[str, ...]
    edit_lists: int
    picture: PictureFigures | None
    sound: SoundFigures | None

    @property
    def kind(self) -> FileKind:
        """What it is: pictures with sound are a film, without a clip."""
        if self.picture is None:
            return FileKind.SOUND
        return FileKind.CLIP if self.sound is None else FileKind.FILM


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure against the table.

    Attributes:
        name: What it is.
        value: What the file has.
        wanted: What the table asks for; empty where it asks for nothing.
        is_right: Whether the file has it.
        because: Why it is asked for.
    """

    name: str
    value: str
    wanted: str = ""
    is_right: bool = True
    because: str = ""


def against_table(file: FileFigures, *, loudness_lufs: float = LOUDNESS_LUFS) -> tuple[Row, ...]:
    """Return every figure of a file, and whether it is what platforms take.

    A sound file is a score on its way into a film: the film's loudness is not asked of it.

    Args:
        file: Its figures.
        loudness_lufs: What its destination asks for; broadcasters ask for -23.

    Source:
        YouTube's upload settings (https://support.google.com/youtube/answer/1722171) for container, codec, groups of
        pictures, B-frames, colour and bit rates; EBU R 128 for loudness and true peak as measured.
    """
    rows: list[Row] = []
    if file.picture is not None:
        rows += _container(file)
        rows += _picture(file.picture)
    if file.sound is not None:
        rows += _sound(file.sound, file.kind, loudness_lufs)
    if file.picture is not None and file.sound is not None:
        rows += _together(file.picture, file.sound)
    rows.append(Row(name="size", value=f"{file.bytes / 1e6:.2f} MB"))
    return tuple(rows)


def _container(file: FileFigures) -> list[Row]:
    is_mp4 = "moov" in file.boxes
    first = is_mp4 and ("mdat" not in file.boxes or file.boxes.index("moov") < file.boxes.index("mdat"))
    return [
        Row(name="container", value="MP4" if is_mp4 else "not MP4", wanted="MP4", is_right=is_mp4),
        Row(
            name="index",
            value="moov first" if first else "moov last" if is_mp4 else "none",
            wanted="moov first",
            is_right=first,
            because="a player can begin before it has all of the file",
        ),
        Row(
            name="edit lists",
            value=str(file.edit_lists),
            wanted="0",
            is_right=file.edit_lists == 0,
            because="platforms that ignore them show sound and picture apart",
        ),
    ]


def _picture(p: PictureFigures) -> list[Row]:
    fps = float(p.fps)
    gop_s = p.longest_gop_frames / fps if fps else 0.0
    tags = (p.primaries, p.transfer, p.matrix)
    mbps = p.bitrate_bps / 1e6
    return [
        Row(
            name="video codec",
            value=f"{p.codec} {p.profile}".strip(),
            wanted="h264 High",
            is_right=(p.codec, p.profile) == ("h264", "High"),
        ),
        Row(
            name="frame size",
            value=f"{p.width_px}×{p.height_px}",
            wanted="even",
            is_right=p.width_px % 2 == 0 and p.height_px % 2 == 0,
            because="4:2:0 halves both",
        ),
        Row(
            name="frame rate",
            value=f"{fps:g} fps, {'constant' if p.constant_rate else 'changing'}",
            wanted="24 to 60 fps, constant",
            is_right=p.constant_rate and 23.9 <= fps <= 60,
        ),
        Row(
            name="scan",
            value="progressive" if p.is_progressive else "interlaced",
            wanted="progressive",
            is_right=p.is_progressive,
        ),
        Row(name="pixels", value=p.pix_fmt, wanted="yuv420p", is_right=p.pix_fmt == "yuv420p"),
        Row(
            name="colour",
            value="BT.709" if tags == (_BT709,) * 3 else "/".join(str(tag) for tag in tags),
            wanted="BT.709",
            is_right=tags == (_BT709,) * 3,
            because="untagged colours are guessed, each player its own way",
        ),
        Row(
            name="colour range",
            value="limited" if p.range == _LIMITED else "full" if p.range == 2 else "not stated",
            wanted="limited",
            is_right=p.range == _LIMITED,
        ),
        Row(
            name="groups of pictures",
            value=f"{p.longest_gop_frames} frames ({gop_s:.2f} s), {'closed' if p.closed_gops else 'open'}",
            wanted="half a second, closed",
            is_right=p.closed_gops and gop_s <= 0.5 + 1e-6,
        ),
        Row(
            name="B-frames",
            value=f"{p.b_frames} in a row",
            wanted=f"at most {MOST_B_FRAMES}",
            is_right=p.b_frames <= MOST_B_FRAMES,
        ),
        Row(
            name="video bit rate",
            value=f"{mbps:.2f} Mbit/s",
            wanted=f"at most {MOST_VIDEO_MBPS:g} Mbit/s",
            is_right=mbps <= MOST_VIDEO_MBPS,
            because="Instagram refuses more than 25",
        ),
        Row(
            name="picture length",
            value=f"{p.seconds:.3f} s, {p.frames} frames",
            wanted="from 0 s",
            is_right=p.frames > 0 and abs(p.start_s) < 0.5 / max(fps, 1.0),
        ),
    ]


def _sound(s: SoundFigures, kind: FileKind, loudness_lufs: float) -> list[Row]:
    is_silent = s.integrated_lufs <= SILENT_LUFS
    rows = [
        Row(name="audio rate", value=f"{s.rate_hz} Hz", wanted="48000 Hz", is_right=s.rate_hz == 48_000),
        Row(name="channels", value=str(s.channels), wanted="2", is_right=s.channels == 2),
        Row(
            name="true peak",
            value=f"{s.true_peak_dbtp:.2f} dBTP",
            wanted=f"at most {TRUE_PEAK_DBTP:g} dBTP",
            is_right=s.true_peak_dbtp <= TRUE_PEAK_DBTP,
            because="players' decoders clip above it",
        ),
        Row(name="loudness range", value=f"{s.range_lu:.1f} LU"),
    ]
    if kind is FileKind.SOUND:
        codec = f"{s.codec} {s.profile}".strip()
        return [
            Row(name="audio codec", value=codec),
            *rows,
            Row(name="loudness", value=f"{s.integrated_lufs:.2f} LUFS"),
            Row(name="sound length", value=f"{s.seconds:.3f} s", wanted="some", is_right=s.seconds > 0),
        ]
    kbps = s.bitrate_bps / 1000
    return [
        Row(
            name="audio codec",
            value=f"{s.codec} {s.profile}".strip(),
            wanted="aac LC",
            is_right=(s.codec, s.profile) == ("aac", "LC"),
        ),
        *rows,
        Row(
            name="audio bit rate",
            value=f"{kbps:.0f} kbit/s",
            wanted="any" if is_silent else f"{LEAST_AUDIO_KBPS} to {MOST_AUDIO_KBPS} kbit/s",
            is_right=is_silent or LEAST_AUDIO_KBPS <= kbps <= MOST_AUDIO_KBPS,
            because="silence needs no bits" if is_silent else "YouTube advises 384, Instagram takes 128",
        ),
        Row(
            name="loudness",
            value="silent" if is_silent else f"{s.integrated_lufs:.2f} LUFS",
            wanted="silent" if is_silent else f"{loudness_lufs:g} ±{LOUDNESS_TOLERANCE_LU:g} LUFS",
            is_right=is_silent or abs(s.integrated_lufs - loudness_lufs) <= LOUDNESS_TOLERANCE_LU,
            because="what platforms turn louder files down to",
        ),
    ]


def _together(p: PictureFigures, s: SoundFigures) -> list[Row]:
    frame_s = 1 / float(p.fps) if p.fps else 0.0
    off_s = abs(p.seconds - s.seconds)
    starts_s = abs(p.start_s - s.start_s)
    return [
        Row(
            name="sound length",
            value=f"{s.seconds:.3f} s",
            wanted="the picture's, to a frame",
            is_right=off_s < frame_s,
            because="a longer track ends on a frozen frame or in silence",
        ),
        Row(
            name="sound starts",
            value=f"{starts_s * 1000:.0f} ms from the picture",
            wanted="less than 22 ms",
            is_right=starts_s < 0.022,
            because="ITU-R BT.1359: from there on lips are seen to be off",
        ),
    ]
