"""A model's word on photos is checked, repaired once, and otherwise replaced, photo by photo, and it shows."""

import json

import pytest

from luxvid_pipeline.domain.errors import BadKeyError, ContentRefusedError, NoCreditError, RetryableProviderError
from luxvid_pipeline.domain.listing import ListingManifest, PhotoEntry
from luxvid_pipeline.domain.payments import FREE
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.providers.local.tagger import LocalTagger
from luxvid_pipeline.providers.vision.tagger import FEATURES, VisionTagger
from luxvid_pipeline_tests.simulators import script

ENGINE = "xai/grok-4.3"
NOTHING = ListingManifest()


def row(name, **changes):
    said = {"room": "living", "room_confidence": 0.9, "features": ["window"], "caption": "A room.", "quality": 0.8}
    return {"id": name, **said, "avoid": [], **changes}


def ids(ask):
    return ask.schema["properties"]["photos"]["items"]["properties"]["id"]["enum"]


def everything(ask):
    return {"photos": [row(name) for name in ids(ask)]}


def only_first(spoil):
    """Spoil the first answer and leave the others sound."""
    seen = []

    def answer(ask):
        seen.append(ask)
        value = everything(ask)
        if len(seen) == 1:
            spoil(value["photos"])
        return value

    return answer


@pytest.fixture
def tag(xai):
    def run(photos, manifest=NOTHING):
        return VisionTagger(xai.client()).tag(photos, manifest, xai.account)

    return run


def test_each_photo_is_tagged_in_the_order_given_and_says_by_whom(xai, tag, photos):
    xai.sim.answer_with(everything)
    tagging = tag(photos)
    assert [entry.photo_id for entry in tagging.photos] == [photo.record.photo_id for photo in photos]
    for entry in tagging.photos:
        assert (entry.room, entry.room_by, entry.room_confidence) == (Room.LIVING, ENGINE, 0.9)
        assert (entry.caption, entry.caption_by, entry.quality, entry.quality_by) == ("A room.", ENGINE, 0.8, ENGINE)
        assert "window" in entry.features
        assert entry.features_by.startswith(ENGINE)
        assert entry.suitability["5-living"] > 0 == entry.suitability["3-vanity"]
    engine = tagging.engine
    assert (engine.name, engine.degraded_reason) == (ENGINE, "")
    assert engine.paid_calls == xai.sent > 1
    assert engine.cost_usd == pytest.approx(xai.sim.cost_usd)


def test_the_simulated_vendor_needs_no_help(desk, photos):
    tagger = VisionTagger(desk.client())
    tagging = tagger.tag(photos[:3], NOTHING, desk.account)
    assert len(tagging.photos) == 3
    assert tagging.engine.degraded_reason == ""


def test_pictures_are_small_jpegs_and_the_photos_own_names_and_hashes_stay_here(xai, tag, photos):
    xai.sim.answer_with(everything)
    tag(photos)
    pictures = [picture for ask in xai.sim.asks for picture in ask.pictures]
    assert len(pictures) == len(photos)
    assert {picture.content_type for picture in pictures} == {"image/jpeg"}
    told = json.dumps([ask.texts for ask in xai.sim.asks])
    assert not any(photo.record.photo_id in told or photo.record.file in told for photo in photos)


def test_the_manifest_stands_before_the_model_and_an_edit_of_it_pays_nothing(xai, tag, photos):
    xai.sim.answer_with(everything)
    tag(photos)
    sent = xai.sent
    told = ListingManifest(photos=[PhotoEntry(file="IMG_03.jpg", room=Room.KITCHEN, tags=("Dusk",))])
    tagging = tag(photos, told)
    assert (tagging.photos[3].room, tagging.photos[3].room_by) == (Room.KITCHEN, "manifest")
    assert tagging.photos[3].features[0] == "dusk"
    assert tagging.photos[3].features_by.startswith(f"manifest, {ENGINE}")
    assert tagging.photos[4].room is Room.LIVING
    assert (xai.sent, tagging.engine.paid_calls, tagging.engine.cost_usd) == (sent, 0, 0.0)


def test_one_more_photo_pays_for_its_own_batch_and_not_for_all(xai, tag, photos):
    xai.sim.answer_with(everything)
    whole = tag(photos).engine.paid_calls
    xai.sim.asks.clear()
    assert whole >= 3
    assert all(tag([*photos[:at], *photos[at + 1 :]]).engine.paid_calls <= 2 for at in (0, 5, 10))


def test_a_photographer_in_the_mirror_is_written_down_and_goes_to_the_end(xai, tag, photos):
    xai.sim.answer_with(lambda ask: {"photos": [row(name, avoid=["photographer"]) for name in ids(ask)]})
    seen = tag(photos[:1]).photos[0]
    xai.sim.answer_with(everything)
    clean = tag(photos[1:2]).photos[0]
    assert seen.avoid == ("photographer",)
    assert clean.avoid == ()
    assert 0 < seen.suitability["5-living"] < clean.suitability["5-living"]


def test_where_the_model_does_not_know_the_local_rules_are_asked(xai, tag, photos):
    xai.sim.answer_with(lambda ask: {"photos": [row(name, room="unknown") for name in ids(ask)]})
    known = LocalTagger().tag(photos[:1], NOTHING).photos[0]
    entry = tag(photos[:1]).photos[0]
    assert (entry.room, entry.room_by, entry.room_confidence) == (known.room, known.room_by, known.room_confidence)
    assert entry.caption_by == ENGINE


FAULTS = {
    "missing": lambda rows: rows.pop(0),
    "twice": lambda rows: rows.append(dict(rows[0])),
    "thrice": lambda rows: rows.extend([dict(rows[0]), dict(rows[0])]),
    "invented id": lambda rows: rows[0].update(id="P99"),
    "unknown room": lambda rows: rows[0].update(room="ballroom"),
    "too sure": lambda rows: rows[0].update(room_confidence=1.4),
    "no number": lambda rows: rows[0].update(quality="good"),
    "no caption": lambda rows: rows[0].update(caption=" "),
    "no such field": lambda rows: rows[0].pop("avoid"),
    "no object": lambda rows: rows.__setitem__(0, "P01"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_repaired_by_one_more_call_about_that_photo_alone(xai, tag, photos, name):
    xai.sim.answer_with(only_first(FAULTS[name]))
    tagging = tag(photos[:3])
    assert [entry.room_by for entry in tagging.photos] == [ENGINE] * 3
    assert tagging.engine.degraded_reason == ""
    first, again = xai.sim.asks
    assert (len(first.pictures), len(again.pictures)) == (3, 1)
    assert "P01:" in again.texts[1]
    assert tagging.engine.paid_calls == 2


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_is_tagged_locally_and_says_so(xai, tag, photos, name):
    def spoilt(ask):
        value = everything(ask)
        FAULTS[name](value["photos"])
        return value

    xai.sim.answer_with(spoilt)
    tagging = tag(photos[:3])
    by = sorted(entry.room_by for entry in tagging.photos)
    assert by == ["local rule", ENGINE, ENGINE]
    assert tagging.engine.degraded_reason.startswith("1 of 3 photos were tagged by local rules instead of xai/grok-4.3")
    assert "IMG_0" in tagging.engine.degraded_reason


@pytest.mark.parametrize("effect", [script.truncated(), script.text("No JSON.")], ids=["cut off", "no JSON"])
def test_an_unusable_answer_is_asked_for_once_more_and_then_done_locally(xai, tag, photos, effect):
    xai.sim.answer_with(everything)
    xai.sim.script.language(effect, times=2)
    tagging = tag(photos[:2])
    assert [entry.room_by for entry in tagging.photos] == ["local rule"] * 2
    assert "2 of 2 photos" in tagging.engine.degraded_reason
    assert xai.spent().cost_usd > 0


def test_one_refused_batch_is_done_locally(xai, tag, photos):
    xai.sim.answer_with(everything)
    xai.sim.script.language(script.refusal("Not this one."), nth=2)
    tagging = tag(photos)
    local = [entry for entry in tagging.photos if entry.room_by == "local rule"]
    assert 0 < len(local) < len(photos)
    assert "Not this one" in tagging.engine.degraded_reason


@pytest.mark.parametrize("count", [3, 16])
def test_a_model_that_refuses_every_photo_is_an_error(xai, tag, photos, count):
    xai.sim.script.language(script.refusal("None of them."), times=None)
    with pytest.raises(ContentRefusedError, match="None of them"):
        tag(photos[:count])


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        (script.credit_exhausted(), NoCreditError),
        (script.bad_key(), BadKeyError),
        (script.html(503), RetryableProviderError),
    ],
    ids=["no credit", "wrong key", "busy"],
)
def test_what_the_operator_must_see_shows_at_the_first_batch(xai, tag, photos, effect, error):
    xai.sim.script.language(effect, times=None)
    with pytest.raises(error):
        tag(photos)
    assert xai.sent <= 3, "only the first batch was sent, with its tries"


def test_after_a_failure_only_what_is_missing_is_paid_for(xai, tag, photos):
    xai.sim.answer_with(everything)
    xai.sim.script.language(script.credit_exhausted(), nth=3)
    with pytest.raises(NoCreditError):
        tag(photos)
    billed = xai.sim.counts["accepted"]
    tagging = tag(photos)
    assert billed >= 2
    assert xai.sim.counts["accepted"] == billed + tagging.engine.paid_calls
    assert tag(photos).engine.paid_calls == 0


def test_an_estimate_holds_what_it_costs_and_is_nothing_afterwards(xai, tag, photos):
    xai.sim.answer_with(everything)
    tagger = VisionTagger(xai.client())
    estimate = tagger.estimate(photos, NOTHING)
    assert float(estimate.low_usd) <= tag(photos).engine.cost_usd <= float(estimate.high_usd)
    assert tagger.estimate(photos, NOTHING) == FREE


def test_no_photos_need_no_model(xai, tag):
    assert tag([]).photos == ()
    assert xai.sent == 0


def test_the_vocabulary_holds_what_the_scenes_ask_for_and_cannot_be_measured():
    assert {"water", "tub", "table", "mirror", "infinity pool"} <= set(FEATURES)
    assert not {"wide", "bright", "symmetry", "warm"} & set(FEATURES)
