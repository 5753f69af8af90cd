"""What the model in force expects of everybody in the coming weeks: set-based, numbers in, numbers out.

Imported when the first forecast is asked for, since it brings numpy and scipy along.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from scoring.adopted import scorer_by_weeks
from scoring.domain.fitting import KnownModel
from scoring.models.histories import Floats
from scoring.models.summary import Summary, summarise
from scoring.store import Purchases
from scoring.views import ExpectedOrders

_BLOCK = 50_000
"""Customers scored at a time: a million times a year of weeks would not fit into memory."""


def expected_by_week(
    known: Purchases, through: int, model: KnownModel, weeks: int
) -> tuple[int, list[float]]:
    """How many customers are known by a day, and their orders expected up to each week after it."""
    summary, scorer = _summary(known, through), scorer_by_weeks(model, weeks)
    total = np.zeros(weeks)
    for x, t_x, age in _blocks(summary):
        total += scorer.scores(x, t_x, age)[1:].sum(axis=1)
    return len(summary.x), [round(float(orders), 4) for orders in total]


def expected_by_customer(
    keys: list[str], known: Purchases, through: int, model: KnownModel, weeks: int
) -> list[ExpectedOrders]:
    """Each customer's orders expected within the weeks after a day, beside those that came.

    `keys` in the order of the rows' numbers; rows after the day are what came.
    """
    summary, scorer = _summary(known, through), scorer_by_weeks(model, weeks)
    score = scorer.scores(summary.x, summary.t_x, summary.age)
    came = np.asarray(known.customer)[np.asarray(known.day) > through]
    actual = np.bincount(came, minlength=len(keys))
    columns = (summary.x, summary.t_x, summary.age, score[weeks], actual)
    rows = zip(keys, *(column.tolist() for column in columns), strict=True)
    return [
        ExpectedOrders(
            customer_id=key,
            frequency=x,
            recency_weeks=round(t_x, 4),
            age_weeks=round(age, 4),
            expected_orders=round(orders, 6),
            actual_orders=came_since,
        )
        for key, x, t_x, age, orders, came_since in rows
    ]


def _summary(known: Purchases, through: int) -> Summary:
    columns = (np.asarray(known.customer), np.asarray(known.day), np.asarray(known.value))
    return summarise(*columns, through)


def _blocks(summary: Summary) -> Iterator[tuple[Floats, Floats, Floats]]:
    edges = [*range(0, len(summary.x), _BLOCK), len(summary.x)]
    for start, end in pairwise(edges):
        part = slice(start, end)
        yield summary.x[part].astype(np.float64), summary.t_x[part], summary.age[part]
