"""A call as it goes out: to whom, why, by which ways, and in words."""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace
from perennial.contracts.alerts import AlertRaised
from perennial.contracts.base import Fact
from perennial.contracts.customers import Evidence

from notifications.domain.causes import Cause
from notifications.domain.endpoints import matching
from notifications.domain.routing import by_mail, told_of
from notifications.domain.wording import worded
from notifications.domain.world import World
from notifications.policy import span


def call(
    cause: Cause, owner: str, watchers: Iterable[str], fact: Fact, world: World, now: datetime
) -> AlertRaised:
    """The alert that a cause asks for; `owner` and `watchers` are the customer's own."""
    who = told_of(cause, owner, watchers, world, now)
    rule, everybody = world.policy.rule(cause.kind), [who.person, *who.also]
    raised = AlertRaised(
        alert_id=cause.alert_id(fact),
        customer_id=fact.key,
        kind=cause.kind,
        severity=rule.severity,
        person=who.person,
        also=who.also,
        title="",
        evidence=evidence(cause, fact),
        value_at_risk=cause.value_at_risk,
        cause_event=fact.id,
        respond_by=now + span(rule.respond_within) if rule.respond_within else None,
        team=who.team,
        endpoints=matching(world.endpoints, cause.kind, everybody),
        mailed=by_mail(world, cause.kind, everybody),
        lead_id=cause.lead,
        details={name: value or "–" for name, value in cause.details.items()},
    )
    raised = _timed(raised, cause)
    text = worded(raised, "en")
    return replace(raised, title=text.title, next_step=text.next_step)


def evidence(cause: Cause, fact: Fact) -> list[Evidence]:
    """An alert always says why: the cause's own evidence, or the fact itself in words."""
    own = Evidence(sign=cause.kind, event_id=fact.id, text=cause.reason)
    return list(cause.evidence) or [own]


def _timed(raised: AlertRaised, cause: Cause) -> AlertRaised:
    line = cause.deadline
    if line is None:
        return raised
    return replace(
        raised,
        clock=line.clock,
        rung=line.rung,
        started_at=line.started_at,
        due_at=line.due_at,
    )
