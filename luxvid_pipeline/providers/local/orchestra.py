"""The local composer's players: which instruments play which part in each style, how loud, and where they sit.

Belongs here: the seating plan as one table.
Does not belong here: the notes (``domain/score.py``), making sound of them (``providers/local/mixdown.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from luxvid_pipeline.domain.score import Part
from luxvid_pipeline.media.soundfont import DRUM_BANK


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """One instrument on one part.

    Attributes:
        program, bank: General MIDI program from 0.
        gain_db: Level in the mix.
        pan: -1 left to 1 right.
        spread: How far low and high pitches stand apart, in pans over four octaves.
        send_db: Level into the hall.
        attack_s: Softens the start of each note; 0 leaves the recording's own.
        low_cut_hz, high_cut_hz: What the microphone takes.
        soft_hz: Brightness of the softest note; at full velocity nothing is taken away. 0 for no such change.
        octave: Transposition.
        swells: Follows the score's intensity as a section of strings follows a conductor.
        from_intensity: Joins in where the scene is at least as intense.
        voices: Which voices of the part it plays; all where empty.
        keys: For percussion: the kit's key for each pitch of the part.
        roll_hz: For a swell: strokes a second of the roll.
    """

    program: int
    gain_db: float
    bank: int = 0
    pan: float = 0.0
    spread: float = 0.0
    send_db: float = -12.0
    attack_s: float = 0.0
    low_cut_hz: float = 40.0
    high_cut_hz: float = 16_000.0
    soft_hz: float = 0.0
    octave: int = 0
    swells: bool = False
    from_intensity: float = 0.0
    voices: tuple[int, ...] = ()
    keys: Mapping[int, int] | None = None
    roll_hz: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Orchestra:
    """Everybody who plays in one style.

    Attributes:
        players: Part to its sections; each listing hears one, chosen by ``ScorePlan.colour``.
        hall_s: Reverberation time of the room.
        hall_db: Level of the room in the mix.
    """

    players: Mapping[Part, tuple[tuple[Player, ...], ...]]
    hall_s: float
    hall_db: float

    def section(self, part: Part, colour: float) -> tuple[Player, ...]:
        """The players of a part for a listing of this colour, 0 to 1."""
        sections = self.players.get(part, ())
        # Parts choose independently of one another.
        place = (colour * (1 + 7 * list(Part).index(part))) % 1.0
        return sections[int(place * len(sections))] if sections else ()


_SOFT_PIANO, _PIANO, _EPIANO, _CELESTA, _GLOCKENSPIEL, _MUSIC_BOX, _VIBRAPHONE = 0, 1, 5, 8, 9, 10, 11
_NYLON, _STEEL, _ACOUSTIC_BASS = 24, 25, 32
_CELLO, _CONTRABASS, _PIZZICATO, _HARP, _TIMPANI = 42, 43, 45, 46, 47
_STRINGS, _SLOW_STRINGS, _CHOIR, _HORNS, _OBOE, _CLARINET, _FLUTE = 48, 49, 52, 60, 68, 71, 73
_WARM_PAD, _HALO, _KALIMBA, _TAIKO, _SEASHORE = 89, 94, 108, 116, 122
_BRUSHES, _ORCHESTRA_KIT = 40, 48

_SEA = Player(program=_SEASHORE, gain_db=-15, pan=-0.35, send_db=-16, attack_s=0.8)
_WATER = ((_SEA, replace(_SEA, gain_db=-17, pan=0.4, attack_s=1.2, octave=-1)),)
_DISTANT_WATER = ((replace(_SEA, gain_db=-21), replace(_SEA, gain_db=-23, pan=0.4, attack_s=1.2, octave=-1)),)
_CYMBAL = Player(
    program=_ORCHESTRA_KIT,
    bank=DRUM_BANK,
    gain_db=-8,
    pan=0.2,
    send_db=-10,
    low_cut_hz=500,
    keys={60: 49},
    roll_hz=14,
)
_DRONE = Player(
    program=_CONTRABASS,
    gain_db=-13,
    send_db=-18,
    attack_s=0.35,
    high_cut_hz=1_200,
    swells=True,
    pan=0.1,
)
_STRING_PAD = Player(program=_STRINGS, gain_db=-8, spread=0.9, send_db=-9, attack_s=0.3, low_cut_hz=140, swells=True)
_SLOW_PAD = Player(
    program=_SLOW_STRINGS, gain_db=-8, spread=-0.9, send_db=-9, attack_s=0.4, low_cut_hz=140, swells=True
)
_GRAND = Player(program=_PIANO, gain_db=-4, spread=0.6, send_db=-14, low_cut_hz=45, soft_hz=900, high_cut_hz=11_000)
_FELT = Player(
    program=_SOFT_PIANO,
    gain_db=-2,
    spread=0.6,
    send_db=-13,
    low_cut_hz=45,
    soft_hz=650,
    high_cut_hz=6_000,
)
_HARP_LEFT = Player(program=_HARP, gain_db=-13, pan=-0.3, spread=0.5, send_db=-9, low_cut_hz=80, soft_hz=1_600)

ORCHESTRAS: Mapping[str, Orchestra] = {
    "cinematic-ambient": Orchestra(
        hall_s=3.2,
        hall_db=-7,
        players={
            Part.WATER: _WATER,
            Part.DRONE: ((_DRONE,),),
            Part.PAD: (
                (
                    _SLOW_PAD,
                    Player(
                        program=_WARM_PAD,
                        gain_db=-15,
                        spread=0.4,
                        send_db=-12,
                        attack_s=0.5,
                        low_cut_hz=120,
                    ),
                    Player(
                        program=_CHOIR,
                        gain_db=-17,
                        send_db=-7,
                        attack_s=0.4,
                        low_cut_hz=180,
                        high_cut_hz=5_000,
                        swells=True,
                        from_intensity=0.45,
                    ),
                ),
                (
                    _STRING_PAD,
                    Player(
                        program=_HALO,
                        gain_db=-17,
                        spread=0.4,
                        send_db=-10,
                        attack_s=0.6,
                        low_cut_hz=150,
                        high_cut_hz=5_000,
                    ),
                    Player(
                        program=_CHOIR,
                        gain_db=-17,
                        send_db=-7,
                        attack_s=0.4,
                        low_cut_hz=180,
                        high_cut_hz=5_000,
                        swells=True,
                        from_intensity=0.65,
                    ),
                ),
            ),
            Part.BASS: (
                (
                    Player(program=_CONTRABASS, gain_db=-12, send_db=-18, attack_s=0.12, high_cut_hz=2_500),
                    Player(
                        program=_CELLO,
                        gain_db=-16,
                        pan=0.2,
                        send_db=-12,
                        attack_s=0.15,
                        octave=1,
                        high_cut_hz=3_000,
                        from_intensity=0.65,
                        swells=True,
                    ),
                ),
            ),
            Part.ARPEGGIO: (
                (_HARP_LEFT,),
                (
                    Player(
                        program=_PIANO,
                        gain_db=-8,
                        spread=0.7,
                        send_db=-8,
                        soft_hz=700,
                        high_cut_hz=7_000,
                    ),
                ),
                (
                    Player(program=_HARP, gain_db=-15, pan=-0.3, spread=0.5, send_db=-9, low_cut_hz=80, soft_hz=1_600),
                    Player(program=_PIANO, gain_db=-11, pan=0.2, spread=0.5, send_db=-9, soft_hz=700),
                ),
            ),
            Part.MELODY: (
                (
                    Player(program=_PIANO, gain_db=-4, pan=0.05, send_db=-8, soft_hz=900),
                    Player(
                        program=_STRINGS,
                        gain_db=-8,
                        pan=-0.25,
                        send_db=-8,
                        attack_s=0.08,
                        low_cut_hz=180,
                        from_intensity=0.65,
                    ),
                ),
                (
                    Player(program=_FLUTE, gain_db=-14, pan=-0.1, send_db=-7, attack_s=0.05),
                    Player(program=_PIANO, gain_db=-8, pan=0.1, send_db=-9, soft_hz=900),
                    Player(
                        program=_STRINGS,
                        gain_db=-8,
                        pan=-0.25,
                        send_db=-8,
                        attack_s=0.08,
                        low_cut_hz=180,
                        from_intensity=0.65,
                    ),
                ),
                (
                    Player(program=_OBOE, gain_db=-15, pan=0.1, send_db=-7, attack_s=0.06),
                    Player(program=_CELESTA, gain_db=-17, pan=-0.2, send_db=-8),
                    Player(
                        program=_STRINGS,
                        gain_db=-7,
                        pan=-0.25,
                        send_db=-8,
                        attack_s=0.08,
                        low_cut_hz=180,
                        from_intensity=0.65,
                    ),
                ),
            ),
            Part.COUNTER: (
                (
                    Player(
                        program=_CELLO,
                        gain_db=-15,
                        pan=0.3,
                        send_db=-10,
                        attack_s=0.18,
                        high_cut_hz=4_000,
                        swells=True,
                    ),
                    Player(
                        program=_HORNS,
                        gain_db=-20,
                        pan=-0.3,
                        send_db=-7,
                        attack_s=0.12,
                        high_cut_hz=3_500,
                        from_intensity=0.65,
                        swells=True,
                    ),
                ),
            ),
            Part.SPARKLE: (
                (Player(program=_CELESTA, gain_db=-15, pan=0.35, send_db=-6, low_cut_hz=300),),
                (Player(program=_GLOCKENSPIEL, gain_db=-10, pan=0.35, send_db=-6, low_cut_hz=300),),
            ),
            Part.DRUM: (
                (
                    Player(
                        program=_TAIKO, gain_db=-15, send_db=-9, keys={0: 43, 1: 48}, high_cut_hz=3_000, low_cut_hz=35
                    ),
                    Player(
                        program=_TIMPANI,
                        gain_db=-18,
                        pan=0.25,
                        send_db=-9,
                        keys={0: -1},
                        from_intensity=0.9,
                        low_cut_hz=45,
                    ),
                ),
            ),
            Part.SWELL: ((_CYMBAL,),),
        },
    ),
    "modern-piano": Orchestra(
        hall_s=2.2,
        hall_db=-4,
        players={
            Part.WATER: _DISTANT_WATER,
            Part.DRONE: ((_DRONE,),),
            Part.PAD: (
                (
                    Player(
                        program=_STRINGS,
                        gain_db=-14,
                        spread=0.9,
                        send_db=-9,
                        attack_s=0.35,
                        low_cut_hz=160,
                        high_cut_hz=6_000,
                        swells=True,
                    ),
                ),
                (
                    Player(
                        program=_SLOW_STRINGS,
                        gain_db=-14,
                        spread=-0.9,
                        send_db=-9,
                        attack_s=0.4,
                        low_cut_hz=160,
                        high_cut_hz=6_000,
                        swells=True,
                    ),
                ),
            ),
            Part.BASS: (
                (
                    Player(program=_PIANO, gain_db=-2, pan=-0.15, send_db=-16, soft_hz=500),
                    Player(
                        program=_CONTRABASS,
                        gain_db=-11,
                        send_db=-18,
                        attack_s=0.15,
                        high_cut_hz=2_000,
                        from_intensity=0.45,
                    ),
                ),
            ),
            Part.ARPEGGIO: ((_FELT,), (_GRAND,)),
            Part.MELODY: (
                (
                    Player(program=_PIANO, gain_db=2, pan=0.08, spread=0.3, send_db=-12, soft_hz=1_000),
                    Player(
                        program=_STRINGS,
                        gain_db=-14,
                        pan=-0.3,
                        send_db=-8,
                        attack_s=0.12,
                        low_cut_hz=200,
                        from_intensity=0.65,
                    ),
                ),
            ),
            Part.COUNTER: (
                (
                    Player(
                        program=_CELLO,
                        gain_db=-14,
                        pan=0.3,
                        send_db=-10,
                        attack_s=0.2,
                        high_cut_hz=4_000,
                        swells=True,
                    ),
                ),
            ),
            Part.SPARKLE: (
                (Player(program=_PIANO, gain_db=-7, pan=0.3, send_db=-9, soft_hz=1_800),),
                (Player(program=_CELESTA, gain_db=-20, pan=0.3, send_db=-8, low_cut_hz=300),),
            ),
        },
    ),
    "warm-acoustic": Orchestra(
        hall_s=1.3,
        hall_db=-6,
        players={
            Part.WATER: _DISTANT_WATER,
            Part.DRONE: (
                (
                    Player(
                        program=_ACOUSTIC_BASS,
                        gain_db=-17,
                        send_db=-20,
                        attack_s=0.02,
                        high_cut_hz=1_500,
                    ),
                ),
            ),
            Part.PAD: (
                (
                    Player(
                        program=_STRINGS,
                        gain_db=-18,
                        spread=0.8,
                        send_db=-10,
                        attack_s=0.35,
                        low_cut_hz=180,
                        high_cut_hz=5_000,
                        swells=True,
                    ),
                    Player(
                        program=_EPIANO,
                        gain_db=-17,
                        spread=-0.5,
                        send_db=-14,
                        attack_s=0.02,
                        low_cut_hz=150,
                        high_cut_hz=3_500,
                    ),
                ),
            ),
            Part.BASS: ((Player(program=_ACOUSTIC_BASS, gain_db=-6, send_db=-22, soft_hz=500, high_cut_hz=3_000),),),
            Part.ARPEGGIO: (
                (
                    Player(program=_NYLON, gain_db=-6, pan=-0.3, send_db=-15, soft_hz=1_500, voices=(0,)),
                    Player(program=_STEEL, gain_db=-10, pan=0.4, send_db=-15, soft_hz=1_500, voices=(1,)),
                ),
                (
                    Player(program=_STEEL, gain_db=-6, pan=-0.3, send_db=-15, soft_hz=1_500, voices=(0,)),
                    Player(program=_NYLON, gain_db=-9, pan=0.4, send_db=-15, soft_hz=1_500, voices=(1,)),
                ),
            ),
            Part.MELODY: (
                (
                    Player(program=_FLUTE, gain_db=-13, pan=0.15, send_db=-10, attack_s=0.04),
                    Player(program=_NYLON, gain_db=-12, pan=0.1, send_db=-13, soft_hz=1_500, voices=(0,)),
                ),
                (
                    Player(program=_CLARINET, gain_db=-12, pan=0.15, send_db=-10, attack_s=0.05),
                    Player(program=_PIANO, gain_db=-9, pan=0.0, send_db=-13, soft_hz=1_500),
                ),
                (
                    Player(program=_PIANO, gain_db=-3, pan=0.12, send_db=-13, soft_hz=1_300),
                    Player(
                        program=_STRINGS,
                        gain_db=-13,
                        pan=-0.2,
                        send_db=-10,
                        attack_s=0.1,
                        low_cut_hz=200,
                        from_intensity=0.65,
                    ),
                ),
            ),
            Part.COUNTER: (
                (
                    Player(
                        program=_CELLO,
                        gain_db=-16,
                        pan=0.3,
                        send_db=-12,
                        attack_s=0.15,
                        high_cut_hz=4_000,
                        swells=True,
                    ),
                ),
            ),
            Part.SPARKLE: (
                (Player(program=_GLOCKENSPIEL, gain_db=-10, pan=0.4, send_db=-10, low_cut_hz=300),),
                (Player(program=_KALIMBA, gain_db=-15, pan=0.4, send_db=-10, low_cut_hz=200, octave=-1),),
                (Player(program=_MUSIC_BOX, gain_db=-22, pan=0.4, send_db=-10, low_cut_hz=200, octave=-1),),
            ),
            Part.DRUM: (
                (
                    Player(
                        program=_BRUSHES,
                        bank=DRUM_BANK,
                        gain_db=-16,
                        pan=-0.1,
                        send_db=-16,
                        keys={0: 36, 1: 40},
                        high_cut_hz=9_000,
                    ),
                    Player(
                        program=_BRUSHES,
                        bank=DRUM_BANK,
                        gain_db=-24,
                        pan=0.35,
                        send_db=-16,
                        keys={0: 70, 1: 70},
                        high_cut_hz=12_000,
                    ),
                ),
            ),
            Part.SWELL: ((_CYMBAL,),),
        },
    ),
}
