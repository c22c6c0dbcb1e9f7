"""Every failure a vendor is known to have, at every stage: the film goes on and says so, or stops with one line."""

import pytest

from luxvid_pipeline.domain.payments import PaymentState
from luxvid_pipeline_tests import failure_matrix
from luxvid_pipeline_tests.failure_matrix import SECRETS, VIDEO_AND_SOUND, WORDS, cases, open_laboratory

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    with open_laboratory(tmp_path_factory.mktemp("matrix")) as opened:
        yield opened


@pytest.fixture(scope="module")
def outcomes():
    """What became of each case so far."""
    return {}


@pytest.mark.parametrize(("stage", "case"), [pytest.param(*each, id=f"{each[0]}: {each[1].name}") for each in cases()])
def test_a_failure_ends_in_a_stage_that_is_done_or_in_one_clear_line(laboratory, outcomes, stage, case):
    outcome = outcomes[stage, case.name] = laboratory.run(stage, case)
    assert "\n" not in outcome.error
    assert outcome.error == "" or (len(outcome.error) > 20 and ("villa" in outcome.error or ";" in outcome.error))
    assert not any(secret in outcome.error + outcome.words for secret in SECRETS)
    assert outcome.reserved_usd == 0
    # What is finished is paid for and waits to be fetched; anything else that is not over would be in the way.
    assert set(outcome.states) <= {PaymentState.DELIVERED, PaymentState.FAILED, PaymentState.FINISHED}


def test_the_page_keeps_what_was_seen(outcomes):
    if len(outcomes) < len(cases()):
        pytest.skip("only with every case of the matrix in one run")
    page = failure_matrix.page(outcomes)
    print(page)  # noqa: T201 - pytest -s shows the tables
    assert failure_matrix.PAGE.read_text(encoding="utf-8") == page, f"out of date: run {failure_matrix.COMMAND}"


def test_each_failure_has_a_name_of_its_own():
    for table in (VIDEO_AND_SOUND, WORDS):
        assert len({case.name for case in table}) == len(table)
