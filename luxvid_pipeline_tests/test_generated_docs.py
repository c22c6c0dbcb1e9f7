"""Pages of ``docs/`` that are tables of the program say what the program does."""

import pytest

from luxvid_pipeline.domain.errors import LuxVidError, StoppedError
from luxvid_pipeline.domain.fallback import FALLBACK_RULES, fallback_rule
from luxvid_pipeline.providers.replicate import failures as replicate
from luxvid_pipeline.providers.vision import failures as vision
from luxvid_pipeline_tests.generated_docs import COMMAND, DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_the_programs_own_table(name):
    page = PAGES[name]()
    print(page)  # noqa: T201 - pytest -s shows the tables
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == page, f"docs/{name} is out of date: run {COMMAND}"


def test_every_failure_of_a_vendor_has_an_outcome():
    errors = [rule.error for rule in replicate.RULES.values()]
    errors += [row.error for row in vision._BY_NAME.values()]
    page = PAGES["failures.md"]()
    for error in errors:
        assert fallback_rule(error("why")) is not None, error
        assert f"`{error.__name__}`" in page
    for kind in replicate.Kind:
        assert f"| {kind.value} |" in page
    for name in vision._BY_NAME:
        assert f"| {name} |" in page


def test_only_a_person_a_mistake_or_a_possible_payment_stops_a_chain():
    stops = {rule.error.__name__ for rule in FALLBACK_RULES if not rule.moves_on}
    assert stops == {
        "StoppedError",
        "LedgerError",
        "UnknownPaymentError",
        "NoCreditError",
        "BadKeyError",
        "StorageError",
        "ResultWaitsError",
        "DamagedMediaError",
    }
    assert issubclass(StoppedError, LuxVidError)
    assert StoppedError.exit_code == 3
