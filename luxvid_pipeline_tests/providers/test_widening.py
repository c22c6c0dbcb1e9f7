"""Portrait photos widened before a scene is shot: only those, paid once, always disclosed."""

import asyncio

import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.errors import BudgetExceededError, ContentRefusedError
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest, Engine
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.providers.widening import WideningClips


class Editor:
    engine = "acme/paint"

    def __init__(self, failure=None):
        self.failure, self.asked = failure, []

    async def widen(self, photo, into, account=None):
        self.asked.append(photo.record.file)
        if self.failure:
            raise self.failure
        cv2.imwrite(str(into), np.zeros((90, 160, 3), np.uint8))
        return Engine(name=self.engine, cost_usd=0.04, paid_calls=1, disclosure=f"{photo.record.file} was extended")


class Clips:
    engine, most_at_once = "acme/film", 3

    async def shoot(self, request, into, progress=None):
        self.request = request
        return Engine(name=self.engine, cost_usd=0.4, paid_calls=1)


def photo(name, width, height):
    record = PhotoRecord(
        photo_id=name, file=name, original=name, bytes=1, verdict=Verdict.KEPT,
        working_width_px=width, working_height_px=height,
    )  # fmt: skip
    return WorkingPhoto(record=record, path=None)


def shot(editor, first, last=None, **more):
    words = dict.fromkeys(("subject", "camera", "prompt", "negative_prompt", "score_prompt"), "")
    request = ClipRequest(
        listing="villa", shot=Shot(scene="3-vanity", seconds=4, **words), first=first, last=last, **more
    )
    clips = Clips()
    engine = asyncio.run(WideningClips(clips, editor).shoot(request, None))
    return engine, clips.request


WIDE, TALL = photo("wide.jpg", 3000, 2000), photo("tall.jpg", 2000, 3000)


def test_a_portrait_is_widened_and_what_was_invented_is_said():
    engine, request = shot(Editor(), TALL, WIDE)
    assert (request.first.record.working_width_px, request.first.record.working_height_px) == (160, 90)
    assert request.first.record.photo_id != TALL.record.photo_id
    assert request.last is WIDE
    assert engine.cost_usd == pytest.approx(0.44)
    assert (engine.paid_calls, engine.disclosure, engine.degraded_reason) == (2, "tall.jpg was extended", "")


def test_landscape_photos_are_left_alone():
    editor = Editor()
    engine, request = shot(editor, WIDE, WIDE)
    assert (editor.asked, request.first, engine.disclosure) == ([], WIDE, "")


def test_a_photo_that_cannot_be_widened_is_shot_as_it_is_and_that_is_said():
    engine, request = shot(Editor(ContentRefusedError("people in it")), TALL)
    assert request.first is TALL
    assert "people in it" in engine.degraded_reason


def test_a_budget_stops_it():
    with pytest.raises(BudgetExceededError):
        shot(Editor(BudgetExceededError("10.00")), TALL)
