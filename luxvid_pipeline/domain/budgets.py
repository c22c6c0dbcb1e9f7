"""Budgets: whether the next paid request fits, said with the numbers.

Belongs here: the one rule, and its message.
Does not belong here: adding up what was spent, and holding the reservation (``ledger/``); prices (``pricing.py``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from luxvid_pipeline.domain.errors import BudgetExceededError


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One limit and how much of it is taken, in US dollars.

    Attributes:
        of: ``listing villa-aurora``, ``client aurora-estates``, ``day 2026-11-21``.
        limit_usd: What may be spent in all.
        spent_usd: What is known to have been spent.
        reserved_usd: What requests under way may still cost.
        remedy: Where the limit is set.
    """

    of: str
    limit_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal
    remedy: str

    @property
    def left_usd(self) -> Decimal:
        """What is neither spent nor reserved; below 0 where a vendor charged more than its price."""
        return self.limit_usd - self.spent_usd - self.reserved_usd


def check_fits(asked_usd: Decimal, budgets: Iterable[Budget], *, what: str) -> None:
    """Do nothing if ``asked_usd`` fits into every budget; exactly reaching a limit fits.

    Args:
        asked_usd: Upper end of the request's estimate, in dollars.
        budgets: Those it counts against.
        what: The request in words, ``google/veo-3.1-fast for villa-aurora/1-arrival``.

    Raises:
        BudgetExceededError: The first budget it does not fit, with asked, spent, reserved and limit.
    """
    for budget in budgets:
        if asked_usd > budget.left_usd:
            raise BudgetExceededError(
                f"{what} may cost {dollars(asked_usd)}, but of {dollars(budget.limit_usd)} for {budget.of} "
                f"{dollars(budget.spent_usd)} are spent and {dollars(budget.reserved_usd)} reserved, which leaves "
                f"{dollars(max(budget.left_usd, Decimal(0)))}: {budget.remedy}, or choose a cheaper engine"
            )


def dollars(usd: Decimal) -> str:
    """Return an amount as ``$1.20``, with as many more digits as it needs to be exact."""
    digits = format(usd.normalize(), "f").partition(".")[2]
    return f"${usd:.{max(2, len(digits))}f}"
