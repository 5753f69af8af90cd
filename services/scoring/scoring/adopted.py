"""The adopted model, ready to score: parameters from the record, arithmetic from `models`.

Imported when the first model is in force and not before, since it brings numpy and scipy along.
Tables of a version are built once in a process, however often the world is made anew.
"""

from dataclasses import dataclass
from functools import lru_cache

import msgspec

from scoring.domain.fitting import KnownModel, ModelsState
from scoring.domain.model import Prospect
from scoring.models.catalog import MODELS, Parameters, scorer_of
from scoring.models.gamma_gamma import Parameters as Amounts
from scoring.models.gamma_gamma import expected_amount_of
from scoring.models.horizon import MONTH_WEEKS, Outlook, purchases_within
from scoring.models.scorer import Scorer
from scoring.models.value import Money, lifetime_value
from scoring.policy import Money as MoneyRules

YEAR_WEEKS = 52.0
LONG_MONTHS = 36
LONG_WEEKS = LONG_MONTHS * MONTH_WEEKS
MINOR_UNITS = 100.0
"""Amounts are fitted in units of a hundred minor ones, as published figures are."""


@dataclass(frozen=True)
class AdoptedModel:
    """What the rules see of a model (`domain.model.Model`)."""

    version: str
    cohort_usual_days: float | None
    outlook: Outlook
    buys: Scorer
    """Says how much is to come."""
    stays: Scorer
    """Says who is still a customer; another model's where BG/NBD is adopted."""
    amounts: Amounts | None
    monthly_cost: float

    def prospect(self, x: int, t_x: float, age: float, mean_repeat: float) -> Prospect:
        """See `Model`."""
        score = self.buys.score(x, t_x, age)
        alive = score[0] if self.stays is self.buys else self.stays.alive(x, t_x, age)
        money = Money(self._amount(x, mean_repeat), self.monthly_cost)
        return Prospect(
            alive,
            score[1],
            lifetime_value(score, self.outlook, 12, money),
            lifetime_value(score, self.outlook, LONG_MONTHS, money),
            score[2] * money.margin,
        )

    def age_when_alive(self, falls_to: float, x: int, t_x: float, age: float) -> float:
        """See `Model`."""
        return self.stays.crossing(falls_to, x, t_x, age)

    def next_order(self, share: float, x: int, age: float) -> float:
        """See `Model`."""
        return self.buys.next_order(share, x, age)

    def _amount(self, x: int, mean_repeat: float) -> float:
        mean = max(0.0, mean_repeat)
        if self.amounts is None:
            return mean
        return MINOR_UNITS * expected_amount_of(self.amounts, x, mean / MINOR_UNITS)


def adopted_model(models: ModelsState, rules: MoneyRules) -> AdoptedModel | None:
    """The model in force, under the policy's discount and cost; none before the first adoption."""
    if not models.adopted:
        return None
    chosen, stays = models.known[models.adopted], models.known[models.alive_by]
    outlook = Outlook((YEAR_WEEKS, LONG_WEEKS), (12, LONG_MONTHS), rules.yearly_discount)
    return AdoptedModel(
        version=models.adopted,
        cohort_usual_days=chosen.cohort_usual_days,
        outlook=outlook,
        buys=_tables(_key(chosen), outlook),
        stays=_tables(_key(stays), outlook),
        amounts=_amounts(chosen.money),
        monthly_cost=float(rules.monthly_cost_to_serve),
    )


def scorer_by_weeks(model: KnownModel, weeks: int) -> Scorer:
    """Scores are (P(alive), orders expected within 1, 2, … `weeks` weeks)."""
    return _weekly_tables(_key(model), weeks)


_Key = tuple[str, tuple[tuple[str, float], ...]]


def _key(model: KnownModel) -> _Key:
    return model.family, tuple(sorted(model.parameters.items()))


@lru_cache(maxsize=16)
def _tables(key: _Key, outlook: Outlook) -> Scorer:
    return scorer_of(_parameters(key), outlook.measures())


@lru_cache(maxsize=4)
def _weekly_tables(key: _Key, weeks: int) -> Scorer:
    return scorer_of(_parameters(key), [purchases_within(n + 1.0) for n in range(weeks)])


def _parameters(key: _Key) -> Parameters:
    family, parameters = key
    told = {"type": _name(family), **dict(parameters)}
    converted: Parameters = msgspec.convert(told, type=Parameters)
    return converted


def _name(family: str) -> str:
    """`bg-nbd` is published, `bgnbd` is the module."""
    name = family.replace("-", "")
    return name if name in MODELS else family


def _amounts(money: dict[str, float]) -> Amounts | None:
    return Amounts(money["p"], money["q"], money["gamma"]) if money else None
