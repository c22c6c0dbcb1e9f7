"""Harmony: scales, chords, progressions, cadences, and how voices move from chord to chord.

Belongs here: what is true of notes whatever instrument plays them.
Does not belong here: when which part plays (``domain/score.py``), sound (``providers/local/``).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
}
"""Semitones above the tonic of each scale's seven degrees."""

_NAMES = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic and a mode.

    Attributes:
        tonic: Pitch class, 0 is C.
        mode: A key of ``MODES``.
    """

    tonic: int
    mode: str

    @property
    def name(self) -> str:
        """The key in words, as ``E♭ lydian``."""
        return f"{_NAMES[self.tonic % 12]} {self.mode}"

    @property
    def scale(self) -> tuple[int, ...]:
        """The seven pitch classes from the tonic upwards."""
        return tuple((self.tonic + step) % 12 for step in MODES[self.mode])

    @property
    def is_minor(self) -> bool:
        """Whether the third above the tonic is minor."""
        return MODES[self.mode][2] == 3


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord as pitch classes, with the scale it is heard in.

    Attributes:
        degree: Degree of the key's scale the root stands on, from 0.
        tones: Root, third (or suspension), fifth.
        colour: One more pitch class the upper voices may add (a ninth or a seventh), or None.
        bass: Pitch class of the lowest voice.
        scale: Seven pitch classes melodies may use over it.
    """

    degree: int
    tones: tuple[int, ...]
    colour: int | None
    bass: int
    scale: tuple[int, ...]

    @property
    def root(self) -> int:
        """Pitch class of the root."""
        return self.tones[0]

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Every pitch class of the chord, colour and bass included."""
        return frozenset((*self.tones, self.bass, *(() if self.colour is None else (self.colour,))))


def chord(key: Key, degree: int, *, colour: str = "", bass_degree: int | None = None, suspended: bool = False) -> Chord:
    """Return the chord on a degree of the key's scale.

    Args:
        key: The key.
        degree: 0 to 6.
        colour: ``9``, ``7`` or nothing; left away where it would lie a semitone above the root or below it and
            darken the chord.
        bass_degree: Degree of the bass; the root where None.
        suspended: Put the fourth in the third's place.
    """
    scale = key.scale
    at = [scale[(degree + step) % 7] for step in range(7)]
    third = at[3] if suspended and (at[3] - at[0]) % 12 == 5 else at[2]
    extra = {"9": at[1], "7": at[6]}.get(colour)
    if extra is not None and ((extra - at[0]) % 12 in {1, 11} or (extra - third) % 12 in {1, 11}):
        extra = None
    bass = at[0] if bass_degree is None else scale[bass_degree % 7]
    return Chord(degree, (at[0], third, at[4]), extra, bass, scale)


def parallel(key: Key) -> Key:
    """Return the major key on the same tonic, in which a minor piece may end (the Picardy third)."""
    return Key(key.tonic, "major")


PROGRESSIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "major": ((0, 4, 5, 3), (0, 2, 3, 4), (5, 3, 0, 4), (0, 3, 5, 4), (0, 5, 1, 3), (3, 0, 4, 5), (0, 5, 3, 1)),
    "lydian": ((0, 1, 5, 4), (0, 1, 0, 5), (5, 1, 0, 4), (0, 2, 1, 4), (0, 4, 1, 5)),
    "mixolydian": ((0, 6, 3, 0), (0, 3, 6, 3), (0, 4, 6, 3), (3, 0, 6, 0), (5, 3, 0, 6)),
    "dorian": ((0, 3, 0, 6), (0, 6, 3, 0), (0, 2, 6, 3), (2, 3, 0, 6), (0, 3, 2, 6)),
    "minor": ((0, 5, 2, 6), (0, 3, 5, 6), (5, 6, 0, 2), (0, 2, 6, 3), (0, 6, 5, 6), (3, 0, 5, 6), (5, 2, 6, 0)),
}
"""Four-chord phrases of each mode as scale degrees from 0; every neighbourhood of two is in common use."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """An ending: the chords that lead home and the chord that is home.

    Attributes:
        name: What it is called.
        approach: One chord or two, sharing the time before the last.
        home: The last chord.
    """

    name: str
    approach: tuple[Chord, ...]
    home: Chord


def cadences(key: Key) -> tuple[Cadence, ...]:
    """Return the endings that suit a key; minor ones end on the major tonic."""
    bright = parallel(key)
    home = chord(bright, 0, colour="9")
    authentic = Cadence("authentic", (chord(bright, 0, bass_degree=4), chord(bright, 4, colour="7")), home)
    if key.is_minor:
        natural = Key(key.tonic, "minor")
        harmonic = Key(key.tonic, "harmonic minor")
        return (
            Cadence("aeolian", (chord(natural, 5), chord(natural, 6)), home),
            Cadence("picardy", (chord(natural, 3), chord(harmonic, 4)), home),
        )
    return (
        authentic,
        Cadence("plagal", (chord(bright, 3, colour="9"), chord(bright, 3, bass_degree=4)), home),
        Cadence("perfect", (chord(bright, 3), chord(bright, 4)), home),
        Cadence("two five one", (chord(bright, 1, colour="7"), chord(bright, 4)), home),
    )


def voice_lead(harmonies: Sequence[Chord], centres: Sequence[float], voices: int = 4) -> list[tuple[int, ...]]:
    """Return one voicing a chord, lowest voice first, such that the voices together move as little as they can.

    Every chord tone sounds, no two voices cross or stand closer than a whole tone, no two neighbours are more than
    an octave apart, and parallel octaves and fifths are paid for so dearly that they appear only where nothing else
    would do. The bass is not among the voices.

    Args:
        harmonies: The chords in order.
        centres: MIDI pitch each voicing should lie around, one a chord; a rising line makes the music open up.
        voices: How many, three or more.
    """
    found: list[tuple[int, ...]] = []
    for harmony, centre in zip(harmonies, centres, strict=True):
        before = found[-1] if found else None
        found.append(min(_voicings(harmony, centre, voices), key=lambda each: (_cost(before, each, centre), each)))
    return found


def _voicings(harmony: Chord, centre: float, voices: int) -> list[tuple[int, ...]]:
    wanted = set(harmony.tones) if harmony.colour is None or voices < 4 else {*harmony.tones, harmony.colour}
    allowed = [pitch for pitch in range(round(centre) - 13, round(centre) + 14) if pitch % 12 in wanted]
    full = [
        voicing
        for voicing in itertools.combinations(allowed, voices)
        if all(2 <= upper - lower <= 12 for lower, upper in itertools.pairwise(voicing))
        # Below the staff a narrow interval is mud.
        and (voicing[0] >= 52 or voicing[1] - voicing[0] >= 5)
    ]
    complete = [voicing for voicing in full if {pitch % 12 for pitch in voicing} >= wanted]
    return complete or full


def _cost(before: tuple[int, ...] | None, now: tuple[int, ...], centre: float) -> float:
    middle = sum(now) / len(now)
    cost = 0.7 * abs(middle - centre)
    if before is None:
        return cost
    cost += sum(abs(new - old) for new, old in zip(now, before, strict=True))
    for (old_low, new_low), (old_high, new_high) in itertools.combinations(zip(before, now, strict=True), 2):
        moved = new_low != old_low and (new_low < old_low) == (new_high < old_high) and new_high != old_high
        if moved and (old_high - old_low) % 12 in {0, 7} and (new_high - new_low) % 12 == (old_high - old_low) % 12:
            cost += 12
    return cost
