"""What each check lets pass and what it stops, with the figures it shows."""

from dataclasses import replace
from fractions import Fraction

import dagster as dg
import pytest

from luxvid_pipeline import checks
from luxvid_pipeline.assets.clip_gate import gate_event
from luxvid_pipeline.domain.delivery_table import FileFigures, PictureFigures, SoundFigures
from luxvid_pipeline.domain.measured import SoundMeasures, StageJoin
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.media.film import FilmFacts
from luxvid_pipeline_tests.imagined import photo

WARNS, BLOCKS = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def figures_of(result):
    return {name: value.value for name, value in result.metadata.items()}


def record(number, verdict=Verdict.KEPT, bits=None):
    """A photo whose hash differs from each other's in half of its bits, unless given."""
    look = f"{number * 0x1111_1111_1111_1111 ^ (0x5A5A_5A5A_5A5A_5A5A >> number):064x}"[-64:] if bits is None else bits
    return PhotoRecord(
        photo_id=f"{number:064x}",
        file=f"{number}.jpg",
        original=f"{number}.jpg",
        bytes=1,
        verdict=verdict,
        perceptual_hash=look,
    )


@pytest.mark.parametrize(
    ("kept", "refused", "passed"),
    [
        pytest.param(14, 0, True, id="two-for-each-scene"),
        pytest.param(13, 30, False, id="many-but-most-refused"),
        pytest.param(0, 0, False, id="none"),
    ],
)
def test_photos_are_counted(kept, refused, passed):
    records = [record(n) for n in range(kept)] + [record(99, Verdict.REFUSED) for _ in range(refused)]
    result = checks.photos_are_enough(records)
    assert (result.passed, result.severity) == (passed, WARNS)
    assert figures_of(result) == {"kept": kept, "refused": refused}


@pytest.mark.parametrize(
    ("alike", "alone", "passed"),
    [
        pytest.param(0, 3, True, id="each-its-own-view"),
        pytest.param(2, 2, True, id="half-alike"),
        pytest.param(6, 2, False, id="most-alike"),
        pytest.param(0, 0, True, id="no-photos-are-told-elsewhere"),
    ],
)
def test_views_are_told_apart(alike, alone, passed):
    own = ["0" * 64, "f" * 64, "0f" * 32]
    records = [record(n, bits="a" * 64) for n in range(alike)] + [record(50 + n, bits=own[n]) for n in range(alone)]
    result = checks.photos_are_varied(records)
    assert result.passed is passed
    assert figures_of(result)["like_another"] == alike


@pytest.mark.parametrize(
    ("kept", "catalogued", "wrong"),
    [
        pytest.param("abc", "abc", {}, id="complete"),
        pytest.param("abc", "ab", {"missing": 1}, id="one-forgotten"),
        pytest.param("ab", "abc", {"without_a_photo": 1}, id="one-invented"),
        pytest.param("ab", "abb", {"entered_twice": 1}, id="one-twice"),
    ],
)
def test_a_catalogue_has_each_photo_once(kept, catalogued, wrong):
    result = checks.catalogue_is_complete(list(kept), [photo(each) for each in catalogued])
    assert (result.passed, result.severity) == (not wrong, BLOCKS)
    shown = figures_of(result)
    assert {name: shown[name] for name in ("missing", "without_a_photo", "entered_twice") if shown[name]} == wrong


def test_rooms_that_nobody_knows_are_a_warning():
    known = [photo(f"k{n}", Room.POOL, room_confidence=0.8) for n in range(7)]
    unknown = [photo(f"u{n}", Room.UNKNOWN) for n in range(3)]
    assert checks.catalogue_knows_the_rooms([*known, *unknown]).passed
    result = checks.catalogue_knows_the_rooms([*known[1:], *unknown])
    assert (result.passed, result.severity) == (False, WARNS)
    assert figures_of(result)["mean_confidence"] == pytest.approx(0.8)
    assert "listing.yaml" in result.description
    assert not checks.catalogue_knows_the_rooms([]).passed


def pairs():
    return [
        ScenePair(scene=key, first_photo=f"p{n}", confidence=0.9, reason="it fits") for n, key in enumerate(SCENE_KEYS)
    ]


def changed(number, **values):
    found = pairs()
    found[number] = replace(found[number], **values)
    return found


@pytest.mark.parametrize(
    ("chosen", "wrong"),
    [
        pytest.param(pairs(), set(), id="valid"),
        pytest.param(changed(2, first_photo=None), set(), id="a-scene-left-out-is-valid"),
        pytest.param(pairs()[:-1], {"scenes_without_one_row"}, id="a-scene-forgotten"),
        pytest.param([*pairs(), pairs()[0]], {"scenes_without_one_row", "photos_in_two_scenes"}, id="a-scene-twice"),
        pytest.param(changed(1, first_photo="p0"), {"photos_in_two_scenes"}, id="one-photo-in-two-scenes"),
        pytest.param(changed(1, last_photo="p1"), {"pairs_of_the_same_photo"}, id="from-a-photo-to-itself"),
        pytest.param(changed(1, first_photo="q"), {"photos_not_in_the_catalogue"}, id="a-photo-nobody-knows"),
        pytest.param(changed(1, confidence=1.5), {"confidences_out_of_range"}, id="surer-than-sure"),
    ],
)
def test_a_choice_that_cannot_be_shot_is_stopped(chosen, wrong):
    result = checks.pairs_are_valid(chosen, [f"p{n}" for n in range(7)])
    assert (result.passed, result.severity) == (not wrong, BLOCKS)
    assert {name for name, value in figures_of(result).items() if value} == wrong


def test_scenes_left_out_and_doubtful_choices_are_a_warning():
    assert checks.all_scenes_are_shot(pairs()).passed
    short = checks.all_scenes_are_shot(changed(2, first_photo=None))
    assert (short.passed, short.severity) == (False, WARNS)
    assert "3-vanity" in short.description
    assert (figures_of(short)["scenes_shot"], figures_of(short)["left_out"]) == (6, 1)
    assert not checks.all_scenes_are_shot(changed(2, confidence=0.1)).passed


SOUND = SoundMeasures(
    seconds=28.0, integrated_lufs=-20.0, true_peak_dbtp=-3.0, range_lu=5.0, clicks=(), silences=(), joins=()
)
SEAM = StageJoin(
    at_s=4.0,
    clicks=0,
    carried_db=-20.0,
    usual_low_db=-5.0,
    usual_high_db=2.0,
    timbre_jump=9.0,
    usual_timbre_jump=2.0,
)


@pytest.mark.parametrize(
    ("sound", "silent", "passed", "told"),
    [
        pytest.param(SOUND, False, True, "goes on", id="one-music"),
        pytest.param(replace(SOUND, clicks=(4.0,)), False, False, "clicks at 4.0 s", id="a-click"),
        pytest.param(replace(SOUND, silences=((5.0, 6.0),)), False, False, "silent at 5.0 s", id="a-hole"),
        pytest.param(replace(SOUND, joins=(SEAM,)), False, False, "another music begins at 4.0 s", id="two-songs"),
        pytest.param(replace(SOUND, joins=(replace(SEAM, carried_db=-9.0),)), False, False, "level", id="a-step"),
        pytest.param(replace(SOUND, silences=((0.0, 28.0),)), True, True, "meant to be silent", id="silence-as-wanted"),
    ],
)
def test_a_score_with_a_seam_is_a_warning(sound, silent, passed, told):
    result = checks.score_has_no_seam(sound, silent=silent)
    assert (result.passed, result.severity) == (passed, WARNS)
    assert told in result.description


FILM = FilmFacts(
    frames=840,
    duration_s=Fraction(28),
    audio_duration_s=Fraction(28),
    width_px=1920,
    height_px=1080,
    fps=Fraction(30),
    bytes=20_000_000,
    integrated_lufs=-14.1,
    true_peak_dbtp=-1.4,
    range_lu=6.0,
    moov_first=True,
    edit_lists=0,
)


@pytest.mark.parametrize(
    ("values", "passed"),
    [
        pytest.param({}, True, id="as-planned"),
        pytest.param({"duration_s": Fraction(28) + Fraction(1, 30)}, False, id="a-frame-too-long"),
        pytest.param({"audio_duration_s": Fraction(279, 10)}, False, id="sound-ends-early"),
        pytest.param({"audio_duration_s": Fraction(28) + Fraction(1, 100)}, True, id="sound-within-a-frame"),
    ],
)
def test_a_film_of_the_wrong_length_is_stopped(values, passed):
    result = checks.film_is_as_long_as_its_scenes(replace(FILM, **values), 28.0)
    assert (result.passed, result.severity) == (passed, BLOCKS)


@pytest.mark.parametrize(
    ("lufs", "peak", "silent", "passed"),
    [
        pytest.param(-14.9, -1.1, False, True, id="within"),
        pytest.param(-15.2, -1.1, False, False, id="too-quiet"),
        pytest.param(-12.9, -1.1, False, False, id="too-loud"),
        pytest.param(-14.0, -0.8, False, False, id="peaks-too-high"),
        pytest.param(-99.0, -99.0, True, True, id="silent-as-wanted"),
        pytest.param(-20.0, -9.0, True, False, id="heard-though-meant-to-be-silent"),
    ],
)
def test_a_film_of_the_wrong_loudness_is_stopped(lufs, peak, silent, passed):
    film = replace(FILM, integrated_lufs=lufs, true_peak_dbtp=peak)
    result = checks.film_is_as_loud_as_agreed(film, silent=silent)
    assert (result.passed, result.severity) == (passed, BLOCKS)
    assert figures_of(result)["integrated_lufs"] == lufs


FIGURES = FileFigures(
    name="film.mp4",
    bytes=20_000_000,
    boxes=("ftyp", "moov", "mdat"),
    edit_lists=0,
    picture=PictureFigures(
        codec="h264",
        profile="High",
        pix_fmt="yuv420p",
        width_px=1920,
        height_px=1080,
        fps=Fraction(30),
        constant_rate=True,
        is_progressive=True,
        frames=840,
        seconds=28.0,
        start_s=0.0,
        primaries=1,
        transfer=1,
        matrix=1,
        range=1,
        longest_gop_frames=15,
        closed_gops=True,
        b_frames=2,
        bitrate_bps=6_000_000,
    ),
    sound=SoundFigures(
        codec="aac",
        profile="LC",
        rate_hz=48_000,
        channels=2,
        seconds=28.0,
        start_s=0.0,
        bitrate_bps=384_000,
        integrated_lufs=-14.0,
        true_peak_dbtp=-1.2,
        range_lu=6.0,
    ),
)


@pytest.mark.parametrize(
    ("part", "values", "told"),
    [
        pytest.param("", {}, "", id="as-platforms-take-it"),
        pytest.param("", {"boxes": ("ftyp", "mdat", "moov")}, "index is moov last", id="index-behind"),
        pytest.param("", {"edit_lists": 1}, "edit lists is 1", id="edit-list"),
        pytest.param("picture", {"profile": "High 4:4:4"}, "video codec", id="profile"),
        pytest.param("picture", {"fps": Fraction(72)}, "frame rate", id="too-many-frames"),
        pytest.param("picture", {"constant_rate": False}, "changing", id="changing-rate"),
        pytest.param("picture", {"primaries": 2}, "colour", id="untagged"),
        pytest.param("picture", {"longest_gop_frames": 250}, "groups of pictures", id="long-groups"),
        pytest.param("picture", {"closed_gops": False}, "open", id="open-groups"),
        pytest.param("picture", {"b_frames": 4}, "B-frames", id="b-frames"),
        pytest.param("picture", {"bitrate_bps": 30_000_000}, "video bit rate", id="bit-rate"),
        pytest.param("sound", {"rate_hz": 44_100}, "audio rate", id="44100"),
        pytest.param("sound", {"channels": 1}, "channels", id="mono"),
        pytest.param("sound", {"seconds": 28.2}, "sound length", id="sound-outlasts-picture"),
        pytest.param("sound", {"start_s": 0.05}, "sound starts", id="sound-late"),
    ],
)
def test_a_film_that_platforms_do_not_take_is_stopped(part, values, told):
    changed_part = {part: replace(getattr(FIGURES, part), **values)} if part else values
    result = checks.film_is_what_platforms_take(replace(FIGURES, **changed_part))
    assert (result.passed, result.severity) == (not values, BLOCKS)
    assert told in result.description
    assert figures_of(result)["figures_wrong"] == (1 if values else 0)


def gate(**values):
    return {"gate": {"passed": True, "told": "", "faults": [], "score": 0.97, "measures": {"zoom": 1.2}, **values}}


@pytest.mark.parametrize(
    ("facts", "passed", "told"),
    [
        pytest.param(gate(), True, "begins and ends on its photos", id="clean"),
        pytest.param(gate(told="it is soft", faults=["softened"]), False, "it is soft", id="with-a-warning"),
        pytest.param(
            gate(passed=False, told="it cuts", faults=["cut inside"]), False, "it cuts", id="kept-for-want-of-a-better"
        ),
    ],
)
def test_a_clips_verdict_is_what_its_check_says(facts, passed, told):
    event = gate_event("villa|4-bath", facts)
    assert (event.passed, event.partition, event.asset_check_key.name) == (passed, "villa|4-bath", checks.CLIP_CHECK)
    assert told in event.description
    assert (event.metadata["gate_score"].value, event.metadata["zoom"].value) == (0.97, 1.2)


def test_a_clip_that_was_never_measured_says_nothing():
    assert gate_event("villa|4-bath", {}) is None


def test_every_stage_of_a_listing_says_what_its_checks_found(shot):
    """One film with fakes: each check has run, on a real instance, and shows figures."""
    shot.assemble()
    wanted = {
        spec.key: spec.partitions_def
        for specs in (
            checks.PHOTO_CHECKS,
            checks.CATALOGUE_CHECKS,
            checks.PAIR_CHECKS,
            checks.CLIP_CHECKS,
            checks.SCORE_CHECKS,
            checks.FILM_CHECKS,
        )
        for spec in specs
    }
    for key in wanted:
        history = shot.instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
        assert history, key
        evaluations = [each.event.dagster_event.event_specific_data for each in history]
        assert all(each.metadata for each in evaluations if hasattr(each, "metadata")), key
    clips = shot.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(checks.CLIPS, checks.CLIP_CHECK), limit=20
    )
    assert {each.partition for each in clips} == {f"villa-test|{scene}" for scene in SCENE_KEYS}
    made = shot.instance.fetch_materializations(checks.CLIPS, limit=20).records
    assert {each.partition: each.evaluation.target_materialization_data.storage_id for each in clips} == {
        each.partition_key: each.storage_id for each in made
    }
