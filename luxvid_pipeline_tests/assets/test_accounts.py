"""What was paid for, reported from a real ledger."""

from datetime import UTC, datetime
from decimal import Decimal

import dagster as dg
import polars as pl
import pytest

from luxvid_pipeline.assets.accounts import outdated_days
from luxvid_pipeline.assets.metadata import engine_facts
from luxvid_pipeline.domain.payments import PaymentState
from luxvid_pipeline.domain.ports import Engine
from luxvid_pipeline.io_managers.values import TableIOManager
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.partitions import day_partitions
from luxvid_pipeline_tests.ledger.asked import Clock, asked, brought_to
from luxvid_pipeline_tests.records import open_records
from luxvid_pipeline_tests.studio import Studio

DAY, THE_DAY_AFTER = "2026-11-02", "2026-11-03"
PNG = "data:image/png;base64,"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    base = tmp_path_factory.mktemp("accounts")
    with open_records(base / "dagster") as instance:
        yield Studio(home=base / "home", instance=instance)


@pytest.fixture(scope="module")
def nothing(studio):
    """Reports from before anything was paid for."""
    studio.run("report_spend_job", partition=DAY)
    studio.run("score_models_job", tags={"asked-by": "a test"})
    assert not (studio.home / "ledger.db").exists()
    return {"spend_report": studio.latest("spend_report", DAY), "model_scorecard": unpartitioned(studio)}


@pytest.fixture(scope="module")
def paid(studio, nothing):
    """Two days of two listings, one with a client that has a name to trip over."""
    clock = Clock(datetime(2026, 11, 2, 12, tzinfo=UTC))
    ledger = SqlLedger(f"sqlite:///{studio.home / 'ledger.db'}", clock=clock)
    for scene, cost in (("1-arrival", "0.40"), ("2-bedroom", "0.80"), ("3-vanity", "0.0000000001")):
        request = asked(scene, usd="0.80", scene=scene, client="Aurora | Estates")
        brought_to(ledger, PaymentState.DELIVERED, request, cost=cost)
    brought_to(ledger, PaymentState.SUBMITTED, asked("4", usd="0.60", scene="4-bath", client="Aurora | Estates"))
    brought_to(ledger, PaymentState.FAILED, asked("5", listing="haus"))
    clock.passes(24 * 3600)
    again = ledger.claim(asked("6", listing="haus"))
    ledger.failed(again.key, "unavailable: high demand (E003)", may_retry=True)
    brought_to(ledger, PaymentState.DELIVERED, asked("6", listing="haus"), cost="0.30")
    yield ledger
    ledger.close()


def unpartitioned(studio):
    records = studio.instance.fetch_materializations(dg.AssetKey("model_scorecard"), limit=1).records
    return {key: value.value for key, value in records[0].asset_materialization.metadata.items()}


def table(studio, asset, partition=""):
    return TableIOManager(studio.store).load_partition(asset, partition, missing_ok=False)


def test_without_a_ledger_the_reports_are_empty_and_none_is_made(nothing):
    assert nothing["spend_report"]["cost_usd"] == 0.0
    assert nothing["model_scorecard"]["models"] == 0
    for told in nothing.values():
        assert told["requests"] == 0
        assert PNG in told["preview"]


def test_a_day_is_reported_to_the_last_fraction_of_a_cent(studio, paid):
    studio.run("report_spend_job", partition=DAY)
    report = table(studio, "spend_report", DAY)
    assert report.select("client", "listing", "requests", "delivered", "failed").rows() == [
        ("", "haus", 1, 0, 1),
        ("Aurora | Estates", "villa-aurora", 4, 3, 0),
    ]
    booked = paid.spent(day=DAY)
    assert report["cost_usd"].sum() == booked.cost_usd == Decimal("1.2000000001")
    assert report["reserved_usd"].sum() == booked.reserved_usd == Decimal("0.60")
    told = studio.latest("spend_report", DAY)
    assert (told["cost_usd"], told["reserved_usd"], told["requests"]) == (pytest.approx(1.2), 0.6, 5)
    assert told["day_is_over"] is True
    assert told["path"] == f"spend_report/{DAY}/table.parquet"
    picture, _, words = told["preview"].partition("\n\n")
    assert PNG in picture
    assert "| Aurora \\| Estates | villa-aurora | clips | replicate: google/veo-3.1-fast | 4 | 3 | 0 |" in words


def test_a_request_counts_on_the_day_it_was_made(studio, paid):
    studio.run("report_spend_job", partition=THE_DAY_AFTER)
    report = table(studio, "spend_report", THE_DAY_AFTER)
    assert report.select("listing", "cost_usd").rows() == [("haus", Decimal("0.30"))]


def test_the_scorecard_joins_the_ledger_with_the_clips_in_the_store(studio, paid):
    for scene, first in (("1-arrival", 0.96), ("2-bedroom", 0.90)):
        shot = Engine(
            name="google/veo-3.1-fast", notes={"first_frame_ssim": first, "last_frame_ssim": 0.8, "speed": 1.0}
        )
        takes = [
            {"engine": "google/veo-3.1-fast", "passed": False, "chosen": False, "faults": ["frozen tail"]},
            {"engine": "google/veo-3.1-fast", "passed": True, "chosen": True, "faults": []},
        ]
        facts = {**engine_facts(shot), "takes": takes}
        studio.store.put_bytes(b"clip", f"scene_clips/villa-aurora/{scene}.mp4", facts=facts)
        studio.store.put_bytes(b"take", f"scene_clips/villa-aurora/{scene}/takes/take-1.mp4", facts=facts)
    studio.store.put_bytes(b"clip", "scene_clips/haus/1-arrival.mp4", facts=engine_facts(Engine()))
    studio.run("score_models_job", tags={"asked-by": "a test"})
    (row,) = table(studio, "model_scorecard").to_dicts()
    assert (row["vendor"], row["model"]) == ("replicate", "google/veo-3.1-fast")
    assert [row[name] for name in ("attempts", "delivered", "refused", "failed", "under_way")] == [7, 4, 0, 2, 1]
    assert row["cost_usd"] == Decimal("1.5000000001")
    assert (row["clips_measured"], row["first_frame_ssim"], row["last_frame_ssim"]) == (2, 0.93, 0.8)
    assert (row["takes"], row["takes_failed"], row["takes_per_clip"]) == (4, 2, 2.0)
    assert row["faults"] == "frozen tail (2)"
    told = unpartitioned(studio)
    assert told["path"] == "model_scorecard/table.parquet"
    assert (told["models"], told["clips_measured"]) == (1, 2)


def test_tables_are_the_same_with_and_without_rows(studio, paid):
    studio.run("report_spend_job", partition="2026-11-01")
    empty = table(studio, "spend_report", "2026-11-01")
    assert empty.is_empty()
    assert empty.schema["cost_usd"] == pl.Decimal(38, 10)
    studio.run("report_spend_job", partition=DAY)
    assert empty.schema == table(studio, "spend_report", DAY).schema


def test_today_can_be_reported_on_before_it_is_over():
    assert day_partitions.has_partition_key(datetime.now(UTC).date().isoformat())


def test_a_day_that_is_booked_anew_after_its_report_is_outdated_until_it_is_reported_again(studio, paid, tmp_path):
    def outdated():
        return outdated_days(studio.instance, paid)

    for day in (DAY, THE_DAY_AFTER):
        studio.run("report_spend_job", partition=day)
    assert not outdated()
    another = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    brought_to(another, PaymentState.DELIVERED, asked("8"))
    assert {DAY, THE_DAY_AFTER}.isdisjoint(outdated_days(studio.instance, another))
    another.close()
    late = next(row.payment for row in paid.rows(day=DAY) if row.payment.state is PaymentState.SUBMITTED)
    paid.failed(late.key, "the vendor gave it up", may_retry=True)
    assert outdated() == {DAY}
    studio.run("report_spend_job", partition=DAY)
    assert not outdated()
    paid.claim(asked("7"))
    assert outdated() == {THE_DAY_AFTER}
    studio.run("report_spend_job", partition=THE_DAY_AFTER)
    paid.release(asked("7").key)
    assert outdated() == {THE_DAY_AFTER}
    studio.run("report_spend_job", partition=THE_DAY_AFTER)
