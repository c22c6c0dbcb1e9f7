# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""From notes to a record: every player recorded, placed, put into a hall, balanced and mastered.

Belongs here: performing a plan with an orchestra; reverberation, equalising, the level of each stage, the ending.
Does not belong here: the notes (``domain/score.py``), who plays (``providers/local/orchestra.py``), files.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from luxvid_pipeline.domain.score import Note, Part, ScorePlan
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Sound
from luxvid_pipeline.media.loudness import integrated_lufs, limit, loudness_over_time_lufs
from luxvid_pipeline.media.soundfont import SoundFont, default_soundfont
from luxvid_pipeline.providers.local.orchestra import ORCHESTRAS, Player

SCORE_LUFS = -15.0
SCORE_CEILING_DBTP = -2.0

_ENDING_S = 1.7
"""Over this long the last chord, which decays on its own, is taken to silence."""
_SWELL_RANGE_DB = 13.0
_AIR = 0.8
_RATE = SAMPLE_RATE_HZ


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
    dry, hall = (np.zeros((frames, 2), dtype=np.float32) for _ in range(2))
    cast = [(part, player) for part in Part for player in orchestra.section(part, plan.colour)]

    def record(of: tuple[Part, Player]) -> Sound:
        return _record(plan, *of, font.alone(), frames)

    # Filters and resampling let go of the interpreter lock: players are recorded one a core, and mixed in their order.
    with ThreadPoolExecutor(os.cpu_count() or 1, "record") as cores:
        stems = cores.map(record, cast)
        for (_, player), stem in zip(cast, stems, strict=True):
            dry += stem
            hall += stem * np.float32(10 ** (player.send_db / 20))
    answer = _hall(orchestra.hall_s)
    for channel in range(2):
        wet = np.asarray(scipy.signal.oaconvolve(hall[:, channel], answer[:, channel]))[:frames]
        dry[:, channel] += wet * np.float32(10 ** (orchestra.hall_db / 20))
    return _master(plan, dry)


def _record(plan: ScorePlan, part: Part, player: Player, font: SoundFont, frames: int) -> Sound:
    """One player's track, placed in the stereo picture."""
    track = np.zeros((frames, 2), dtype=np.float32)
    notes = [
        note
        for note in plan.notes
        if note.part is part
        and (not player.voices or note.voice in player.voices)
        and plan.slot_at(note.at_s).intensity >= player.from_intensity
    ]
    # Notes of one pitch together, the longest first: the instrument is then read once for all of them.
    for note in sorted(_strokes(notes, player, plan), key=lambda each: (each.pitch, -each.held_s, each.at_s)):
        tone = font.note(player.program, note.pitch + 12 * player.octave, note.held_s, rate_hz=_RATE, bank=player.bank)
        tone = _shaped(tone, note, player)
        start = round(note.at_s * _RATE)
        tone = tone[: max(0, frames - start)]
        track[start : start + len(tone)] += tone
    if not notes:
        return track
    track = _equalised(track, player)
    if player.swells:
        track *= _expression(plan, frames)[:, None]
    track *= np.float32(10 ** (player.gain_db / 20))
    return track


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


def _shaped(tone: Sound, note: Note, player: Player) -> Sound:
    """A note as this player plays it here: loudness, brightness, bow, place."""
    tone = tone * np.float32((note.velocity / 100) ** 1.7)
    if player.attack_s:
        rise = min(len(tone), round(player.attack_s * _RATE))
        tone[:rise] *= (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, rise, dtype=np.float32)))[:, None]
    if player.soft_hz:
        cutoff_hz = player.soft_hz * (14_000 / player.soft_hz) ** (note.velocity / 127)
        section = _brightness(round(min(cutoff_hz, 0.45 * _RATE), -1))
        tone = np.asarray(scipy.signal.sosfilt(section, tone, axis=0), dtype=np.float32)
    pan = float(np.clip(player.pan + player.spread * (note.pitch - 64) / 48, -0.9, 0.9))
    # A balance keeps the stereo of the recording; at the middle it changes nothing.
    angle = (pan + 1) * np.pi / 4
    return tone * np.array([np.cos(angle), np.sin(angle)], dtype=np.float32) * np.float32(np.sqrt(2))


@lru_cache(maxsize=512)
def _brightness(cutoff_hz: float) -> NDArray[np.float64]:
    return np.asarray(scipy.signal.butter(1, cutoff_hz, fs=_RATE, output="sos"))


def _equalised(track: Sound, player: Player) -> Sound:
    low: Any = scipy.signal.butter(2, player.low_cut_hz, btype="highpass", fs=_RATE, output="sos")
    high: Any = scipy.signal.butter(2, player.high_cut_hz, fs=_RATE, output="sos")
    return _through(np.concatenate([low, high]), track)


def _expression(plan: ScorePlan, frames: int) -> NDArray[np.float32]:
    """Gain that follows the score's intensity, rising into what comes."""
    times = [slot.start_s + slot.length_s / 2 for slot in plan.slots]
    times[-1] = plan.slots[-1].start_s
    level_db = [-_SWELL_RANGE_DB * (1 - slot.intensity) for slot in plan.slots]
    steps = np.arange(0, frames + 480, 480) / _RATE
    return _curve(frames, steps, np.interp(steps, times, level_db))


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
    rumble: Any = scipy.signal.butter(2, 28, btype="highpass", fs=_RATE, output="sos")
    treble: Any = scipy.signal.butter(1, 4_500, btype="highpass", fs=_RATE, output="sos")
    # A shelf of air: the instruments were recorded at half the rate of today.
    mix += np.asarray(_AIR * _through(treble, mix), dtype=np.float32)
    sound = _through(rumble, mix)
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


def _curve(frames: int, times_s: NDArray[np.float64], levels_db: NDArray[np.float64]) -> NDArray[np.float32]:
    """Gain for each frame, straight in between the moments given."""
    return np.interp(np.arange(frames) / _RATE, times_s, 10 ** (levels_db / 20)).astype(np.float32)


def _through(sections: NDArray[np.float64], sound: Sound) -> Sound:
    """The sound filtered, one channel at a time: the filters need more bits than the sound does."""
    return np.stack(
        [np.asarray(scipy.signal.sosfilt(sections, channel), dtype=np.float32) for channel in sound.T], axis=1
    )
