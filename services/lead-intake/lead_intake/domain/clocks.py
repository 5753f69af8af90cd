"""When a holder's time is over, and when they are warned: the clocks of one holding, pure arithmetic.

Where rules or calendar change while a clock runs, it goes by each version while that is in force;
how a new version of the rules treats clocks that run already is the version's own `transition`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import ClassVar

import msgspec
from perennial.contracts import calendar
from perennial.contracts.base import Decision, Fact
from perennial.contracts.holdings import Clock
from perennial.contracts.registers import CalendarChanged

from lead_intake.domain.customer import Customer
from lead_intake.domain.lead import Lead
from lead_intake.domain.versions import Versions
from lead_intake.domain.world import World
from lead_intake.policy.turnover import Rule, Turnover, Warn

_NO_CALENDAR = Versions([(datetime.min.replace(tzinfo=UTC), calendar.EVERY_WEEKDAY)])


class ReckonClocks(msgspec.Struct, frozen=True, kw_only=True):
    """What clocks go by has changed: the moments noted for this party are to be reckoned anew."""

    TYPE: ClassVar[str] = "request.clocks.reckon"
    basis: str


def reckon(_state: Customer, _fact: Fact, _world: World, _now: datetime) -> Decision:
    """Nothing happens by it; the door notes the next moment anew after every fact."""
    return []


def basis(world: World) -> str:
    """A short word for all that clocks go by: another word, other moments."""
    told = (world.turnovers.all, {name: one.all for name, one in world.calendar_versions.items()})
    return blake2b(msgspec.json.encode(told, order="deterministic"), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Running:
    """A clock of the present holding."""

    clock: Clock
    started: datetime
    due: datetime
    told_from: datetime
    """Rungs before this are not told: the clock was not running, or another rule was in force."""
    calendar: str
    """As `default@3`, where working time counts."""
    rules: Turnover

    def rungs(self, lead: Lead) -> Iterator[tuple[Warn, datetime]]:
        """The rungs before its end that are still to be told."""
        for warn in self.rules.warnings:
            at = warn.at(self.told_from, self.due)
            told = f"{self.clock}:{warn.rung}" in lead.present.warned
            if at is not None and self.told_from < at < self.due and not told:
                yield warn, at


@dataclass(frozen=True)
class _Span:
    """A time in which neither rules nor calendar change."""

    begins: datetime
    ends: datetime | None
    rules: Turnover
    not_before: datetime
    """Nobody falls earlier, by the grace of a new version."""
    calendar: CalendarChanged
    calendar_name: str


def running(lead: Lead, attributes: Mapping[str, str], world: World) -> dict[Clock, Running]:
    """The clocks that end the present holding of a held lead, or ask the manager about it."""
    found: dict[Clock, Running] = {}
    before: dict[Clock, Running] = {}
    for span in _spans(lead, world):
        runs = [_kept(run, before.get(run.clock)) for run in _within(span, lead, attributes)]
        before = {run.clock: run for run in reversed(runs)}
        for run in runs:
            if run.clock not in found and (span.ends is None or run.due < span.ends):
                found[run.clock] = run
    return found


def _kept(run: Running, before: Running | None) -> Running:
    """A change that leaves its end where it was leaves its rungs, too."""
    if before is None or before.due != run.due:
        return run
    return replace(run, told_from=before.told_from)


def _spans(lead: Lead, world: World) -> Iterator[_Span]:
    since, person = lead.holdings[-1].since, world.staff.person(lead.holdings[-1].person)
    name = person.calendar if person is not None else ""
    calendars = world.calendar_versions.get(name, _NO_CALENDAR)
    changes = {*world.turnovers.after(since), *calendars.after(since)}
    begins, rules, not_before = since, world.turnovers.at(since), since
    for ends in [*sorted(changes), None]:
        new = world.turnovers.at(begins)
        if begins in world.turnovers.after(since) and new.transition != "grandfather":
            rules, grace = new, new.transition.removeprefix("grace ")
            if grace != new.transition:
                until = calendar.add(begins, grace, calendars.at(begins))
                not_before = max(not_before, until)
        counted = f"{name}@{calendars.number(begins)}"
        yield _Span(begins, ends, rules, not_before, calendars.at(begins), counted)
        if ends is not None:
            begins = ends


def _within(span: _Span, lead: Lead, attributes: Mapping[str, str]) -> list[Running]:
    runs = [
        _run(span, rule, started, lead)
        for rule in span.rules.rules
        if rule.covers(lead.grade, lead.product, lead.source)
        and (started := _started(rule, lead, attributes)) is not None
    ]
    reviews = [run for run in runs if run.clock == "review"]
    return [*_combined([run for run in runs if run.clock != "review"], span.rules), *reviews]


def _combined(runs: list[Running], rules: Turnover) -> list[Running]:
    if rules.combine == "first":
        return runs[:1]
    if rules.combine == "max":
        return sorted(runs, key=lambda run: run.due)[-1:]
    return sorted(runs, key=lambda run: run.due)


def _run(span: _Span, rule: Rule, started: datetime, lead: Lead) -> Running:
    due = calendar.add(started, rule.period, span.calendar)
    leased = lead.present.lease_until if rule.clock != "review" else None
    counted = span.calendar_name if calendar.working_time(rule.period) else ""
    set_going = _set_going(rule, lead)
    noticed = set_going + span.rules.notice if set_going else started
    return Running(
        clock=rule.clock,
        started=started,
        due=max(due, span.begins, span.not_before, leased or started, noticed),
        told_from=max(started, span.begins, set_going or started),
        calendar=counted,
        rules=span.rules,
    )


def _set_going(rule: Rule, lead: Lead) -> datetime | None:
    """The last regrade of this holding that brought the lead under the rule, if one did."""
    return max(
        (
            regrade.at
            for regrade in lead.present.regrades
            if not rule.covers(regrade.former, lead.product, lead.source)
        ),
        default=None,
    )


def _started(rule: Rule, lead: Lead, attributes: Mapping[str, str]) -> datetime | None:
    """Since when the rule's clock runs for the present holder; None if it does not."""
    since, present = lead.holdings[-1].since, lead.present
    match rule.clock:
        case "first-contact":
            return None if present.first_contact else since
        case "activity":
            return max(since, present.last_effective or since)
        case "quotation":
            return max(since, present.quoted_at) if present.quoted_at else None
        case "contract-end":
            return _contract_end(attributes, since)
    return since


def _contract_end(attributes: Mapping[str, str], since: datetime) -> datetime | None:
    """The day (ISO 8601) that the party's contract ends, where its source says so."""
    try:
        ends = datetime.fromisoformat(attributes.get("contract_end", ""))
    except ValueError:
        return None
    return max(since, ends if ends.tzinfo else ends.replace(tzinfo=UTC))
