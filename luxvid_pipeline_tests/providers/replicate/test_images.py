"""A portrait photo becomes 16:9 with itself untouched in the middle, and that is said."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image

from luxvid_pipeline.domain.errors import ContentRefusedError, InvalidRequestError
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.providers.replicate.images import NANO_BANANA, ReplicateImageEditor
from luxvid_pipeline_tests.providers.replicate.desk import desk_for
from luxvid_pipeline_tests.providers.replicate.test_clips import working_photo
from luxvid_pipeline_tests.simulators import ReplicateSimulator, script

ACCOUNT = Account(listing="villa-aurora", scene="4-bath", budget_usd=Decimal(1))


@pytest.fixture(scope="module")
def sim():
    with ReplicateSimulator(seed=1, speed=0.0001) as simulator:
        yield simulator


@pytest.fixture
def portrait(tmp_path):
    return working_photo(tmp_path / "portrait.jpg", 5, (600, 900))


def widen(desk, photo, into, account=ACCOUNT):
    return asyncio.run(ReplicateImageEditor(desk).widen(photo, into, account))


def test_a_portrait_is_widened_around_itself_and_disclosed(sim, portrait, tmp_path):
    engine = widen(desk_for(sim.base_url, tmp_path), portrait, tmp_path / "wide.jpg")
    with Image.open(tmp_path / "wide.jpg") as wide, Image.open(portrait.path) as photo:
        assert wide.size == (1600, 900)
        middle = np.asarray(wide.crop((520, 0, 1080, 900)), np.float32)
        expected = np.asarray(photo.crop((20, 0, 580, 900)), np.float32)
    assert np.abs(middle - expected).mean() < 3
    assert "portrait.jpg was extended to 16:9 by google/nano-banana" in engine.disclosure
    assert "62%" in engine.disclosure
    assert (engine.cost_usd, engine.paid_calls) == (0.039, 1)
    create = sim.log.entries(event="create")[-1]
    assert isinstance(create["json"]["input"]["image_input"], list)


def test_a_wide_photo_is_not_touched(sim, tmp_path):
    with pytest.raises(InvalidRequestError, match="nothing to extend"):
        widen(
            desk_for(sim.base_url, tmp_path), working_photo(tmp_path / "wide.jpg", 1, (1600, 800)), tmp_path / "x.jpg"
        )


def test_a_refusal_is_one_clear_error(sim, portrait, tmp_path):
    sim.script.prediction(NANO_BANANA, script.fail(script.E005))
    with pytest.raises(ContentRefusedError, match=r"portrait\.jpg of villa-aurora: content refused"):
        widen(desk_for(sim.base_url, tmp_path), portrait, tmp_path / "x.jpg")


def test_it_is_paid_once_whoever_asks(sim, portrait, tmp_path):
    desk = desk_for(sim.base_url, tmp_path)
    widen(desk, portrait, tmp_path / "one.jpg")
    again = widen(desk, portrait, tmp_path / "two.jpg", replace(ACCOUNT, listing="other"))
    assert (again.cost_usd, again.paid_calls) == (0.0, 0)
    assert again.disclosure
