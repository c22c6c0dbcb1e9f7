"""A paid answer on its way from the ledger's row to the shelf: a full disk never makes anybody pay for it again.

Belongs here: writing an answer down with its cost, putting it on the shelf, taking up one that waits for room there.
Does not belong here: asking (``client.py``), finding rows that nobody asks for any more (``left_overs.py``).

An answer can be fetched from no vendor a second time (decision 0008), so the row holds it until the shelf does.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.domain.payments import ZERO_USD, Ledger, Payment, Shelf
from luxvid_pipeline.providers.vision.failures import NOT_HEARD

MOST_HELD = 500_000
"""Characters of an answer that a row holds; the longest that is asked for has a tenth of it."""


def finish(
    key: str,
    value: Mapping[str, Any],
    ledger: Ledger,
    shelf: Shelf,
    *,
    cost_usd: Decimal,
    metrics: Mapping[str, Any],
) -> None:
    """Write down an answer that was heard and what it cost, then bring it to the shelf.

    Raises:
        StorageError: The shelf does not take it; the row holds it, and whoever asks next finds it there.
        LedgerError: The ledger cannot be written.
    """
    text = json.dumps(dict(value), sort_keys=True, ensure_ascii=False)
    payment = ledger.finished(key, cost_usd, metrics, held=text if len(text) <= MOST_HELD else "")
    bring_to_shelf(replace(payment, held=text), ledger, shelf)


def bring_to_shelf(payment: Payment, ledger: Ledger, shelf: Shelf) -> str | None:
    """Bring the answer of a ``finished`` row, held by this process, to the shelf, and the row to its end.

    Returns:
        The answer; None where it is lost: the row has failed and may be sent again.

    Raises:
        StorageError: The shelf does not take it, or cannot be read; the row stays as it is.
        LedgerError: The ledger cannot be written.
    """
    name, text = f"{payment.key}.json", payment.held
    if text:
        sha256 = _kept(name, payment, shelf)
    else:
        # A row of an earlier LuxVid: kept before it was finished, it holds the hash alone.
        sha256 = str(payment.metrics.get("sha256", ""))
        file = shelf.fetch(name, sha256)
        if file is None:
            reason = f"{NOT_HEARD.name}: the answer was lost before it was kept"
            ledger.failed(payment.key, reason, cost_usd=payment.cost_usd or ZERO_USD, may_retry=True)
            return None
        text = file.read_text(encoding="utf-8")
    ledger.delivered(payment.key, name, sha256)
    return text


def _kept(name: str, payment: Payment, shelf: Shelf) -> str:
    try:
        with tempfile.TemporaryDirectory(prefix="luxvid-answer-") as scratch:
            file = Path(scratch) / name
            file.write_text(payment.held, encoding="utf-8")
            return shelf.keep(name, file)
    except (StorageError, OSError) as error:
        said = str(error)
        if isinstance(error, OSError):
            said = f"{error.filename or 'the folder for temporary files'}: {error.strerror or error}; free some space"
        raise StorageError(
            f"{said} (the answer of {payment.vendor}/{payment.model} is paid for and waits in the ledger; "
            "it is not asked for again)"
        ) from error
