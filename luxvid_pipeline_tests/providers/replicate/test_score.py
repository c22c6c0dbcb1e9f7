"""A score by a music model: stages that continue each other, asked for as the model allows, paid for once."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from luxvid_pipeline.domain.errors import InvalidRequestError, SettingsError, TimelineError
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, find_clicks, read_flac, to_sound
from luxvid_pipeline.media.stage_joins import read_music
from luxvid_pipeline.providers.replicate.score import MUSICGEN, MUSICGEN_SINGLE, RIFFUSION, VERSIONS, ReplicateScore
from luxvid_pipeline_tests.providers.replicate.desk import desk_for
from luxvid_pipeline_tests.simulators import ReplicateSimulator, script
from luxvid_pipeline_tests.sounds import score_request

ACCOUNT = Account(listing="villa-aurora", budget_usd=Decimal(20))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def sim(cache):
    with ReplicateSimulator(cache=cache, seed=1, speed=0.0001) as simulator:
        yield simulator


def asked(stages=3, seconds=4.0):
    request = score_request(stage_seconds=(seconds,) * stages)
    shots = tuple(shot.model_copy(update={"score_prompt": f"the mood of {shot.scene}"}) for shot in request.shots)
    return replace(request, shots=shots, stage_seconds=(seconds,) * stages, account=ACCOUNT)


def play(engine, desk, request, folder):
    """All stages, each continuing the one before."""
    composer = ReplicateScore(engine, desk)
    so_far, engines = None, []
    for stage in range(len(request.stage_seconds)):
        into = folder / f"{engine.replace('/', '-').replace(':', '-')}-{stage}.flac"
        engines.append(composer.compose_stage(request, stage, so_far, into))
        so_far = into
    return so_far, engines


@pytest.mark.parametrize("engine", [MUSICGEN, MUSICGEN_SINGLE, RIFFUSION])
def test_each_stage_begins_with_the_one_before_and_clicks_nowhere(sim, tmp_path, engine):
    request = asked()
    last, engines = play(engine, desk_for(sim.base_url, tmp_path), request, tmp_path)
    score = read_flac(last)
    assert len(score) == 12 * SAMPLE_RATE_HZ
    for stage in range(2):
        earlier = read_flac(last.with_name(last.name.replace("-2.flac", f"-{stage}.flac")))
        assert len(earlier) == (stage + 1) * 4 * SAMPLE_RATE_HZ
        assert np.array_equal(score[: len(earlier)], earlier)
    if engine == MUSICGEN_SINGLE:
        (file,) = (tmp_path / "shelf").iterdir()
        played = read_music(file)[: len(score)]
        assert np.abs(to_sound(score) - played)[1000:].max() < 1e-4, "one recording, cut nowhere"
    else:
        seams = [at for at in find_clicks(to_sound(score)) if min(abs(at - 4), abs(at - 8)) < 0.005]
        assert seams == []
    assert [each.name for each in engines] == [engine] * 3
    assert sum(each.paid_calls for each in engines) == (1 if engine == MUSICGEN_SINGLE else 3)
    assert all(create["json"]["version"] == VERSIONS[engine.removesuffix(":single")] for create in creates(sim))


def creates(sim):
    return sim.log.entries(event="create")


def test_musicgen_is_asked_as_seven_scenes_need_it(sim, tmp_path):
    request = asked(stages=7)
    last, engines = play(MUSICGEN, desk_for(sim.base_url, tmp_path), request, tmp_path)
    given = [create["json"]["input"] for create in creates(sim)]
    assert [each["duration"] for each in given] == [4] * 7
    assert [each["continuation"] for each in given] == [False] + [True] * 6
    assert all("continuation_end" not in each for each in given)
    slices = [each.notes["slice_s"] for each in engines[1:]]
    assert slices == [4, 8, 12, 16, 20, 20]
    assert all(part + 4 <= 30 for part in slices)
    assert all(each.notes["contains_slice"] == "yes" for each in engines[1:])
    assert all(abs(each.notes["cut_at_s"] - each.notes["slice_s"]) < 0.001 for each in engines[1:])
    assert len(read_flac(last)) == 28 * SAMPLE_RATE_HZ
    assert all(prediction.status == "succeeded" for prediction in sim.accepted)


def test_a_second_time_costs_nothing_and_sounds_the_same(sim, tmp_path):
    desk, request = desk_for(sim.base_url, tmp_path), asked(stages=2)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first, _ = play(MUSICGEN, desk, request, tmp_path / "one")
    again, engines = play(MUSICGEN, desk, request, tmp_path / "two")
    assert first.read_bytes() == again.read_bytes()
    assert [(each.cost_usd, each.paid_calls) for each in engines] == [(0.0, 0), (0.0, 0)]
    assert sim.counters()["accepted"] == 2


def test_a_recording_that_arrives_cut_off_is_fetched_again_and_not_bought_again(sim, tmp_path):
    sim.script.download(script.wrong_length(-60_000))
    cut, _ = play(MUSICGEN, desk_for(sim.base_url, tmp_path / "cut"), asked(stages=1), tmp_path / "cut")
    assert (sim.counters()["accepted"], len(sim.log.entries(server="delivery"))) == (1, 2)
    whole, _ = play(MUSICGEN, desk_for(sim.base_url, tmp_path / "whole"), asked(stages=1), tmp_path / "whole")
    assert cut.read_bytes() == whole.read_bytes()


def test_parts_of_a_second_are_rounded_up_and_cut(sim, tmp_path):
    last, _ = play(MUSICGEN, desk_for(sim.base_url, tmp_path), asked(stages=2, seconds=3.5), tmp_path)
    assert [create["json"]["input"]["duration"] for create in creates(sim)] == [4, 4]
    assert len(read_flac(last)) == 7 * SAMPLE_RATE_HZ


def test_a_riffusion_stage_longer_than_it_plays_is_repeated(sim, tmp_path):
    last, _ = play(RIFFUSION, desk_for(sim.base_url, tmp_path), asked(stages=1, seconds=12.0), tmp_path)
    assert len(read_flac(last)) == 12 * SAMPLE_RATE_HZ


@pytest.mark.parametrize(
    ("engine", "request_", "error", "words"),
    [
        pytest.param(MUSICGEN_SINGLE, asked(8), InvalidRequestError, "30 s at most in one piece", id="too-long"),
        pytest.param(MUSICGEN, asked(1, 30.0), InvalidRequestError, "less than 30 s at a time", id="stage-too-long"),
        pytest.param(MUSICGEN, replace(asked(1), account=None), InvalidRequestError, "who pays", id="nobody-pays"),
        pytest.param(MUSICGEN, asked(0), TimelineError, "0 stages", id="no-such-stage"),
    ],
)
def test_what_cannot_be_asked_is_not_sent(sim, tmp_path, engine, request_, error, words):
    composer = ReplicateScore(engine, desk_for(sim.base_url, tmp_path))
    with pytest.raises(error, match=words):
        composer.compose_stage(request_, 0, None, tmp_path / "stage.flac")
    assert creates(sim) == []


def test_a_later_stage_needs_the_one_before(sim, tmp_path):
    composer = ReplicateScore(MUSICGEN, desk_for(sim.base_url, tmp_path))
    with pytest.raises(TimelineError, match="continues the one before"):
        composer.compose_stage(asked(2), 1, None, tmp_path / "stage.flac")


def test_the_models_own_rule_is_a_clear_error(sim, tmp_path):
    sim.script.prediction(MUSICGEN, script.fail("duration + continuation duration must be <= 30 seconds"))
    composer = ReplicateScore(MUSICGEN, desk_for(sim.base_url, tmp_path))
    with pytest.raises(InvalidRequestError, match="must be <= 30 seconds"):
        composer.compose_stage(asked(), 0, None, tmp_path / "stage.flac")


def test_the_estimate_covers_what_it_costs(sim, tmp_path):
    request = asked()
    composer = ReplicateScore(MUSICGEN, desk_for(sim.base_url, tmp_path))
    _, engines = play(MUSICGEN, desk_for(sim.base_url, tmp_path), request, tmp_path)
    assert 0 < sum(each.cost_usd for each in engines) <= float(composer.estimate(request).high_usd)


def test_unknown_engines_are_said_so(tmp_path):
    with pytest.raises(SettingsError, match="no adapter"):
        ReplicateScore("nobody/nothing", desk_for("http://127.0.0.1:1", tmp_path))
