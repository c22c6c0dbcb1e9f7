"""Records survive the way into a table and back."""

import io

import polars as pl
import pytest

from luxvid_pipeline.domain.pairs import Overlap, ScenePair
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord, Verdict
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.tables import from_table, table_schema, to_table

OVERLAP = Overlap(share=0.7, inliers=120, homography=(1, 0, 3, 0, 1, 4, 0, 0, 1), zoom=1.1, shift_x=0.0, shift_y=0.1)
RECORDS = [
    pytest.param(
        PhotoRecord,
        [
            PhotoRecord(photo_id="a", file="a.jpg", original="o", bytes=1, verdict=Verdict.REFUSED, reason="blurred"),
            PhotoRecord(photo_id="b", file="ü/b.jpg", original="o", working="w", bytes=2, verdict=Verdict.KEPT),
        ],
        id="photos",
    ),
    pytest.param(
        CataloguedPhoto,
        [
            CataloguedPhoto(
                photo_id="a",
                file="a.jpg",
                working="w",
                width_px=3,
                height_px=2,
                room=Room.POOL,
                room_by="manifest",
                room_confidence=1.0,
                features=("sky", "water"),
                suitability={"1-arrival": 0.9, "7-farewell": 0.4},
            )
        ],
        id="catalogue",
    ),
    pytest.param(
        ScenePair,
        [
            ScenePair(scene="1-arrival", first_photo="a", last_photo="b", overlap=OVERLAP),
            ScenePair(scene="4-bath", first_photo=None, reason="no photo shows a tub"),
        ],
        id="pairs",
    ),
]


@pytest.mark.parametrize(("record", "records"), RECORDS)
def test_records_come_back_from_parquet_as_they_went_in(record, records):
    buffer = io.BytesIO()
    to_table(records, record).write_parquet(buffer)
    buffer.seek(0)
    assert from_table(pl.read_parquet(buffer), record) == records


@pytest.mark.parametrize(("record", "records"), RECORDS)
def test_an_empty_table_has_the_same_columns(record, records):
    assert to_table([], record).schema == to_table(records, record).schema == pl.Schema(table_schema(record))


def test_suitability_is_a_column_an_analyst_can_open_by_scene():
    (_, (photo,)) = RECORDS[1].values
    table = to_table([photo], CataloguedPhoto).unnest("suitability")
    assert set(SCENE_KEYS) <= set(table.columns)
    assert table["1-arrival"].to_list() == [0.9]
