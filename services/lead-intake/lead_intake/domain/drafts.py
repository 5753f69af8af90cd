"""What a drafted policy may not say although each value by itself is well formed: path and cure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from perennial.contracts.calendar import Period, length
from perennial.contracts.currencies import mistyped

from lead_intake.domain import contacts
from lead_intake.domain.registers import LEVELS
from lead_intake.domain.seller import KEPT
from lead_intake.policy import Policy

_Fault = tuple[str, str]


def fault_in(draft: Policy, _world: object) -> _Fault | None:
    """The first fault: its path in the document, and what to write instead."""
    return next(_faults(draft), None)


def _faults(draft: Policy) -> Iterator[_Fault]:
    if told := mistyped(draft.reporting_currency):
        yield "/reporting_currency", told
    yield from _periods(draft)
    if length(draft.holding.capacity.window) > KEPT:
        told = f"gains are kept for {KEPT.days} days: write {KEPT.days}d or less"
        yield "/holding/capacity/window", told
    if length(draft.holding.contacts.window) > contacts.KEPT:
        told = (
            f"contacts are kept for {contacts.KEPT.days} days: write {contacts.KEPT.days}d or less"
        )
        yield "/holding/contacts/window", told
    yield from _levels(draft)
    rungs = (warn.rung for warn in draft.turnover.warnings)
    yield from _twice("/turnover/warnings", "rung", rungs)
    yield from _twice("/pools", "name", (pool.name for pool in draft.pools))


def _periods(draft: Policy) -> Iterator[_Fault]:
    told: list[tuple[str, Period]] = [
        ("/holding/capacity/window", draft.holding.capacity.window),
        ("/holding/handovers/window", draft.holding.handovers.window),
        ("/holding/contacts/window", draft.holding.contacts.window),
        ("/turnover/lease/period", draft.turnover.lease.period),
    ]
    for place, rule in enumerate(draft.turnover.rules):
        told.append((f"/turnover/rules/{place}/period", rule.period))
    for path, period in told:
        if not period.strip("0")[:1].isdigit():
            yield path, f"{period} is no time at all: write 1h or more"


def _levels(draft: Policy) -> Iterator[_Fault]:
    for grade, (low, high) in draft.holding.qualification.levels.items():
        if low not in LEVELS or high not in LEVELS or low > high:
            path = f"/holding/qualification/levels/{grade}"
            yield path, "write the lowest level first, then the highest, each of 1 to 9"


def _twice(path: str, field: str, names: Iterable[str]) -> Iterator[_Fault]:
    met: Counter[str] = Counter()
    for place, name in enumerate(names):
        if met[name]:
            yield f"{path}/{place}/{field}", f"{name} is there already: write another name"
        met[name] += 1
