# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""From notes to a record: every player recorded, placed, put into a hall, balanced and mastered.

Belongs here: performing a plan with an orchestra; reverberation, equalising, the level of each stage, the ending.
Does not belong here: the notes (``domain/score.py``), who plays (``providers/local/orchestra.py``), files.
"""

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from luxvid_pipeline.domain.score import Note, Part, ScorePlan
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Sound
from luxvid_pipeline.media.loudness import integrated_lufs, limit, loudness_over_time_lufs
from luxvid_pipeline.media.soundfont import SoundFont, Voice, default_soundfont
from luxvid_pipeline.providers.local.orchestra import ORCHESTRAS, Player

SCORE_LUFS = -15.0
SCORE_CEILING_DBTP = -2.0

_ENDING_S = 1.7
"""Over this long the last chord, which decays on its own, is taken to silence."""
_SWELL_RANGE_DB = 13.0
_AIR = 0.8
_RATE = SAMPLE_RATE_HZ
_HALF_RATE_HOLDS_HZ = 10_800.0
"""What half the rate holds without a loss: nine tenths of its upper end."""


def perform(plan: ScorePlan, soundfont: SoundFont | None = None) -> Sound:
    """Return the finished recording of a plan, exactly as long as the plan.

    Args:
        plan: What to play.
        soundfont: The instruments; by default those that come with the dependencies.

    Returns:
        Frames × 2 at 48 kHz, ``SCORE_LUFS`` loud, true peak under ``SCORE_CEILING_DBTP``, silent at the very end.

    Raises:
        MediaError: The soundfont lacks an instrument.
    """
    font = soundfont or default_soundfont()
    orchestra = ORCHESTRAS[plan.style]
    frames = round(plan.duration_s * _RATE)
    cast = [(part, player) for part in Part for player in orchestra.section(part, plan.colour)]

    def record(of: tuple[Part, Player]) -> "_Track":
        return _record(plan, *of, font.alone(), frames)

    room = _Room(frames, orchestra.hall_s, orchestra.hall_db)
    # Filters and resampling let go of the interpreter lock: players are recorded one a core, and mixed in their order.
    with ThreadPoolExecutor(os.cpu_count() or 1, "record") as cores:
        for (_, player), track in zip(cast, cores.map(record, cast), strict=True):
            room.add(track, player.send_db)
    return _master(plan, room.sound())


@dataclass(frozen=True, slots=True)
class _Track:
    """What one player recorded: 2 channels × frames, and how many of them a second."""

    sound: NDArray[np.float32]
    rate_hz: int


def _record(plan: ScorePlan, part: Part, player: Player, font: SoundFont, frames: int) -> _Track:
    """One player's track, placed in the stereo picture."""
    notes = [
        note
        for note in plan.notes
        if note.part is part
        and (not player.voices or note.voice in player.voices)
        and plan.slot_at(note.at_s).intensity >= player.from_intensity
    ]
    strokes = list(_strokes(notes, player, plan))
    rate_hz = _rate_for(strokes, player, font)
    frames = -(-frames * rate_hz // _RATE)
    track = np.zeros((2, frames), dtype=np.float32)
    played: tuple[int, float] | None = None
    voices: list[Voice] = []
    # Notes of one pitch together, the longest first: the instrument is then read once for all of them.
    for note in sorted(strokes, key=lambda each: (each.pitch, -each.held_s, each.at_s)):
        if played != (note.pitch, note.held_s):  # a roll strikes the same note a hundred times
            played = note.pitch, note.held_s
            pitch = note.pitch + 12 * player.octave
            voices = font.voices(player.program, pitch, note.held_s, rate_hz=rate_hz, bank=player.bank)
        start = round(note.at_s * rate_hz)
        left, right = _balance(note, player)
        for voice in voices:
            tone = _shaped(voice.tone[: max(0, frames - start)], note, player, rate_hz)
            for channel, gain in zip(track, (left * voice.left, right * voice.right), strict=True):
                channel[start : start + len(tone)] += tone * np.float32(gain)
    if not notes:
        return _Track(track, rate_hz)
    track = _equalised(track, player, rate_hz)
    if player.swells:
        track *= _expression(plan, frames, rate_hz)
    track *= np.float32(10 ** (player.gain_db / 20))
    return _Track(track, rate_hz)


def _rate_for(strokes: Sequence[Note], player: Player, font: SoundFont) -> int:
    """Half the rate where nothing this player plays is lost by it: most instruments were recorded at less."""
    pitches = {note.pitch + 12 * player.octave for note in strokes}
    reach_hz = max((font.bandwidth_hz(player.program, pitch, bank=player.bank) for pitch in pitches), default=0.0)
    # Three times its cutoff, the microphone takes 19 dB.
    return _RATE // 2 if min(reach_hz, 3 * player.high_cut_hz) <= _HALF_RATE_HOLDS_HZ else _RATE


def _strokes(notes: Sequence[Note], player: Player, plan: ScorePlan) -> Iterator[Note]:
    """The notes as the player strikes them: keys of a kit, rolls written out."""
    for note in notes:
        if player.roll_hz:
            count = max(2, round(note.held_s * player.roll_hz))
            for stroke in range(count):
                done = stroke / count
                yield Note(
                    part=note.part,
                    at_s=note.at_s + note.held_s * done,
                    held_s=1.2,
                    pitch=(player.keys or {}).get(note.pitch, note.pitch),
                    velocity=max(1, round(note.velocity * (0.08 + 0.92 * done**2.2))),
                )
        elif player.keys is not None:
            if note.pitch not in player.keys:
                continue
            key = player.keys[note.pitch]
            # A tuned drum takes the bass of the moment.
            pitch = 36 + (plan.slot_at(note.at_s).chord_at(0).bass - 36) % 12 if key < 0 else key
            yield Note(part=note.part, at_s=note.at_s, held_s=note.held_s, pitch=pitch, velocity=note.velocity)
        else:
            yield note


def _shaped(tone: NDArray[np.float32], note: Note, player: Player, rate_hz: int) -> NDArray[np.float32]:
    """A note as this player plays it here: loudness, brightness, bow."""
    tone = tone * np.float32((note.velocity / 100) ** 1.7)
    if player.attack_s:
        rise = min(len(tone), round(player.attack_s * rate_hz))
        tone[:rise] *= 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, rise, dtype=np.float32))
    if player.soft_hz:
        cutoff_hz = player.soft_hz * (14_000 / player.soft_hz) ** (note.velocity / 127)
        section = _brightness(round(min(cutoff_hz, 0.45 * rate_hz), -1), rate_hz)
        tone = np.asarray(scipy.signal.sosfilt(section, tone), dtype=np.float32)
    return tone


def _balance(note: Note, player: Player) -> tuple[float, float]:
    """How loud a note is in each channel: a balance keeps the stereo of the recording."""
    pan = float(np.clip(player.pan + player.spread * (note.pitch - 64) / 48, -0.9, 0.9))
    angle = (pan + 1) * np.pi / 4
    return math.cos(angle) * math.sqrt(2), math.sin(angle) * math.sqrt(2)


@lru_cache(maxsize=512)
def _brightness(cutoff_hz: float, rate_hz: int) -> NDArray[np.float64]:
    return np.asarray(scipy.signal.butter(1, cutoff_hz, fs=rate_hz, output="sos"))


def _equalised(track: NDArray[np.float32], player: Player, rate_hz: int) -> NDArray[np.float32]:
    """2 channels × frames, as the microphone takes them."""
    sections = [scipy.signal.butter(2, player.low_cut_hz, btype="highpass", fs=rate_hz, output="sos")]
    if player.high_cut_hz < 0.45 * rate_hz:
        sections.append(scipy.signal.butter(2, player.high_cut_hz, fs=rate_hz, output="sos"))
    # One channel at a time: the filters need more bits than the sound does.
    together: Any = np.concatenate(sections)
    for channel in track:
        channel[:] = scipy.signal.sosfilt(together, channel)
    return track


def _expression(plan: ScorePlan, frames: int, rate_hz: int) -> NDArray[np.float32]:
    """Gain that follows the score's intensity, rising into what comes."""
    times = [slot.start_s + slot.length_s / 2 for slot in plan.slots]
    times[-1] = plan.slots[-1].start_s
    level_db = [-_SWELL_RANGE_DB * (1 - slot.intensity) for slot in plan.slots]
    steps = np.arange(0.0, frames / rate_hz + 0.01, 0.01)
    return _curve(frames, steps, np.interp(steps, times, level_db), rate_hz)


class _Room:
    """Where the players are heard together: their sum and the hall's answer to it, put together as spectra.

    Half as many frames a second have the same spectrum up to half the frequency, so tracks of both rates meet there
    and none has to be resampled.
    """

    def __init__(self, frames: int, hall_s: float, hall_db: float) -> None:
        self._frames, self._hall_s, self._hall_db = frames, hall_s, hall_db
        # A multiple of four, so that half as many frames have bins at the same frequencies.
        self._size = 4 * scipy.fft.next_fast_len(-(-(frames + len(_hall(hall_s))) // 4), real=True)
        # For each rate what is heard directly and what goes into the hall.
        self._buses: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def add(self, track: _Track, send_db: float) -> None:
        """Hear one more player."""
        bus = self._buses.setdefault(track.rate_hz, (np.zeros_like(track.sound), np.zeros_like(track.sound)))
        bus[0][:] += track.sound
        bus[1][:] += track.sound * np.float32(10 ** (send_db / 20))

    def sound(self) -> Sound:
        """Return what is heard: frames × 2, without rumble and with a shelf of air."""
        answer = _hall_spectrum(self._hall_s, self._size)
        tone = _room_tone(self._size)
        out = np.empty((self._frames, 2), np.float32)
        for channel in range(2):
            heard = np.zeros(self._size // 2 + 1, np.complex64)
            for rate_hz, (dry, hall) in self._buses.items():
                size = self._size * rate_hz // _RATE
                wet = scipy.fft.rfft(hall[channel], size)
                wet *= answer[channel][: len(wet)] * np.float32(10 ** (self._hall_db / 20))
                wet += scipy.fft.rfft(dry[channel], size)
                heard[: len(wet)] += wet * np.float32(_RATE / rate_hz)
            heard *= tone
            out[:, channel] = scipy.fft.irfft(heard, self._size)[: self._frames]
        return out


@lru_cache(maxsize=2)
def _hall_spectrum(decay_s: float, size: int) -> NDArray[np.complex64]:
    return np.stack([scipy.fft.rfft(channel, size) for channel in _hall(decay_s).T])


@lru_cache(maxsize=2)
def _room_tone(size: int) -> NDArray[np.complex64]:
    """What the desk does to each frequency: no rumble; a shelf of air, as the instruments have little of their own."""
    rumble: Any = scipy.signal.butter(2, 28, btype="highpass", fs=_RATE, output="sos")
    treble: Any = scipy.signal.butter(1, 4_500, btype="highpass", fs=_RATE, output="sos")
    # Straight between a thousand frequencies an octave: the filters at every bin would take longer than all else.
    bins_hz = np.arange(size // 2 + 1) * (_RATE / size)
    places_hz = np.concatenate([[0.0], np.geomspace(0.5, _RATE / 2, 16_000)])
    response = scipy.signal.freqz_sos(rumble, places_hz, fs=_RATE)[1]
    response = response * (1 + _AIR * scipy.signal.freqz_sos(treble, places_hz, fs=_RATE)[1])
    return np.interp(bins_hz, places_hz, response).astype(np.complex64)


@lru_cache(maxsize=4)
def _hall(decay_s: float) -> Sound:
    """The answer of a hall to a clap: early reflections, then a dense tail whose treble dies first."""
    noise = np.random.Generator(np.random.PCG64(7)).standard_normal((round(1.15 * decay_s * _RATE), 2))
    time_s = np.arange(len(noise))[:, None] / _RATE
    bands = (
        ("bandpass", (160, 700), 1.0, 1.0),
        ("bandpass", (700, 3_000), 0.9, 0.85),
        ("bandpass", (3_000, 9_000), 0.45, 0.5),
    )
    tail = np.zeros_like(noise)
    for kind, edges, share, level in bands:
        band = scipy.signal.butter(2, edges, btype=kind, fs=_RATE, output="sos")
        tail += level * np.asarray(scipy.signal.sosfilt(band, noise, axis=0)) * 10 ** (-3 * time_s / (share * decay_s))
    # A hall builds up before it dies away.
    tail *= 1 - np.exp(-time_s / 0.025)
    early = np.zeros_like(tail)
    for delay_ms, left, right in ((11, 0.5, 0.2), (17, 0.25, 0.55), (23, 0.4, 0.3), (31, 0.2, 0.35), (43, 0.25, 0.2)):
        early[round(delay_ms * _RATE / 1000)] += (left, right)
    tail /= np.sqrt((tail**2).sum(axis=0)).mean()
    answer = np.concatenate([np.zeros((round(0.018 * _RATE), 2)), tail])
    answer[: len(early)] += 0.35 * early[: len(answer)]
    return (answer * np.minimum(1, np.linspace(12, 0, len(answer)))[:, None]).astype(np.float32)


def _master(plan: ScorePlan, mix: Sound) -> Sound:
    """Balance the stages, end in silence, bring the whole to its loudness under its ceiling."""
    sound = mix
    for _ in range(2):
        sound = _ride(plan, sound)
    tail = min(len(sound), round(_ENDING_S * _RATE))
    sound[len(sound) - tail :] *= (np.linspace(1, 0, tail) ** 1.8)[:, None].astype(np.float32)
    for _ in range(4):
        away_db = SCORE_LUFS - integrated_lufs(sound)
        sound = limit((sound * 10 ** (away_db / 20)).astype(np.float32), SCORE_CEILING_DBTP)
        if abs(away_db) < 0.05:
            break
    return sound


def _ride(plan: ScorePlan, sound: Sound) -> Sound:
    """Move a fader slowly so that each stage is as loud as its scene is intense."""
    level = loudness_over_time_lufs(sound, 0.4)
    times_s = np.arange(len(level)) * 0.1 + 0.2
    starts_s = (0.0, *plan.stage_ends_s[:-1])
    moments: list[float] = []
    gains_db: list[float] = []
    for start_s, end_s, intensity in zip(starts_s, plan.stage_ends_s, plan.stage_intensities(), strict=True):
        here = level[(times_s >= start_s) & (times_s < end_s)]
        loud = 10 * np.log10(np.mean(10 ** (here / 10))) if len(here) else -70.0
        moments.append((start_s + end_s) / 2)
        gains_db.append(float(np.clip(-23 + 10 * intensity - loud, -24, 24)))
    steps = np.arange(0, len(sound) + 480, 480) / _RATE
    return sound * _curve(len(sound), steps, np.interp(steps, moments, gains_db))[:, None]


def _curve(
    frames: int, times_s: NDArray[np.float64], levels_db: NDArray[np.float64], rate_hz: int = _RATE
) -> NDArray[np.float32]:
    """Gain for each frame, straight in between the moments given."""
    return np.interp(np.arange(frames) / rate_hz, times_s, 10 ** (levels_db / 20)).astype(np.float32)
