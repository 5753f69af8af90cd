"""From a score to money and dates.

    lifetime value = margin per purchase * sum over months m of
                         E[purchases in month m] / (1 + rate)^(m/12)
                   - cost per month * sum over months m of
                         P(still a customer at the start of m) / (1 + rate)^(m/12)

with months of 365.25 / 12 days from now on, everything of a month paid at its end (``horizon``).
It can be negative; cost is taken off once. Money in the unit that margin and cost come in.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from scoring.models import gamma_gamma
from scoring.models.histories import Floats
from scoring.models.horizon import Outlook
from scoring.models.scorer import Scorer


class Money(msgspec.Struct, frozen=True):
    """What one purchase brings, and what keeping the customer costs a month."""

    margin: float
    monthly_cost: float = 0.0


class NextOrder(msgspec.Struct, frozen=True):
    """Weeks from now: half of such customers, if they stay, order by ``expected``; ``earliest``
    to ``latest`` holds the stated share of them."""

    earliest: float
    expected: float
    latest: float


def lifetime_value(score: Sequence[float], outlook: Outlook, months: int, money: Money) -> float:
    """Of one customer, from ``Scorer.score`` with ``outlook.measures()``."""
    bought, served = outlook.place(months)
    return score[bought] * money.margin - score[served] * money.monthly_cost


def lifetime_values(
    scores: Floats,
    outlook: Outlook,
    months: int,
    margin: Floats,
    monthly_cost: float | Floats = 0.0,
) -> Floats:
    """Of n customers, from ``Scorer.scores``; margin of shape (n,)."""
    bought, served = outlook.place(months)
    return np.asarray(scores[bought] * margin - scores[served] * monthly_cost)


def expected_margin(
    amounts: gamma_gamma.Parameters, x: int, mean_repeat: float, margin_share: float = 1.0
) -> float:
    """Margin of a coming purchase: Gamma-Gamma's mean amount times the share that is margin
    (1.0 where the amounts are margins already)."""
    return margin_share * gamma_gamma.expected_amount_of(amounts, x, mean_repeat)


def next_order(scorer: Scorer, x: int, age: float, within: float = 0.8) -> NextOrder:
    """When the next order is due. The wait given a customer who stays is Lomax: its mean may be
    infinite, so the median stands for it, with the central ``within`` of the distribution."""
    tail = (1.0 - within) / 2.0
    return NextOrder(*(scorer.next_order(share, x, age) for share in (tail, 0.5, 1.0 - tail)))
