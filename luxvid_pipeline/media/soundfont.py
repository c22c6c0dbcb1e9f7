# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Playing notes from a SoundFont 2 file: recorded instruments, in tune, with their own envelopes.

Belongs here: reading the file's presets, zones and samples; one note of one preset as sound.
Does not belong here: which notes (``domain/score.py``), how loud, where in the room, the mix
(``providers/local/orchestra.py``, ``providers/local/mixdown.py``).
"""

import copy
import itertools
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError

Stereo = NDArray[np.float32]
"""Sound as frames × 2 channels, left first, full scale 1.0."""

DRUM_BANK = 128

# Generator numbers of the SoundFont 2.04 specification, section 8.1.2.
_LOOP_START, _LOOP_END = 2, 3
_START, _END, _START_COARSE, _END_COARSE, _LOOP_START_COARSE, _LOOP_END_COARSE = 0, 1, 4, 12, 45, 50
_FILTER_CENTS, _ENVELOPE_TO_FILTER, _PAN = 8, 11, 17
_FILTER_ATTACK, _FILTER_HOLD, _FILTER_DECAY, _FILTER_SUSTAIN = 26, 27, 28, 29
_DELAY, _ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE, _KEY_TO_HOLD, _KEY_TO_DECAY = 33, 34, 35, 36, 37, 38, 39, 40
_INSTRUMENT, _KEYS, _VELOCITIES, _ATTENUATION = 41, 43, 44, 48
_COARSE, _FINE, _SAMPLE, _MODES, _SCALE, _ROOT = 51, 52, 53, 54, 56, 58

_DEFAULTS: Mapping[int, int] = {
    _FILTER_CENTS: 13500,
    _FILTER_ATTACK: -12000,
    _FILTER_HOLD: -12000,
    _FILTER_DECAY: -12000,
    _DELAY: -12000,
    _ATTACK: -12000,
    _HOLD: -12000,
    _DECAY: -12000,
    _RELEASE: -12000,
    _SCALE: 100,
    _ROOT: -1,
}
_RANGES = frozenset({_KEYS, _VELOCITIES})
_ONLY_INSTRUMENT = frozenset({_SAMPLE, _MODES, _ROOT, *range(5), _END_COARSE, _LOOP_START_COARSE, _LOOP_END_COARSE})
# The hardware the format comes from, and every player since, counts an attenuation at four tenths of its number.
_ATTENUATION_SHARE = 0.4
_TUNING_STEPS = (300, 1_200, 4_800, 19_200)
_OUT_OF_TUNE = 2e-5
_SHORTEST_RELEASE_S = 0.03
_REMEMBERED = 8
_SOUNDFONT = "TimGM6mb.sf2"


@dataclass(frozen=True, slots=True)
class _Sample:
    start: int
    end: int
    loop_start: int
    loop_end: int
    rate_hz: int
    root: int
    correction_cents: int


@dataclass(frozen=True, slots=True)
class _Zone:
    """One sample of a preset with everything that shapes it."""

    generators: Mapping[int, int]
    sample: _Sample

    def value(self, generator: int) -> int:
        return self.generators.get(generator, _DEFAULTS.get(generator, 0))

    def covers(self, pitch: int, velocity: int) -> bool:
        for generator, value in ((_KEYS, pitch), (_VELOCITIES, velocity)):
            span = self.generators.get(generator, 127 << 8)
            if not span & 0xFF <= value <= span >> 8:
                return False
        return True

    def seconds(self, generator: int) -> float:
        return 2.0 ** (self.value(generator) / 1200)


@dataclass(frozen=True, slots=True)
class Voice:
    """One recording of a note, in one channel.

    Attributes:
        tone: Frames of float32, full scale 1.0.
        left, right: How loud it is in each channel.
    """

    tone: NDArray[np.float32]
    left: float
    right: float


class SoundFont:
    """A SoundFont 2 file that plays single notes."""

    def __init__(self, path: Path) -> None:
        """Read the file's tables; its samples stay as they lie there.

        Raises:
            MediaError: The file cannot be read or is not a SoundFont.
        """
        try:
            data = path.read_bytes()
            self._presets = _read_presets(_chunks(data))
            self._pcm = np.frombuffer(_chunks(data)[b"smpl"], dtype="<i2")
        except OSError as error:
            raise MediaError(f"{path.name}: the soundfont cannot be read: {error.strerror}") from error
        except (KeyError, IndexError, struct.error, ValueError) as error:
            raise MediaError(f"{path.name}: not a SoundFont 2 file, or a damaged one") from error
        self._name = path.name
        self._last: dict[tuple[int, int, int], NDArray[np.float32]] = {}

    def alone(self) -> "SoundFont":
        """Return this soundfont for one player in one thread: what it remembers of his last notes is his own."""
        other = copy.copy(self)
        other._last = {}
        return other

    def note(
        self, program: int, pitch: int, held_s: float, *, rate_hz: int = 48_000, velocity: int = 90, bank: int = 0
    ) -> Stereo:
        """Return one note from its attack to the end of its release, at the preset's own level.

        Args:
            program: General MIDI program from 0; in ``DRUM_BANK`` the kit.
            pitch: MIDI key, 60 is middle C; sounds at A = 440 Hz.
            held_s: Seconds until the key is let go.
            rate_hz: Frames a second wanted.
            velocity: Chooses the zone only; level and brightness are the caller's.
            bank: 0, or ``DRUM_BANK``.

        Returns:
            Frames × 2, float32.

        Raises:
            MediaError: The soundfont has no such preset, or none of its zones plays this pitch.
        """
        voices = self.voices(program, pitch, held_s, rate_hz=rate_hz, velocity=velocity, bank=bank)
        sound = np.zeros((max(len(voice.tone) for voice in voices), 2), dtype=np.float32)
        for voice in voices:
            sound[: len(voice.tone)] += voice.tone[:, None] * np.array([voice.left, voice.right], np.float32)
        return sound

    def voices(
        self, program: int, pitch: int, held_s: float, *, rate_hz: int = 48_000, velocity: int = 90, bank: int = 0
    ) -> "list[Voice]":
        """Return a note as the recordings it is made of, each in one channel: what is shaped once need not be twice.

        Arguments and errors are those of :meth:`note`, whose sound is the sum of the voices at their places.
        """
        zones = self._zones(program, pitch, velocity, bank)
        return [self._play(zone, pitch, held_s, rate_hz) for zone in zones]

    def bandwidth_hz(self, program: int, pitch: int, *, velocity: int = 90, bank: int = 0) -> float:
        """Return the highest frequency that a key's recordings hold at their pitch; arguments as for :meth:`note`.

        Raises:
            MediaError: The soundfont has no sound for this key.
        """
        zones = self._zones(program, pitch, velocity, bank)
        return max(zone.sample.rate_hz / 2 * _pitched(zone, pitch) for zone in zones)

    def _zones(self, program: int, pitch: int, velocity: int, bank: int) -> "list[_Zone]":
        zones = [zone for zone in self._presets.get((bank, program), ()) if zone.covers(pitch, velocity)]
        if not zones:
            raise MediaError(f"{self._name}: program {program} of bank {bank} has no sound for key {pitch}")
        return zones

    def _play(self, zone: _Zone, pitch: int, held_s: float, rate_hz: int) -> "Voice":
        envelope = _envelope(zone, pitch, held_s, rate_hz)
        envelope *= np.float32(10 ** (-zone.value(_ATTENUATION) * _ATTENUATION_SHARE / 200))
        ratio = zone.sample.rate_hz / rate_hz * _pitched(zone, pitch)
        tone = self._tone(zone, ratio, len(envelope), rate_hz, (id(zone), pitch, rate_hz))
        turn = float((np.clip(zone.value(_PAN) / 500, -1, 1) + 1) * np.pi / 4)
        return Voice(tone * envelope[: len(tone)], math.cos(turn), math.sin(turn))

    def _tone(
        self, zone: _Zone, ratio: float, frames: int, rate_hz: int, name: tuple[int, int, int]
    ) -> NDArray[np.float32]:
        """The sample at its pitch, filtered; the few played last are remembered, for players repeat themselves."""
        known = self._last.get(name)
        if known is None or (len(known) < frames and zone.value(_MODES) & 1):
            bare = _at_ratio(self._unrolled(zone, int(frames * ratio) + 2), ratio)
            known = _filtered(zone, bare, rate_hz)
            self._last[name] = known
            while len(self._last) > _REMEMBERED:
                self._last.pop(next(iter(self._last)))
        return known[:frames]

    def _unrolled(self, zone: _Zone, frames: int) -> NDArray[np.float32]:
        """The zone's sample with its loop written out until it is ``frames`` long, if it loops."""
        sample = zone.sample
        start = sample.start + zone.value(_START) + 32768 * zone.value(_START_COARSE)
        end = sample.end + zone.value(_END) + 32768 * zone.value(_END_COARSE)
        loop_start = sample.loop_start + zone.value(_LOOP_START) + 32768 * zone.value(_LOOP_START_COARSE)
        loop_end = sample.loop_end + zone.value(_LOOP_END) + 32768 * zone.value(_LOOP_END_COARSE)
        if zone.value(_MODES) & 1 and loop_end - loop_start > 8 and start + frames > loop_end:
            times = -(-(start + frames - loop_end) // (loop_end - loop_start))
            body = [self._pcm[start:loop_end], *[self._pcm[loop_start:loop_end]] * times]
            return np.concatenate(body)[:frames].astype(np.float32) / np.float32(32768)
        return self._pcm[start : min(end, start + frames)].astype(np.float32) / np.float32(32768)


@cache
def default_soundfont() -> SoundFont:
    """Return the General MIDI soundfont that the package ``pretty_midi`` carries, read once a process.

    Raises:
        MediaError: The package is not installed, or no longer carries it.
    """
    # Found without importing the package: it is wanted for this one file.
    package = find_spec("pretty_midi")
    places = [Path(place) / _SOUNDFONT for place in (package and package.submodule_search_locations) or ()]
    for place in places:
        if place.is_file():
            return SoundFont(place)
    raise MediaError(f"{_SOUNDFONT}: the instruments are missing; install the package pretty_midi again")


def _pitched(zone: _Zone, pitch: int) -> float:
    """How many times as fast as it was recorded a zone's sample plays for a key."""
    root = zone.value(_ROOT) if zone.value(_ROOT) >= 0 else zone.sample.root
    cents = (pitch - root) * zone.value(_SCALE) + zone.value(_COARSE) * 100 + zone.value(_FINE)
    return 2.0 ** ((cents + zone.sample.correction_cents) / 1200)


def _at_ratio(source: NDArray[np.float32], ratio: float) -> NDArray[np.float32]:
    """The sound played ``ratio`` times as fast, without aliasing; in tune to a thirtieth of a cent."""
    down, up = _as_steps(ratio)
    return scipy.signal.resample_poly(source, up, down, window=_low_pass(max(up, down))).astype(np.float32)


def _as_steps(ratio: float) -> tuple[int, int]:
    """A ratio as whole numbers, as small as its tuning allows: small ones share their filters."""
    nearest = Fraction(1)
    for most in _TUNING_STEPS:
        nearest = Fraction(ratio).limit_denominator(most)
        if abs(float(nearest) / ratio - 1) < _OUT_OF_TUNE:
            break
    return max(1, nearest.numerator), nearest.denominator


@cache
def _low_pass(widest: int) -> NDArray[np.float32]:
    # A sine cut off at ten zero crossings under a Kaiser window; with its sum brought to 1 by ``resample_poly``.
    cycles = np.arange(-10 * widest, 10 * widest + 1) / widest
    places, window = _window()
    taps = np.sinc(cycles) * np.interp(cycles, places, window)
    return (taps / taps.sum()).astype(np.float32)


@cache
def _window() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Once for all filters: its Bessel functions take longer than all else of them.
    return np.linspace(-10, 10, 8_001), np.kaiser(8_001, 6.0)


def _envelope(zone: _Zone, pitch: int, held_s: float, rate_hz: int) -> NDArray[np.float32]:
    """The volume envelope of section 9.1.7: linear attack, hold, decay and release straight in decibels."""
    attack_s = zone.seconds(_ATTACK)
    hold_s = zone.seconds(_HOLD) * 2 ** ((60 - pitch) * zone.value(_KEY_TO_HOLD) / 1200)
    decay_s = max(1e-3, zone.seconds(_DECAY) * 2 ** ((60 - pitch) * zone.value(_KEY_TO_DECAY) / 1200))
    release_s = max(_SHORTEST_RELEASE_S, zone.seconds(_RELEASE))
    floor_db = -min(100.0, max(0.0, zone.value(_SUSTAIN) / 10))
    delay_s = zone.seconds(_DELAY)

    time_s = np.arange(int((held_s + 0.9 * release_s) * rate_hz), dtype=np.float32) / np.float32(rate_hz)
    fall_db = np.clip((time_s - np.float32(delay_s + attack_s + hold_s)) * np.float32(-100 / decay_s), floor_db, 0)
    fall_db += np.minimum(0, (time_s - np.float32(held_s)) * np.float32(-100 / release_s))
    gain = np.exp(fall_db * np.float32(np.log(10) / 20))
    rise = min(len(gain), int((delay_s + attack_s) * rate_hz) + 1)
    gain[:rise] *= np.clip((time_s[:rise] - np.float32(delay_s)) / np.float32(attack_s), 0, 1)
    tail = min(len(gain), int(0.005 * rate_hz))
    gain[len(gain) - tail :] *= np.linspace(1, 0, tail, dtype=np.float32)
    return gain


def _filtered(zone: _Zone, tone: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """The zone's low-pass; where its envelope moves the cutoff, the bright sound fades into the dark one."""
    rest_cents, reach_cents = zone.value(_FILTER_CENTS), zone.value(_ENVELOPE_TO_FILTER)
    bright = _low_passed(tone, rest_cents + max(0, reach_cents), rate_hz)
    stays = 1 - min(1000, max(0, zone.value(_FILTER_SUSTAIN))) / 1000
    if reach_cents <= 0 or stays == 1:
        return bright
    dark = _low_passed(tone, rest_cents + reach_cents * stays, rate_hz)
    begin_s = zone.seconds(_FILTER_ATTACK) + zone.seconds(_FILTER_HOLD)
    fade_s = max(0.02, zone.seconds(_FILTER_DECAY) * (1 - stays))
    time_s = np.arange(len(tone), dtype=np.float32) / np.float32(rate_hz)
    share = np.clip(1 - (time_s - np.float32(begin_s)) / np.float32(fade_s), 0, 1)
    return np.asarray(dark + (bright - dark) * share, dtype=np.float32)


def _low_passed(tone: NDArray[np.float32], cents: float, rate_hz: int) -> NDArray[np.float32]:
    cutoff_hz = 8.176 * 2.0 ** (cents / 1200)
    if cutoff_hz >= 0.4 * rate_hz:
        return tone
    return np.asarray(scipy.signal.sosfilt(_section(cutoff_hz, rate_hz), tone), dtype=np.float32)


@cache
def _section(cutoff_hz: float, rate_hz: int) -> NDArray[np.float64]:
    return np.asarray(scipy.signal.butter(2, cutoff_hz, fs=rate_hz, output="sos"))


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The leaves of the RIFF tree by name."""
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise ValueError("not a RIFF sfbk file")
    leaves: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        name, (size,) = data[at : at + 4], struct.unpack_from("<I", data, at + 4)
        if name == b"LIST":
            at += 12
            continue
        leaves[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return leaves


def _read_presets(chunks: Mapping[bytes, bytes]) -> dict[tuple[int, int], tuple[_Zone, ...]]:
    samples = [
        _Sample(start, end, loop_start, loop_end, rate, root if root <= 127 else 60, correction)
        for start, end, loop_start, loop_end, rate, root, correction in struct.iter_unpack(
            "<20x5IBb4x", chunks[b"shdr"]
        )
    ]
    instrument_bags = [row[0] for row in struct.iter_unpack("<20xH", chunks[b"inst"])]
    instruments = [
        _zones(chunks[b"ibag"], chunks[b"igen"], first, after, _SAMPLE)
        for first, after in itertools.pairwise(instrument_bags)
    ]
    headers = list(struct.iter_unpack("<20xHHH12x", chunks[b"phdr"]))
    presets: dict[tuple[int, int], tuple[_Zone, ...]] = {}
    for (program, bank, first), (_, _, after) in itertools.pairwise(headers):
        presets[bank, program] = tuple(
            _Zone(together, samples[inner[_SAMPLE]])
            for outer in _zones(chunks[b"pbag"], chunks[b"pgen"], first, after, _INSTRUMENT)
            for inner in instruments[outer[_INSTRUMENT]]
            if (together := _together(outer, inner)) is not None
        )
    return presets


def _zones(bags: bytes, generators: bytes, first: int, after: int, needs: int) -> list[dict[int, int]]:
    """The zones from bag ``first`` to before ``after``, a leading global one folded into the others."""
    found: list[dict[int, int]] = []
    common: dict[int, int] = {}
    for bag in range(first, after):
        (start,), (end,) = struct.unpack_from("<H", bags, 4 * bag), struct.unpack_from("<H", bags, 4 * bag + 4)
        zone: dict[int, int] = {}
        for at in range(start, end):
            number, signed = struct.unpack_from("<Hh", generators, 4 * at)
            zone[number] = signed & 0xFFFF if number in _RANGES or number in (_SAMPLE, _INSTRUMENT) else signed
        if needs in zone:
            found.append({**common, **zone})
        elif bag == first:
            common = zone
    return found


def _together(preset: Mapping[int, int], instrument: Mapping[int, int]) -> dict[int, int] | None:
    """An instrument's zone inside a preset's: ranges intersect, everything else adds; None where nothing is left."""
    zone = dict(instrument)
    for number, value in preset.items():
        if number in _RANGES:
            mine = zone.get(number, 127 << 8)
            low, high = max(mine & 0xFF, value & 0xFF), min(mine >> 8, value >> 8)
            if low > high:
                return None
            zone[number] = low | high << 8
        elif number != _INSTRUMENT and number not in _ONLY_INSTRUMENT:
            zone[number] = zone.get(number, _DEFAULTS.get(number, 0)) + value
    return zone
