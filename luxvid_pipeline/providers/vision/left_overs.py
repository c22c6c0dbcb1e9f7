"""Rows of xAI and OpenAI whose process is gone: nobody can fetch such an answer, so it is booked (decision 0008).

Belongs here: settling one row, with neither key nor network.
Does not belong here: asking (``client.py``), finding such rows (``automation/reconciliation.py``).
"""

from luxvid_pipeline.domain.payments import Ledger, Payment, PaymentState, Shelf
from luxvid_pipeline.providers.vision.answers import bring_to_shelf
from luxvid_pipeline.providers.vision.failures import NOT_HEARD


def settle_left_over(key: str, ledger: Ledger, shelf: Shelf) -> Payment | None:
    """Settle a row that its process left; returns it as it stands then, None where it had never been sent.

    Rows in a live process's hands are left alone.

    Raises:
        LedgerError: The ledger cannot be written.
        StorageError: An answer that waits for the shelf still cannot be kept there; the row stays as it is.
    """
    payment = ledger.adopt(key)
    if not payment.ours:
        return payment
    if payment.state is PaymentState.RESERVED:
        ledger.release(key)
        return None
    if payment.state is PaymentState.FINISHED:
        try:
            bring_to_shelf(payment, ledger, shelf)
        except BaseException:
            ledger.let_go([key])
            raise
        return ledger.payment(key)
    reason = f"{NOT_HEARD.name}: the process that asked is gone"
    return ledger.failed(key, reason, cost_usd=payment.reserved_usd, may_retry=True)
