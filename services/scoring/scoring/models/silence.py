"""The moments at which silence alone changes a number that matters: timers are set for them."""

from math import exp, inf, log1p

import msgspec

from scoring.models.horizon import Outlook
from scoring.models.roots import falling_root
from scoring.models.scorer import NEVER, Scorer
from scoring.models.value import Money, lifetime_value

_FIRST_LOOK = 0.05


class Sensitivity(msgspec.Struct, frozen=True):
    """From which movement on a new score is published: of P(alive), of a value as a share of
    itself, and the smallest movement in money that counts. ``thresholds`` of P(alive) count too."""

    alive: float = 0.05
    value_share: float = 0.05
    value_least: float = 0.0
    thresholds: tuple[float, ...] = ()


class History(msgspec.Struct, frozen=True):
    """A customer's three numbers, weeks."""

    x: int
    t_x: float
    age: float


def next_change(
    scorer: Scorer, outlook: Outlook, customer: History, money: Money, sensitivity: Sensitivity
) -> float:
    """The age (weeks since the first purchase) at which, if silence goes on, the first of the
    numbers has moved enough against now; inf where none ever does."""
    score = scorer.score(customer.x, customer.t_x, customer.age)
    moment = _alive_moves(scorer, customer, score[0], sensitivity)
    for months in outlook.months:
        now = lifetime_value(score, outlook, months, money)
        enough = max(sensitivity.value_share * abs(now), sensitivity.value_least)
        if enough > 0.0:
            moved = _value_moves(scorer, outlook, customer, (money, months, now, enough), moment)
            moment = min(moment, moved)
    return moment


def _alive_moves(
    scorer: Scorer, customer: History, alive: float, sensitivity: Sensitivity
) -> float:
    goals = [alive - sensitivity.alive, *(t for t in sensitivity.thresholds if t < alive)]
    at = (customer.x, customer.t_x, customer.age)
    return min((scorer.crossing(goal, *at) for goal in goals if goal > 0.0), default=inf)


def _value_moves(
    scorer: Scorer, outlook: Outlook, customer: History,
    value: tuple[Money, int, float, float], latest: float,
) -> float:  # fmt: skip
    money, months, now, enough = value

    def left(u: float) -> float:
        score = scorer.score(customer.x, customer.t_x, exp(u) - 1.0)
        return enough - abs(lifetime_value(score, outlook, months, money) - now)

    found = falling_root(left, log1p(customer.age), log1p(min(latest, NEVER)), _FIRST_LOOK)
    return max(customer.age, exp(found) - 1.0) if found < inf else inf
