"""The score of one film as notes: key, chords, motif, and what each part plays from sparse opening to full ending.

Belongs here: composing, seeded by listing and style; the form that follows the scenes' moods.
Does not belong here: rules of harmony (``domain/harmony.py``), instruments, sound, files (``providers/local/``).
"""

import hashlib
import itertools
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from luxvid_pipeline.domain.errors import SettingsError, TimelineError
from luxvid_pipeline.domain.harmony import (
    PROGRESSIONS,
    Cadence,
    Chord,
    Key,
    cadences,
    chord,
    voice_lead,
)
from luxvid_pipeline.domain.listing import MUSIC_STYLES
from luxvid_pipeline.domain.ports import ScoreRequest
from luxvid_pipeline.domain.scenes import SCENE_KEYS, scene

_Choice = TypeVar("_Choice")

_SLOT_S = 2.0
"""One chord lasts about this long; a stage of four seconds holds two."""


class Part(StrEnum):
    """The voices of the score; which instruments play them is the orchestra's affair."""

    PAD = "pad"
    DRONE = "drone"
    BASS = "bass"
    ARPEGGIO = "arpeggio"
    MELODY = "melody"
    COUNTER = "counter"
    SPARKLE = "sparkle"
    DRUM = "drum"
    SWELL = "swell"
    WATER = "water"


PITCHED = frozenset(set(Part) - {Part.DRUM, Part.SWELL, Part.WATER})


class Texture(StrEnum):
    """What the parts do during one stage."""

    OPENING = "opening"
    GENTLE = "gentle"
    PRECISE = "precise"
    RISING = "rising"
    BROAD = "broad"
    CALM = "calm"
    FINALE = "finale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feel:
    """How a chord's time is divided.

    Attributes:
        name: ``duple`` (4/4), ``waltz`` (3/4) or ``compound`` (6/8).
        pulses: Shortest regular notes in a chord's time.
        beats: Felt beats in a chord's time.
    """

    name: str
    pulses: int
    beats: int


_FEELS = {
    "duple": Feel(name="duple", pulses=8, beats=2),
    "lively": Feel(name="lively", pulses=8, beats=4),
    "waltz": Feel(name="waltz", pulses=6, beats=3),
    "compound": Feel(name="compound", pulses=6, beats=2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note of one part.

    Attributes:
        part: Who plays it.
        at_s: When it begins, in seconds from the start of the film.
        held_s: How long the key is held.
        pitch: MIDI key.
        velocity: 1 to 127.
        voice: Which of several players of the part has it, from 0.
    """

    part: Part
    at_s: float
    held_s: float
    pitch: int
    velocity: int
    voice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Motif:
    """The figure by which a listing's score is recognised.

    Attributes:
        lengths: Note lengths in pulses; the last note begins halfway through the chord's time.
        steps: Scale steps of each note from the first.
    """

    lengths: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def starts(self) -> tuple[int, ...]:
        """When each note begins, in pulses."""
        return tuple(itertools.accumulate(self.lengths[:-1], initial=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The time of one chord, or of two that share it.

    Attributes:
        start_s, length_s: When, and for how long.
        chords: One chord, or two for half the time each.
        stage: Which stage it belongs to.
        texture: What the parts do.
        intensity: 0 to 1, of its stage.
    """

    start_s: float
    length_s: float
    chords: tuple[Chord, ...]
    stage: int
    texture: Texture
    intensity: float

    def chord_at(self, part_done: float) -> Chord:
        """The chord that sounds after this part of the slot, 0 to 1."""
        return self.chords[min(len(self.chords) - 1, int(part_done * len(self.chords) + 1e-9))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePlan:
    """A whole composition.

    Attributes:
        style: One of the composer's styles.
        key: Key of the piece; a minor one ends in major.
        feel: Metre.
        tempo_bpm: Beats a minute of the first stage.
        colour: 0 to 1, drawn once a listing; lets the orchestra choose among its players.
        motif: The figure that opens the piece and ends it.
        cadence: Name of the ending.
        slots: The chords in time.
        stage_ends_s: End of each stage.
        notes: Everything that is played, in order of time.
    """

    style: str
    key: Key
    feel: Feel
    tempo_bpm: float
    colour: float
    motif: Motif
    cadence: str
    slots: tuple[Slot, ...]
    stage_ends_s: tuple[float, ...]
    notes: tuple[Note, ...]

    @property
    def duration_s(self) -> float:
        """Length of the composition."""
        return self.stage_ends_s[-1]

    def slot_at(self, time_s: float) -> Slot:
        """The slot that sounds at a time."""
        return self.slots[max(0, bisect_right([slot.start_s for slot in self.slots], time_s + 1e-9) - 1)]

    def stage_intensities(self) -> tuple[float, ...]:
        """Intensity of each stage."""
        return tuple(
            next(slot.intensity for slot in self.slots if slot.stage == stage)
            for stage in range(len(self.stage_ends_s))
        )


@dataclass(frozen=True, slots=True)
class _Palette:
    """What a style draws from."""

    modes: tuple[str, ...]
    feels: tuple[str, ...]
    tonics: tuple[int, ...]
    colours: tuple[str, ...]
    drums: bool


_PALETTES = {
    "cinematic-ambient": _Palette(
        ("lydian", "minor", "dorian", "major"), ("duple", "compound"), (0, 2, 3, 5, 7, 9, 10), ("9", "9", "7", ""), True
    ),
    "modern-piano": _Palette(
        ("major", "minor", "major", "dorian"), ("duple", "waltz", "compound"), (0, 1, 3, 5, 7, 8, 10), ("9", "7"), False
    ),
    "warm-acoustic": _Palette(
        ("major", "mixolydian", "major"), ("lively", "waltz"), (0, 2, 4, 7, 9), ("9", "", ""), True
    ),
}

_TEXTURE_WORDS = (
    ("sparse", Texture.OPENING),
    ("swell", Texture.FINALE),
    ("precise", Texture.PRECISE),
    ("intimate", Texture.RISING),
    ("broad", Texture.BROAD),
    ("calm", Texture.CALM),
    ("gentle", Texture.GENTLE),
)

_RHYTHMS = {
    8: ((3, 1, 4), (2, 2, 4), (1, 1, 2, 4), (2, 1, 1, 4), (1, 3, 4), (3, 1, 2, 2)),
    6: ((2, 1, 3), (1, 1, 1, 3), (1, 2, 3), (2, 1, 2, 1)),
}
_LEAPS = (2, -2, 4, -3, 3, 5, -5)
_ARPEGGIOS = {
    8: ((0, 2, 3, 4, 5, 4, 3, 2), (0, 1, 2, 3, 4, 3, 2, 1), (0, 2, 4, 3, 5, 3, 4, 2), (0, 3, 2, 4, 3, 5, 4, 3)),
    6: ((0, 1, 2, 3, 2, 1), (0, 2, 3, 4, 3, 2), (0, 2, 4, 5, 4, 2), (0, 1, 3, 2, 4, 3)),
}


def compose(request: ScoreRequest) -> ScorePlan:
    """Return the composition for a film: the same request gives the same notes, another listing another piece.

    Args:
        request: Listing, style, shots and the length of each stage.

    Raises:
        SettingsError: The style is not one of ``MUSIC_STYLES``.
        TimelineError: There is no stage, a stage has no length, or shots and stages do not match.
    """
    if request.style not in _PALETTES:
        raise SettingsError(f"unknown music style {request.style!r}; known: {', '.join(MUSIC_STYLES)}")
    if not request.stage_seconds or min(request.stage_seconds) <= 0:
        raise TimelineError(f"the score of {request.listing!r} needs at least one stage, each longer than nothing")
    if len(request.shots) != len(request.stage_seconds):
        raise TimelineError(
            f"the score of {request.listing!r} has {len(request.stage_seconds)} stages for {len(request.shots)} shots"
        )
    seed = hashlib.sha256(f"{request.listing}\n{request.style}".encode()).digest()
    return _Composer(request, random.Random(int.from_bytes(seed[:8], "big"))).compose()  # noqa: S311 - music, no secret


class _Composer:
    """One composition in the making."""

    def __init__(self, request: ScoreRequest, lots: random.Random) -> None:
        palette = _PALETTES[request.style]
        self._request = request
        self._palette = palette
        self._lots = lots
        self._key = Key(self._pick(palette.tonics), self._pick(palette.modes))
        self._feel = _FEELS[self._pick(palette.feels)]
        self._colour = lots.random()
        self._motif = self._draw_motif()
        self._arpeggio = self._pick(_ARPEGGIOS[self._feel.pulses])
        self._cadence: Cadence = self._pick(cadences(self._key))
        self._stage_ends_s = tuple(itertools.accumulate(request.stage_seconds))
        self._slots = self._lay_slots()
        self._starts_s = [slot.start_s for slot in self._slots]
        self._notes: list[Note] = []
        self._last_melody: int = 74

    def compose(self) -> ScorePlan:
        self._water()
        self._pad_and_drone()
        self._bass()
        for index, slot in enumerate(self._slots):
            self._arpeggios(index, slot)
            self._melody(index, slot)
            self._sparkle(index, slot)
            self._drums(index, slot)
        self._counter()
        end_s = self._stage_ends_s[-1]
        kept = [note for note in self._notes if note.at_s < end_s - 0.05]
        return ScorePlan(
            style=self._request.style,
            key=self._key,
            feel=self._feel,
            tempo_bpm=round(60 * self._feel.beats / self._slots[0].length_s, 3),
            colour=self._colour,
            motif=self._motif,
            cadence=self._cadence.name,
            slots=self._slots,
            stage_ends_s=self._stage_ends_s,
            notes=tuple(sorted(kept, key=lambda note: (note.at_s, note.part, note.pitch, note.voice))),
        )

    # Form

    def _lay_slots(self) -> tuple[Slot, ...]:
        shape = [max(1, round(seconds / _SLOT_S)) for seconds in self._request.stage_seconds]
        # An ending needs a chord to come from.
        if len(shape) == 1 and shape[0] == 1:
            shape = [2]
        harmonies = self._harmonies(sum(shape))
        slots: list[Slot] = []
        for stage, (count, seconds) in enumerate(zip(shape, self._request.stage_seconds, strict=True)):
            begin_s = self._stage_ends_s[stage] - seconds
            texture, intensity = self._mood(stage)
            slots += [
                Slot(
                    start_s=begin_s + seconds * at / count,
                    length_s=seconds / count,
                    chords=harmonies[len(slots) + at],
                    stage=stage,
                    texture=texture,
                    intensity=intensity,
                )
                for at in range(count)
            ]
        return tuple(slots)

    def _mood(self, stage: int) -> tuple[Texture, float]:
        stages = len(self._request.shots)
        key = self._request.shots[stage].scene
        if key in SCENE_KEYS:
            mood = scene(key).score
            intensity, words = mood.intensity, mood.words
        else:
            intensity, words = 0.15 + 0.85 * stage / max(1, stages - 1), ""
        texture = next((texture for word, texture in _TEXTURE_WORDS if word in words), Texture.GENTLE)
        if stage == stages - 1:
            return Texture.FINALE, max(intensity, 0.9)
        if stage == 0:
            return Texture.OPENING, min(intensity, 0.3)
        if texture in {Texture.OPENING, Texture.FINALE}:
            texture = Texture.GENTLE if intensity < 0.5 else Texture.BROAD
        return texture, intensity

    def _harmonies(self, count: int) -> list[tuple[Chord, ...]]:
        """One entry a slot: opening on the tonic, phrases of the mode, the cadence at the end."""
        ending = [self._cadence.approach, (self._cadence.home,)]
        if count <= 2:
            return ending[-count:]
        tonic = self._chord(0, "9")
        degrees: list[int] = []
        phrases = list(PROGRESSIONS[self._key.mode])
        first = self._pick(phrases)
        second = self._pick([phrase for phrase in phrases if phrase != first])
        for phrase in itertools.cycle((first, second)):
            if len(degrees) >= count:
                break
            degrees += [degree for degree in phrase if not degrees or degree != degrees[-1]]
        inner = [self._chord(degree, self._pick(self._palette.colours)) for degree in degrees]
        opening = [tonic]
        if count >= 6:
            # The second chord stands over the tonic, so that nothing is decided yet.
            above = self._pick((3, 4, 1)) if self._key.mode != "lydian" else 1
            opening.append(chord(self._key, above, bass_degree=0))
        body = inner[: count - 2 - len(opening)]
        if body and body[-1].tones == self._cadence.approach[0].tones:
            body[-1] = self._chord(5 if body[-1].degree != 5 else 2, "")
        return [*((each,) for each in (*opening, *body)), *ending]

    def _chord(self, degree: int, colour: str) -> Chord:
        return chord(self._key, degree, colour=colour)

    def _draw_motif(self) -> Motif:
        lengths = self._pick(_RHYTHMS[self._feel.pulses])
        half = self._feel.pulses // 2
        arrives = next(at for at, start in enumerate(itertools.accumulate(lengths, initial=0)) if start == half)
        leap = self._pick(_LEAPS)
        steps = [0] * len(lengths)
        for at in range(1, arrives):
            toward = leap * at / arrives
            steps[at] = self._pick((round(toward + 1), round(toward - 1), round(toward)))
            if steps[at] == steps[at - 1]:
                steps[at] += 1 if leap > 0 else -1
        steps[arrives] = leap
        for at in range(arrives + 1, len(lengths)):
            steps[at] = steps[at - 1] + self._pick((-1, 1))
        return Motif(lengths=lengths, steps=tuple(steps))

    # Parts

    def _pad_and_drone(self) -> None:
        moments = [
            (slot.start_s + slot.length_s * at / len(slot.chords), slot.length_s / len(slot.chords), each, slot)
            for slot in self._slots
            for at, each in enumerate(slot.chords)
        ]
        centres = [58 + 7 * slot.intensity for _, _, _, slot in moments]
        voicings = voice_lead([each for _, _, each, _ in moments], centres)
        for voice in range(4):
            at = 0
            while at < len(moments):
                pitch, upto = voicings[at][voice], at + 1
                # A voice that stays on its note is bowed once, but for the last chord, which everybody strikes.
                while upto < len(moments) - 1 and voicings[upto][voice] == pitch:
                    upto += 1
                start_s = moments[at][0]
                end_s = moments[upto - 1][0] + moments[upto - 1][1]
                if moments[at][3].texture is not Texture.OPENING or voice in (0, 2) or at > 0:
                    self._play(Part.PAD, start_s, end_s - start_s, pitch, 78, voice=voice, loose_s=0.012)
                at = upto
        for start_s, length_s, each, slot in moments:
            if slot.texture is Texture.OPENING or slot.intensity >= 0.7:
                low = _near(each.bass, 41, 34)
                self._play(Part.DRONE, start_s, length_s, low, 70 if slot.texture is Texture.OPENING else 84)

    def _bass(self) -> None:
        last = 40
        for slot in self._slots:
            if slot.intensity < 0.25:
                continue
            parts = len(slot.chords)
            for at, each in enumerate(slot.chords):
                start_s, length_s = slot.start_s + slot.length_s * at / parts, slot.length_s / parts
                last = _near(each.bass, (last + 40) / 2, 33)
                loud = 58 + 46 * slot.intensity
                if slot.texture is Texture.BROAD and parts == 1:
                    fraction = (self._feel.beats - 1) / self._feel.beats if self._feel.beats > 2 else 0.75
                    self._play(Part.BASS, start_s, length_s * fraction, last, loud)
                    fifth = last + 7 if (each.bass + 7) % 12 in each.pitch_classes else last
                    self._play(Part.BASS, start_s + length_s * fraction, length_s * (1 - fraction), fifth, loud - 12)
                else:
                    self._play(Part.BASS, start_s, length_s, last, loud)

    def _arpeggios(self, index: int, slot: Slot) -> None:
        if index == len(self._slots) - 1:
            self._final_flourish(slot)
            return
        pulses = self._feel.pulses
        full = {
            Texture.OPENING: (0, pulses // 2),
            Texture.GENTLE: tuple(range(0, pulses, 2)) if pulses == 8 else (0, 1, 2, 4),
            Texture.CALM: tuple(range(pulses))
            if self._request.style == "warm-acoustic"
            else tuple(range(0, pulses, 2)),
        }.get(slot.texture, tuple(range(pulses)))
        if slot.texture is Texture.OPENING and slot.start_s == 0:
            full = (0, pulses // 2, pulses - 1)
        pulse_s = slot.length_s / pulses
        base = {Texture.PRECISE: 55, Texture.BROAD: 48, Texture.FINALE: 48, Texture.OPENING: 60}.get(slot.texture, 52)
        for pulse in full:
            each = slot.chord_at(pulse / pulses)
            ladder = _ladder(each, base)
            if slot.texture is Texture.RISING:
                step = min(len(ladder) - 1, pulse * 6 // pulses + (pulse % 2))
            else:
                step = self._arpeggio[pulse]
            ends = slot.length_s * (int(pulse / pulses * len(slot.chords) + 1e-9) + 1) / len(slot.chords)
            held = pulse_s * 0.7 if slot.texture is Texture.PRECISE else ends - pulse * pulse_s
            accent = 10 if pulse == 0 else (5 if pulse % (pulses // self._feel.beats) == 0 else 0)
            loud = 46 + 40 * slot.intensity + accent
            self._play(Part.ARPEGGIO, slot.start_s + pulse * pulse_s, held, ladder[step], loud, loose_s=0.008, wander=5)
            if slot.texture is Texture.FINALE or (slot.texture is Texture.BROAD and pulse % 2 == 0):
                off_s = pulse_s / 2 if slot.texture is Texture.FINALE else 0.0
                upper = ladder[min(len(ladder) - 1, step + 1)] + 12
                self._play(
                    Part.ARPEGGIO,
                    slot.start_s + pulse * pulse_s + off_s,
                    max(pulse_s, ends - pulse * pulse_s - off_s),
                    upper,
                    loud - 14,
                    voice=1,
                    loose_s=0.008,
                    wander=5,
                )

    def _final_flourish(self, slot: Slot) -> None:
        """The home chord rolled upwards once, and left to ring."""
        rungs = [pitch for pitch in _ladder(slot.chords[0], 48) if pitch <= 84][:6]
        pulse_s = slot.length_s / self._feel.pulses
        for at, pitch in enumerate(rungs):
            start_s = min(0.6, 0.14 * pulse_s / 0.25) * at * 0.45
            self._play(Part.ARPEGGIO, slot.start_s + start_s, slot.length_s - start_s, pitch, 92 - 5 * at)

    def _melody(self, index: int, slot: Slot) -> None:
        place = index - next(at for at, other in enumerate(self._slots) if other.stage == slot.stage)
        loud = 60 + 44 * slot.intensity
        if index == len(self._slots) - 1:
            self._resolve(slot, loud)
        elif slot.texture is Texture.OPENING:
            if place == 1:
                self._state(slot, 74, loud + 4, only=2)
        elif slot.texture in {Texture.GENTLE, Texture.CALM}:
            calm = slot.texture is Texture.CALM
            if place % 2 == 0 or len(slot.chords) > 1:
                self._state(slot, 72, loud - 4 * calm, mirrored=calm)
            else:
                self._answer(slot, loud - 6)
        elif slot.texture is Texture.PRECISE:
            self._state(slot, 77, loud - 4, held=0.85)
        elif slot.texture is Texture.RISING:
            self._state(slot, 65 + 5 * place, loud)
        else:
            self._state(slot, 77 if slot.texture is Texture.FINALE else 74 + 4 * place, loud, octave=True)

    def _state(
        self,
        slot: Slot,
        around: float,
        loud: float,
        *,
        only: int = 0,
        held: float = 1.0,
        octave: bool = False,
        mirrored: bool = False,
    ) -> None:
        """Play the motif on this chord: moved along the scale until it begins and arrives on chord tones."""
        motif = self._motif
        steps = tuple(-step for step in motif.steps) if mirrored else motif.steps
        pulses = self._feel.pulses
        arrives = motif.starts.index(pulses // 2)
        strong = {0: slot.chord_at(0), arrives: slot.chord_at(0.5)}
        best: tuple[float, list[int]] | None = None
        for lowest in range(round(around) - 12, round(around) + 13):
            if lowest % 12 not in slot.chords[0].scale:
                continue
            line = [
                _along(slot.chord_at(at / pulses).scale, lowest, step)
                for at, step in zip(motif.starts, steps, strict=True)
            ]
            misses = sum(line[at] % 12 not in each.tones for at, each in strong.items())
            middle = sum(line) / len(line)
            cost = 40 * misses + abs(middle - around) + 0.5 * abs(line[0] - self._last_melody)
            if best is None or cost < best[0]:
                best = cost, line
        line: list[int] = best[1] if best else []
        for at, each in strong.items():
            if line[at] % 12 not in each.tones:
                line[at] = min(
                    (pitch for pitch in range(line[at] - 4, line[at] + 5) if pitch % 12 in each.tones),
                    key=lambda pitch, was=line[at]: (abs(pitch - was), pitch),
                )
        count = only or len(line)
        pulse_s = slot.length_s / pulses
        for at in range(count):
            start = motif.starts[at]
            length = (pulses - start) if at == count - 1 and only else motif.lengths[at]
            start_s = slot.start_s + start * pulse_s
            peak = 6 if at == arrives else 0
            arguments = (start_s, length * pulse_s * held, line[at], loud + peak)
            self._play(Part.MELODY, *arguments, loose_s=0.01, wander=4)
            if octave:
                self._play(Part.MELODY, *arguments[:2], line[at] - 12, loud - 8, voice=1, loose_s=0.01, wander=4)
            self._last_melody = line[at]

    def _answer(self, slot: Slot, loud: float) -> None:
        """One long chord tone near where the melody was, with a step into it."""
        tones = slot.chords[-1].tones
        goal = min(
            (pitch for pitch in range(self._last_melody - 5, self._last_melody + 6) if pitch % 12 in tones),
            key=lambda pitch: (abs(pitch - self._last_melody + 1), pitch),
        )
        pulses = self._feel.pulses
        pulse_s = slot.length_s / pulses
        lead = pulses // 4
        above = _along(slot.chords[0].scale, goal, 1)
        if above % 12 in slot.chords[0].tones or above - goal == 2:
            self._play(Part.MELODY, slot.start_s, lead * pulse_s, above, loud, wander=4)
        else:
            lead = 0
        self._play(Part.MELODY, slot.start_s + lead * pulse_s, slot.length_s - lead * pulse_s, goal, loud - 4, wander=4)
        self._last_melody = goal

    def _resolve(self, slot: Slot, loud: float) -> None:
        """The tonic, reached by the shortest way."""
        tonic = slot.chords[0].root
        goal = min(
            (pitch for pitch in range(67, 85) if pitch % 12 == tonic),
            key=lambda pitch: (abs(pitch - self._last_melody), pitch),
        )
        for voice, pitch in enumerate((goal, goal - 12)):
            self._play(Part.MELODY, slot.start_s, slot.length_s, pitch, loud - 6 * voice, voice=voice)

    def _counter(self) -> None:
        """A middle voice on guide tones, moving when the melody rests and against its direction."""
        last = 60
        for slot in self._slots:
            if slot.intensity < 0.45 or slot.texture is Texture.PRECISE:
                continue
            loud = 50 + 40 * slot.intensity
            halves = (0.0,) if slot is self._slots[-1] else (0.0, 0.5)
            for at in halves:
                each = slot.chord_at(at)
                wish = last + (2 if at == 0 else -1)
                guide = each.tones[1:] if at == 0 else each.tones
                last = min(
                    (pitch for pitch in range(53, 70) if pitch % 12 in guide),
                    key=lambda pitch, near=wish: (abs(pitch - near), pitch),
                )
                self._play(
                    Part.COUNTER,
                    slot.start_s + at * slot.length_s,
                    slot.length_s / len(halves),
                    last,
                    loud,
                    loose_s=0.012,
                )

    def _sparkle(self, index: int, slot: Slot) -> None:
        pulses = self._feel.pulses
        pulse_s = slot.length_s / pulses
        high = [pitch for pitch in range(79, 97) if pitch % 12 in slot.chords[0].tones]
        if slot.texture is Texture.OPENING:
            hits = [(pulses - 2, high[1], 44)] if slot.start_s > 0 else [(pulses // 2, high[0], 40)]
        elif slot.texture is Texture.PRECISE:
            hits = [(pulse, high[(pulse // 2) % 3], 56) for pulse in range(0, pulses, 2)]
        elif slot.texture is Texture.BROAD:
            hits = [(0, high[1], 62), (pulses // 2, high[2], 56)]
        elif slot.texture is Texture.FINALE and index == len(self._slots) - 1:
            hits = [(0, high[0], 78), (1, high[1], 68), (2, high[2], 60)]
        elif slot.texture is Texture.FINALE:
            later = [pitch for pitch in range(79, 97) if pitch % 12 in slot.chords[-1].tones]
            hits = [(0, high[1], 76), (pulses // 2, later[1], 76)]
        else:
            hits = []
        for pulse, pitch, loud in hits:
            held_s = min(1.6, slot.length_s * (1 if len(slot.chords) == 1 else 0.5))
            self._play(Part.SPARKLE, slot.start_s + pulse * pulse_s, held_s, pitch, loud, loose_s=0.008, wander=5)

    def _drums(self, index: int, slot: Slot) -> None:
        if not self._palette.drums:
            return
        last = index == len(self._slots) - 1
        before = self._slots[index + 1] if not last else None
        if before is not None and before.intensity - slot.intensity >= 0.15 and before.intensity >= 0.65:
            self._play(Part.SWELL, slot.start_s, slot.length_s, 60, 50 + 50 * before.intensity)
        if slot.intensity < 0.6:
            return
        beat_s = slot.length_s / self._feel.beats
        beats = (0,) if last or slot.texture is Texture.CALM else range(self._feel.beats)
        for beat in beats:
            loud = (88 if beat == 0 else 62) * (0.55 + 0.45 * slot.intensity)
            self._play(Part.DRUM, slot.start_s + beat * beat_s, 0.8, 0 if beat == 0 else 1, loud, wander=6)

    def _water(self) -> None:
        words = scene(self._request.shots[0].scene).score.words if self._request.shots[0].scene in SCENE_KEYS else ""
        if "water" in words:
            self._play(Part.WATER, 0.0, self._stage_ends_s[0] - 0.5, 60, 70)

    # Playing

    def _play(
        self,
        part: Part,
        at_s: float,
        held_s: float,
        pitch: int,
        velocity: float,
        *,
        voice: int = 0,
        loose_s: float = 0.004,
        wander: float = 2.0,
    ) -> None:
        """Put a note down the way a person plays it: never early on the beat, seldom exactly on it."""
        late_s = min(abs(self._lots.gauss(0.0, loose_s)), 3 * loose_s)
        loud = velocity + self._lots.gauss(0.0, wander)
        if part in PITCHED and part is not Part.PAD:
            held_s = min(held_s, self._chord_end_s(at_s) - at_s)
        self._notes.append(
            Note(
                part=part,
                at_s=round(at_s + late_s, 6),
                held_s=round(max(0.05, held_s - late_s), 6),
                pitch=int(pitch),
                velocity=int(min(127, max(1, round(loud)))),
                voice=voice,
            )
        )

    def _chord_end_s(self, time_s: float) -> float:
        """When the chord that sounds at a time gives way; nothing but a common tone is held over it."""
        slot = self._slots[bisect_right(self._starts_s, time_s + 1e-6) - 1]
        share_s = slot.length_s / len(slot.chords)
        return slot.start_s + share_s * (1 + min(len(slot.chords) - 1, int((time_s - slot.start_s + 1e-6) / share_s)))

    def _pick(self, choices: Sequence[_Choice]) -> _Choice:
        return choices[int(self._lots.random() * len(choices))]


def _near(pitch_class: int, wanted: float, lowest: int) -> int:
    """The pitch of this class nearest to the one wanted, within an octave above ``lowest``."""
    return min(
        (pitch for pitch in range(lowest, lowest + 16) if pitch % 12 == pitch_class),
        key=lambda pitch: (abs(pitch - wanted), pitch),
    )


def _ladder(harmony: Chord, base: int) -> list[int]:
    """Chord tones upwards from the root at or above ``base``: open below, close above."""
    root = next(pitch for pitch in range(base, base + 12) if pitch % 12 == harmony.root)
    rungs = [pitch for pitch in range(root, root + 37) if pitch % 12 in harmony.tones]
    # Without the low third the left hand does not growl.
    return [rungs[0], *[pitch for pitch in rungs[1:] if pitch - root > 5]]


def _along(scale: Sequence[int], pitch: int, steps: int) -> int:
    """The pitch ``steps`` scale degrees above ``pitch``, itself moved onto the scale first."""
    classes = set(scale)
    while pitch % 12 not in classes:
        pitch -= 1
    direction = 1 if steps > 0 else -1
    for _ in range(abs(steps)):
        pitch += direction
        while pitch % 12 not in classes:
            pitch += direction
    return pitch
