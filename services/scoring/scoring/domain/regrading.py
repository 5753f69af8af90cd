"""When a party's grade is looked at anew (S7): with its leads while it is expected, with its orders
from the second paid one on, and in silence as the last order's month leaves the window."""

from datetime import datetime
from functools import reduce
from typing import NamedTuple

from perennial.contracts.base import Event, Fact
from perennial.contracts.grades import GradeChanged
from perennial.contracts.scores import OrderEffect

from scoring.domain import conduct, grading, leads
from scoring.domain.grading import Basis, Graded, Readings, Weighed
from scoring.domain.history import History
from scoring.domain.periods import business_day
from scoring.domain.personas import best_match
from scoring.domain.points import earned
from scoring.policy import Policy


class Party(NamedTuple):
    """What a grade is made of."""

    id: str
    graded: Graded
    history: History
    conduct: conduct.Conduct
    leads: leads.Leads


def by_orders(
    party: Party, policy: Policy, now: datetime, order: OrderEffect | None = None
) -> list[GradeChanged]:
    """The grade by what the party has ordered, if anything in it changes. `party.history` knows of
    the order that is told, its conduct does not."""
    rules = policy.grades
    if party.graded.basis != "actual" and party.history.paid < rules.actual_from_paid:
        return []
    behaved, order_id = party.conduct, ""
    if order is not None:
        behaved, order_id = conduct.with_order(behaved, order), order.order_id
    readings = _actual(party, behaved, policy, now)
    found = grading.weighed(readings, rules)
    return _changed(party, "actual", readings, found, policy, order_id)


def by_lead(party: Party, fact: Fact, policy: Policy, now: datetime) -> list[Event]:
    """What a fact about a lead changes in scores, and the grade after it: of a customer by its
    orders, else by its best lead."""
    told = leads.react(party.leads, fact, policy, now)
    if not told:
        return []
    party = party._replace(leads=reduce(leads.evolve, told, party.leads))
    if party.graded.basis == "actual":
        return [*told, *by_orders(party, policy, now)]
    best = leads.best(party.leads, policy, now)
    if best is None:
        return list(told)
    return [*told, *_changed(party, "expected", best.readings, earned(best, policy), policy)]


def read(party: Party, policy: Policy, now: datetime) -> tuple[Readings, Weighed]:
    """What the dimensions say at a moment, on the basis that the grade stands on."""
    rules = policy.grades
    if party.graded.basis == "actual":
        readings = _actual(party, party.conduct, policy, now)
        return readings, grading.weighed(readings, rules)
    if best := leads.best(party.leads, policy, now):
        return best.readings, earned(best, policy)
    attributes = party.leads.attributes
    readings = grading.expected(attributes, best_match(attributes, policy.leads.personas), rules)
    return readings, grading.weighed(readings, rules)


def by_silence(party: Party, policy: Policy, now: datetime) -> GradeChanged:
    """The grade as it stands after long silence: told in any case, for its total has fallen."""
    readings = _actual(party, party.conduct, policy, now)
    found = grading.weighed(readings, policy.grades)
    after = grading.judged(party.graded, "actual", found, policy.grades)
    return grading.changed(party.id, party.graded, after, found, readings, policy.grades)


def _actual(party: Party, behaved: conduct.Conduct, policy: Policy, now: datetime) -> Readings:
    today = business_day(now, policy.zone)
    attributes = party.leads.attributes
    return conduct.actual(party.history, behaved, attributes, today, policy.grades)


def _changed(
    party: Party,
    basis: Basis,
    readings: Readings,
    found: Weighed,
    policy: Policy,
    order_id: str = "",
) -> list[GradeChanged]:
    rules = policy.grades
    after = grading.judged(party.graded, basis, found, rules)
    if grading.same(party.graded, after):
        return []
    return [grading.changed(party.id, party.graded, after, found, readings, rules, order_id)]
