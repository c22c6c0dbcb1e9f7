"""The interim listing is drawn the same every time and its manifest names photos that it draws."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from luxvid_pipeline.domain.listing import parse_manifest

SCRIPT = Path(__file__).parents[1] / "examples" / "draw_listing.py"


@pytest.fixture
def drawing(monkeypatch):
    spec = importlib.util.spec_from_file_location("draw_listing", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "draw_listing", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "WIDTH_PX", 96)
    monkeypatch.setattr(module, "HEIGHT_PX", 64)
    return module


def test_the_manifest_is_valid_and_names_only_drawn_photos(drawing):
    manifest = parse_manifest(drawing.LISTING_YAML)
    assert {entry.file for entry in manifest.photos} <= drawing.SHOTS.keys()
    assert manifest.brand.agent is not None
    assert " 555 " in manifest.brand.agent.phone
    assert manifest.brand.agent.email.endswith("@example.com")


@pytest.mark.parametrize("name", ["pool-1.jpg", "LivingRoom_01.jpg", "DSC_0412.jpg"])
def test_a_picture_is_the_same_every_time_and_neither_black_nor_white(drawing, name):
    stage, view = drawing.SHOTS[name]
    first, again = (drawing.photograph(drawing.STAGES[stage](), view, 1) for _ in range(2))
    assert first.shape == (64, 96, 3)
    assert np.array_equal(first, again)
    assert 60 < first.mean() < 200
    assert first.std() > 30
