"""What a person's note asks for: read by a small vocabulary, checked against the photos, put on the storyboard.

Belongs here: the words that are understood, what they change, and saying plainly what was not understood or cannot be.
Does not belong here: rewriting prompts (``providers/*/writer.py``), choosing photos (``domain/pairing.py``), keeping
notes (``assets/notes.py``).

Understood are, in English and in any order:

=========================================  =====================================================================
``show the terrace, not the kitchen``      rooms wanted and unwanted (``domain/subjects.py`` knows their names)
``at dusk``, ``by day``, ``the tub``       what the catalogue says of a photo; ``guest``, ``upstairs`` of its name
``use IMG_0012.jpg``, ``not IMG_7``        photos by their file's name; whoever names one vouches for what it shows
``begin on IMG_3, end on IMG_4``           the photo a scene begins or ends on
``another photo``                          none of those it has now
``no people``, ``without cars``            words for the negative prompt
``leave it out``                           the film does without the scene
``scene 3``, ``3-vanity``, ``the third``   which scene, where the note was not given one
=========================================  =====================================================================

Everything else is told back word for word, and stays a note that a hosted writer reads.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.domain.pairing import photo_score
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS, SCENES, scene
from luxvid_pipeline.domain.storyboard import LeftOut, Shot, Storyboard
from luxvid_pipeline.domain.subjects import places_of, room_at, rooms_named
from luxvid_pipeline.domain.wishes import NO_WISHES, PictureWishes, says

LONGEST_NOTE = 4000
"""Characters."""

NOT_UNDERSTOOD = "not understood: "
"""How a line begins that tells back words outside the vocabulary."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")

_MOST_NAMED = 2

_SUFFIX = r"\.(?:jpe?g|png|webp|avif|tiff?|hei[cf])$"
_NAME_LIKE = re.compile(rf"(?:.*{_SUFFIX}|(?:img|dsc|dscf|dscn|dji|pxl|mg|_mg|p)(?:[_-]\d+|\d{{2,}}))", re.IGNORECASE)
_PATH = re.compile(r"[^\s,;:!?()\"“”']+")

_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "leave out",
        r"(?:leave|take|keep) (?:it|this|that|this scene|the scene|that scene) out|leave out (?:this|the|that) scene|"
        r"(?:drop|skip|cut|remove|lose) (?:it|this scene|the scene|that scene)|without this scene",
    ),
    (
        "other",
        r"(?:another|an other|a different|some other|other|different)(?: pair of)? "
        r"(?:photo(?:graph)?|picture|image|shot|view|angle)s?|something else",
    ),
    ("not, open", r"no|without|avoid|never|hide|remove"),
    ("not", r"not|do not|don['’]?t|doesn['’]?t|isn['’]?t|instead of|rather than|except|nor|less|fewer"),
    ("first", r"(?:begin|start|open)(?:s|ning|ing)?(?: it)? (?:on|with|from|at|in)"),
    ("last", r"(?:end|finish|close)(?:s|ing)?(?: it)? (?:on|with|at|in)"),
    ("show", r"show(?:ing|s)?|use|using|take|choose|pick|prefer|feature|featuring|see|want|have|make it|go with|film"),
    ("stop", r"but|and then|then"),
    ("day", r"daylight|daytime|(?:by|at|in the) day|morning|midday|noon"),
    ("dusk", r"dusk|sunset|evening|twilight|(?:by|at) night|night"),
    ("tub", r"freestanding tub|bathtub|tub"),
    ("shower", r"shower"),
    ("infinity pool", r"infinity pool"),
    ("lap pool", r"lap pool"),
    ("roof terrace", r"roof terrace"),
    ("principal", r"master|principal|primary"),
    ("scene", rf"scene (?:no\.? ?|number )?[1-7]|(?:the )?(?:{'|'.join(ORDINALS)}) scene|{'|'.join(SCENE_KEYS)}"),
    ("from", r"from"),
    ("to", r"to"),
    ("within", r"in|into|at|of|inside|near|by|through|on|with|for|behind|outside"),
    ("or", r"and|or|plus"),
    (
        "filler",
        r"the|a|an|any|this|that|it|its|is|are|be|please|more|much|some|photo(?:graph)?s?|pictures?|images?|shots?|"
        r"scene|film|movie|clip|instead|rather|we|i|you|let|us|would|should|could|can|like|love|to see|room|area|there|"
        r"here|only|just|really|all|longer",
    ),
)
_STOPS = r"[,;.!?:()–—\n]"
_LEXER = [
    (kind, re.compile(rf"(?:{pattern})(?![\w-])" + (f"|{_STOPS}" if kind == "stop" else ""), re.IGNORECASE))
    for kind, pattern in _PATTERNS
]
_SAID = frozenset({"dusk", "tub", "shower", "infinity pool", "lap pool", "roof terrace", "principal"})
_ROOM_OF = {
    "tub": Room.BATHTUB_SHOWER,
    "shower": Room.BATHTUB_SHOWER,
    "infinity pool": Room.POOL,
    "lap pool": Room.POOL,
    "roof terrace": Room.TERRACE,
}

_PICTURED = frozenset({"room", "place", "day", *_SAID})
_PLACES_OF_PHOTO = {"first": "first", "last": "last", "from": "first", "to": "last"}
_LONGEST_LIST = 4
_PARTS = frozenset({"tub", "shower"})
"""One room may have both, so that wanting one does not exclude photos of the room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """What a note asks for.

    Attributes:
        scenes: Scenes that the note itself names.
        wishes: For the photos.
        never: For the negative prompt.
        other: Whether photos other than those now chosen are wanted.
        leave_out: Whether the scene is to be left out.
        not_understood: The words that were not, in runs.
        unknown: File names that no usable photo has, or that several have.
    """

    scenes: tuple[str, ...] = ()
    wishes: PictureWishes = NO_WISHES
    never: tuple[str, ...] = ()
    other: bool = False
    leave_out: bool = False
    not_understood: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Directed:
    """A storyboard with a direction put on it; words are still to be written for the scenes in ``likely``.

    Attributes:
        storyboard: The next version, or the same object where nothing changes.
        likely: Scenes whose photos will change, each with the photo it will most likely begin on.
        done: What was changed, or was so already.
        not_done: What was not understood or cannot be done.
    """

    storyboard: Storyboard
    likely: Mapping[str, CataloguedPhoto] = field(default_factory=dict[str, CataloguedPhoto])
    done: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()


def scene_key_of(said: str) -> str:
    """Return the key of a scene given as its number, its key, or the key's word (``3``, ``3-vanity``, ``vanity``).

    Raises:
        InputError: There is no such scene.
    """
    wanted = said.strip().lower()
    for each in SCENES:
        if wanted in {each.key, str(each.number), each.key.split("-", 1)[1]}:
            return each.key
    raise InputError(f"there is no scene {said!r}; give 1 to 7 or one of {', '.join(SCENE_KEYS)}")


def check_note(text: str) -> str:
    """Return a note without the spaces around it.

    Raises:
        InputError: It is empty or too long.
    """
    note = text.strip()
    if not note:
        raise InputError("the feedback is empty: say what should change, and in which scene")
    if len(note) > LONGEST_NOTE:
        raise InputError(f"the feedback has {len(note)} characters; at most {LONGEST_NOTE} are read")
    return note


# Reading


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    rooms: frozenset[Room] = frozenset()
    photo: str = ""


@dataclass(slots=True)
class _Shown:
    rooms: list[Room] = field(default_factory=list[Room])
    not_rooms: list[Room] = field(default_factory=list[Room])
    words: list[str] = field(default_factory=list[str])
    not_words: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _State:
    """How far a segment has been heard.

    Attributes:
        denied: What comes now is not wanted.
        is_open: Any word may be denied, not only known ones.
        asked: Something was asked for or denied at all.
        within: What comes now only says where (``in the pool``).
        since: Words heard since the last denial.
        just, before: Kinds of the token before, and of the last one that was no filler.
    """

    denied: bool
    is_open: bool
    asked: bool = False
    within: bool = False
    since: int = 0
    just: str = ""
    before: str = ""
    phrase: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    shown: _Shown = field(default_factory=_Shown)

    def deny(self, *, is_open: bool) -> None:
        self.denied, self.is_open, self.asked, self.within, self.since = True, is_open, True, False, 0

    def show(self) -> None:
        if self.denied and not self.since:
            self.is_open = True  # "don't show …"
        else:
            self.denied = self.is_open = False
        self.asked, self.within = True, False

    def plain(self, text: str) -> None:
        # "not the green sofa" is a thing; "not so dark" is none.
        is_thing = self.denied and not self.since and self.just == "filler"
        if self.denied and (self.is_open or is_thing):
            self.is_open = True
            self.phrase.append(text)
        else:
            self.lost.append(text)
        self.since += 1

    def end_phrase(self) -> list[str]:
        ended = [" ".join(self.phrase)] if self.phrase else []
        self.phrase.clear()
        return ended


class _Reader:
    """Reads one note."""

    def __init__(self, catalogue: Sequence[CataloguedPhoto]) -> None:
        self._names: dict[str, set[str]] = {}
        for photo in catalogue:
            for alias in _aliases(photo.file):
                self._names.setdefault(alias, set()).add(photo.photo_id)
        self._spaced = sorted((name for name in self._names if " " in name), key=len, reverse=True)
        self._places = frozenset(place for photo in catalogue for place in places_of(photo))
        self._can_say = {word: any(says(photo, word) for photo in catalogue) for word in _SAID}
        self.rooms: list[Room] = []
        self.not_rooms: list[Room] = []
        self.words: list[str] = []
        self.not_words: list[str] = []
        self.named: dict[str, list[str]] = {"first": [], "last": [], "photos": [], "not": []}
        self.scenes: list[str] = []
        self.never: list[str] = []
        self.unknown: list[str] = []
        self.lost: list[str] = []
        self.other = self.leave_out = False

    def read(self, text: str) -> Direction:
        segment: list[_Token] = []
        was_open = False
        for token in [*self._tokens(text), _Token("stop", "")]:
            if token.kind != "stop":
                segment.append(token)
            elif segment:
                was_open = self._segment(segment, continues=was_open)
                segment = []
        return Direction(
            scenes=tuple(dict.fromkeys(self.scenes)),
            wishes=PictureWishes(
                rooms=tuple(dict.fromkeys(room for room in self.rooms if room not in self.not_rooms)),
                not_rooms=tuple(dict.fromkeys(self.not_rooms)),
                words=tuple(dict.fromkeys(self.words)),
                not_words=tuple(dict.fromkeys(self.not_words)),
                photos=tuple(dict.fromkeys(self.named["photos"])),
                not_photos=tuple(dict.fromkeys(self.named["not"])),
                first=next(iter(self.named["first"]), ""),
                last=next(iter(self.named["last"]), ""),
            ),
            never=tuple(dict.fromkeys(self.never)),
            other=self.other,
            leave_out=self.leave_out,
            not_understood=tuple(dict.fromkeys(self.lost)),
            unknown=tuple(dict.fromkeys(self.unknown)),
        )

    def _tokens(self, text: str) -> Iterator[_Token]:
        at = 0
        while at < len(text):
            if text[at].isspace() and text[at] != "\n":
                at += 1
                continue
            token, end = self._token(text, at)
            yield token
            at = end

    def _token(self, text: str, at: int) -> tuple[_Token, int]:
        return self._name_at(text, at) or self._known_at(text, at) or _word_at(text, at)

    def _name_at(self, text: str, at: int) -> tuple[_Token, int] | None:
        """A photo's name, or a word of one that tells a place."""
        for name in self._spaced:
            if text[at:].lower().startswith(name):
                return self._photo(name, text[at : at + len(name)]), at + len(name)
        path = _PATH.match(text, at)
        said = path[0].rstrip(".") if path else ""
        if said.lower() in self._places:
            return _Token("place", said.lower()), at + len(said)
        if said and (_plain_name(said) in self._names or _NAME_LIKE.fullmatch(said)):
            return self._photo(_plain_name(said), said), at + len(said)
        return None

    def _known_at(self, text: str, at: int) -> tuple[_Token, int] | None:
        """A word of the vocabulary, or a room; the longer of the two."""
        named = room_at(text, at)
        for kind, pattern in _LEXER:
            found = pattern.match(text, at)
            if found and (named is None or found.end() >= named[0]):
                return _Token(kind, found[0]), found.end()
            if found:
                break
        return (_Token("room", text[at : named[0]], named[1]), named[0]) if named else None

    def _photo(self, name: str, said: str) -> _Token:
        ids = self._names.get(name, set())
        if len(ids) == 1:
            return _Token("photo", said, photo=next(iter(ids)))
        self.unknown.append(
            f"{said} is the name of {len(ids)} photos; give it with its folder" if ids else f"no usable photo is {said}"
        )
        return _Token("filler", said)

    def _segment(self, tokens: Sequence[_Token], *, continues: bool) -> bool:
        """Read the words between two stops; returns whether it ended in a list of what must not appear.

        Args:
            tokens: Of this segment.
            continues: Whether the segment before ended in such a list, so that bare words go on with it.
        """
        bare = {token.kind for token in tokens} <= {"plain", "or", "filler"}
        goes_on = continues and bare and sum(token.kind == "plain" for token in tokens) <= _LONGEST_LIST
        state = _State(denied=goes_on, is_open=goes_on)
        for token in tokens:
            self._hear(token, state)
            state.just = token.kind
            if token.kind != "filler":
                state.before = token.kind
        self.never += state.end_phrase()
        if state.lost and not state.asked and not goes_on:
            # "The kitchen is too dark" does not ask for the kitchen.
            said = tokens[1:] if tokens[0].kind == "or" else tokens
            self.lost.append(" ".join(token.text for token in said).strip())
            return False
        if state.lost:
            self.lost.append(" ".join(state.lost))
        self.rooms += state.shown.rooms
        self.not_rooms += state.shown.not_rooms
        self.words += state.shown.words
        self.not_words += state.shown.not_words
        return state.denied and state.is_open

    def _hear(self, token: _Token, state: "_State") -> None:
        kind = token.kind
        if kind in {"not", "not, open", "show", "first", "last", "or", "photo"}:
            self.never += state.end_phrase()
        if kind in {"not", "not, open"}:
            state.deny(is_open=kind == "not, open")
        elif kind in {"show", "first", "last"}:
            state.show()
        elif kind == "leave out":
            self.leave_out = True
        elif kind == "other":
            self.other = True
        elif kind == "scene":
            self.scenes.append(_scene_named(token.text))
        elif kind == "photo":
            where = _PLACES_OF_PHOTO.get(state.before, "photos")
            self.named["not" if state.denied else where].append(token.photo)
            state.since += 1
        elif kind == "plain":
            state.plain(token.text)
        elif kind in {"within", "from", "to"}:
            if state.phrase or state.lost or (state.denied and state.is_open and state.since):
                self.never += state.end_phrase()
                state.within, state.denied = True, False  # "no people in the pool" says nothing about the pool
        elif kind in _PICTURED:
            if not state.within:
                self.never += state.end_phrase()
                self._shown(token, state.shown, denied=state.denied)
            state.since += 1

    def _shown(self, token: _Token, shown: "_Shown", *, denied: bool) -> None:
        kind = token.kind
        if kind == "room":
            (shown.not_rooms if denied else shown.rooms).extend(sorted(token.rooms))
        elif kind == "day":
            (shown.words if denied else shown.not_words).append("dusk")
        elif kind == "place":
            (shown.not_words if denied else shown.words).append(token.text)
        elif self._can_say[kind]:
            (shown.not_words if denied else shown.words).append(kind)
            if not denied and kind not in _PARTS and kind in _ROOM_OF:
                shown.rooms.append(_ROOM_OF[kind])
        elif kind not in _ROOM_OF:
            self.unknown.append(f"no usable photo is known to show “{token.text}”")
        elif not denied:
            shown.rooms.append(_ROOM_OF[kind])
        elif kind not in _PARTS:
            shown.not_rooms.append(_ROOM_OF[kind])


def read_note(text: str, catalogue: Sequence[CataloguedPhoto]) -> Direction:
    """Return what a note asks for, in the vocabulary above.

    Args:
        text: In a person's words.
        catalogue: Every usable photo, whose names it may use.
    """
    return _Reader(catalogue).read(text)


def _word_at(text: str, at: int) -> tuple[_Token, int]:
    word = re.compile(r"[\w'’/%°+-]+").match(text, at)
    return (_Token("plain", word[0]), word.end()) if word else (_Token("filler", text[at]), at + 1)


def _scene_named(words: str) -> str:
    number = re.search(r"[1-7]", words)
    if number:
        return SCENE_KEYS[int(number[0]) - 1]
    return next(SCENE_KEYS[at] for at, ordinal in enumerate(ORDINALS) if ordinal in words.lower())


def _aliases(file: str) -> set[str]:
    """The names a photo may be called by: with and without folder; without suffix where a number makes it clear."""
    base = re.split(r"[\\/]", file)[-1]
    names = {_plain_name(file), _plain_name(base)}
    stem = base.rsplit(".", 1)[0]
    if re.search(r"\d", stem):
        names.add(_plain_name(stem))
    return names


def _plain_name(name: str) -> str:
    """A name in lower case, numbers without leading zeros: ``IMG_3`` is ``IMG_0003``."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", name.replace("\\", "/").lower())


# Putting it on the storyboard


def put_on(
    storyboard: Storyboard,
    direction: Direction,
    catalogue: Sequence[CataloguedPhoto],
    pairs: Sequence[ScenePair] = (),
    *,
    about: str = "",
    seen: Sequence[str] = (),
) -> Directed:
    """Return a storyboard with a direction's wishes, negative words and scenes left out; nothing else is touched.

    Args:
        storyboard: The version the note is about.
        direction: What the note asks for.
        catalogue: Every usable photo.
        pairs: The photos chosen now; scenes that the note is not about keep theirs.
        about: Key of the scene the note was given for; empty for the whole film.
        seen: The photos that "another photo" does not want; those chosen now by default.

    Returns:
        The same storyboard object if nothing of the note changes anything.
    """
    return _Putting(storyboard, direction, catalogue, pairs, seen).put(about)


class _Putting:
    """One direction being put on one storyboard."""

    def __init__(
        self,
        storyboard: Storyboard,
        direction: Direction,
        catalogue: Sequence[CataloguedPhoto],
        pairs: Sequence[ScenePair],
        seen: Sequence[str],
    ) -> None:
        self._board = storyboard
        self._direction = direction
        self._photos = {photo.photo_id: photo for photo in catalogue}
        self._chosen = {pair.scene: pair.photos for pair in pairs}
        self._seen = tuple(seen)
        self._shots = {shot.scene: shot for shot in storyboard.shots}
        self._out = {each.scene: each for each in storyboard.left_out}
        self._likely: dict[str, CataloguedPhoto] = {}
        self._done: list[str] = []
        self._not_done: list[str] = []

    def put(self, about: str) -> Directed:
        direction = self._direction
        targets = (about,) if about else direction.scenes
        self._not_done += [f"{NOT_UNDERSTOOD}“{words}”" for words in direction.not_understood]
        self._not_done += direction.unknown
        if direction.leave_out:
            self._leave_out(targets)
        else:
            for key in targets or tuple(self._shots):
                self._deny(key)
            self._wish(targets)
        shots = tuple(self._shots[key] for key in SCENE_KEYS if key in self._shots)
        out = tuple(self._out[key] for key in SCENE_KEYS if key in self._out)
        if (shots, out) == (self._board.shots, self._board.left_out):
            board = self._board
        else:
            version = self._board.version + 1
            anew = {key for key in self._likely if key in self._shots}
            shots = tuple(shot.model_copy(update={"since": version}) if shot.scene in anew else shot for shot in shots)
            board = self._board.model_copy(update={"shots": shots, "left_out": out, "version": version})
        return Directed(
            storyboard=board, likely=self._likely, done=tuple(self._done), not_done=tuple(dict.fromkeys(self._not_done))
        )

    def _leave_out(self, targets: Sequence[str]) -> None:
        if not targets:
            self._not_done.append("say which scene to leave out, with --scene")
        for key in targets:
            if key not in self._shots:
                self._not_done.append(self._absent(key))
            elif len(self._shots) == 1:
                self._not_done.append(f"{key} is the film's only scene, so it stays")
            else:
                del self._shots[key]
                self._out[key] = LeftOut(scene=key, reason="left out at a person's wish")
                self._done.append(f"{key} is left out")

    def _deny(self, key: str) -> None:
        """Add to a scene's negative prompt what it does not hold yet."""
        shot = self._shots.get(key)
        if shot is None:
            return
        said = shot.negative_prompt.lower()
        missing = [word for word in self._direction.never if not re.search(rf"\b{re.escape(word.lower())}\b", said)]
        if missing:
            words = ", ".join(filter(None, [shot.negative_prompt, *missing]))
            self._shots[key] = shot.model_copy(update={"negative_prompt": words})
            self._done.append(f"{key}: never {' or '.join(missing)} (for hosted models; a photo stays as it is)")
        elif self._direction.never:
            self._done.append(f"{key}: {' and '.join(self._direction.never)} was never to appear already")

    def _wish(self, targets: Sequence[str]) -> None:
        wishes = self._direction.wishes
        unwanted = PictureWishes(not_rooms=wishes.not_rooms, not_words=wishes.not_words, not_photos=wishes.not_photos)
        if targets:
            for key in targets:
                self._ask(key, wishes, other=self._direction.other)
            return
        wanted = bool(wishes.rooms or wishes.words or wishes.named)
        shows_unwanted = [key for key in self._shots if unwanted != NO_WISHES and not self._meets(key, unwanted)]
        if self._direction.other or (wanted and len(shows_unwanted) != 1):
            self._not_done.append("say which scene's photos to change, with --scene")
        elif wanted:
            self._ask(shows_unwanted[0], wishes)
            return
        if unwanted != NO_WISHES:
            for key in list(self._shots):
                if any(photo_score(scene(key), photo) > 0 and not unwanted.allow(photo) for photo in self._all()):
                    self._ask(key, unwanted)

    def _ask(self, key: str, wishes: PictureWishes, *, other: bool = False) -> None:
        """Give a scene its wishes, if photos for them are there and free."""
        if other:
            now = self._seen or self._chosen.get(key, ())
            if not now:
                self._not_done.append(f"{key}: nobody has chosen its photos yet")
                return
            wishes = wishes.then(PictureWishes(not_photos=tuple(photo for photo in now if photo not in wishes.named)))
        if wishes == NO_WISHES:
            return
        shot = self._shots.get(key)
        if shot is None and not wishes.named:
            self._not_done.append(self._absent(key))
            return
        if len(wishes.named) > _MOST_NAMED:
            self._not_done.append(f"{key}: a scene begins on one photo and ends on another, three are too many")
            return
        merged = wishes if shot is None else shot.wishes.then(wishes)
        if shot is not None and self._meets(key, merged):
            self._shots[key] = shot.model_copy(update={"wishes": merged})
            self._done.append(f"{key} is so already: {self._names(key) or shot.subject}")
            return
        photo = self._best(key, merged)
        if isinstance(photo, str):
            self._not_done.append(photo)
            return
        self._likely[key] = photo
        self._done.append(f"{key} is chosen anew: {_in_words(wishes, self._photos)}")
        if shot is None:
            self._shots[key] = _blank(key, self._board, merged)
            self._out.pop(key, None)
        else:
            self._shots[key] = shot.model_copy(update={"wishes": merged})

    def _meets(self, key: str, wishes: PictureWishes) -> bool:
        """Whether the photos a scene has now meet wishes; before they are chosen, whether its words do."""
        chosen = self._chosen.get(key, ())
        if chosen:
            return wishes.met_by(chosen, self._photos)
        named = rooms_named(self._shots[key].subject)
        asks_more = wishes.words or wishes.not_words or wishes.named or wishes.not_photos
        return not asks_more and bool(named) and named <= set(wishes.rooms or named) and not named & {*wishes.not_rooms}

    def _best(self, key: str, wishes: PictureWishes) -> CataloguedPhoto | str:
        """Return the photo a scene will most likely begin on, or why there is none."""
        shown = scene(key)
        taken = {photo: other for other, photos in self._chosen.items() if other != key for photo in photos}
        for name in sorted(wishes.named):
            if name in taken:
                photo = self._photos[name]
                return f"{photo.file} already serves {taken[name]}; direct that scene to another photo first"
        if wishes.named:
            return self._photos[wishes.first or min(wishes.named - {wishes.last}, default=wishes.last)]
        if wishes.rooms and not set(wishes.rooms) & shown.rooms.keys():
            may = ", ".join(room.words for room in shown.rooms)
            return f"{key} may honestly show {may} only; name a photo's file to vouch for it"
        may_play = [photo for photo in self._all() if wishes.allow(photo) and photo_score(shown, photo) > 0]
        free = [photo for photo in may_play if photo.photo_id not in taken]
        if free:
            return max(free, key=lambda photo: (photo_score(shown, photo), photo.photo_id))
        asked = _in_words(wishes, self._photos)
        if may_play:
            servers = ", ".join(sorted({taken[photo.photo_id] for photo in may_play}))
            return f"{key}: {asked}: the only photos for it serve {servers}"
        return f"{key}: {asked}: no usable photo that may play this scene does"

    def _all(self) -> list[CataloguedPhoto]:
        return list(self._photos.values())

    def _names(self, key: str) -> str:
        return " to ".join(self._photos[photo].file for photo in self._chosen.get(key, ()) if photo in self._photos)

    def _absent(self, key: str) -> str:
        reason = self._out[key].reason if key in self._out else "the storyboard leaves it out"
        return f"{key} is not in the film: {reason}"


def _blank(key: str, board: Storyboard, wishes: PictureWishes) -> Shot:
    """A shot without words, for a scene that a named photo brings back; its writer fills it."""
    seconds = board.shots[0].seconds if board.shots else 4.0
    return Shot(
        scene=key,
        subject="",
        camera="",
        prompt="",
        negative_prompt="",
        score_prompt="",
        seconds=seconds,
        wishes=wishes,
    )


def _in_words(wishes: PictureWishes, photos: Mapping[str, CataloguedPhoto]) -> str:
    def files(ids: Sequence[str]) -> str:
        return " and ".join(photos[each].file for each in ids if each in photos)

    told = [
        f"show {' or '.join(room.words for room in wishes.rooms)}" if wishes.rooms else "",
        f"not {' or '.join(room.words for room in wishes.not_rooms)}" if wishes.not_rooms else "",
        f"with {' and '.join(wishes.words)}" if wishes.words else "",
        f"without {' or '.join(wishes.not_words)}" if wishes.not_words else "",
        f"use {files(wishes.photos)}" if wishes.photos else "",
        f"begin on {files([wishes.first])}" if wishes.first else "",
        f"end on {files([wishes.last])}" if wishes.last else "",
        f"not {files(wishes.not_photos)}" if wishes.not_photos else "",
    ]
    return ", ".join(filter(None, told))
