"""Who hears of it: a named person who is there today, with copies; never nobody."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from perennial.contracts.alerts import AlertKind

from notifications.domain.causes import Cause
from notifications.domain.people import Person, entry, present, serves
from notifications.domain.world import World


@dataclass(frozen=True)
class Hearers:
    """The one person who is to act, and those who get a copy."""

    person: str
    also: list[str]
    team: str


def told_of(
    cause: Cause, owner: str, watchers: Iterable[str], world: World, now: datetime
) -> Hearers:
    """Who hears of a cause; `owner` and `watchers` are the customer's own."""
    if cause.lead:
        return _told_of_lead(cause, world, now)
    named = cause.owner or owner
    if not cause.manager:
        return hearers(named, watchers, world, now)
    boss = cause.escalated_to or above(named, [named], world, now)
    return hearers(boss, [named], world, now)


def _told_of_lead(cause: Cause, world: World, now: datetime) -> Hearers:
    """Those whom the cause names, and their managers; who has left hears nothing any more."""
    owner = in_role(cause.role, world, now) if cause.role else cause.owner
    first = above(owner, [owner], world, now) if cause.manager else owner
    who = hearers(first, [], world, now)
    bosses = [above(one, [one], world, now) for one in cause.above]
    copies = [*who.also, owner, *cause.copies, *bosses]
    here = [one for one in copies if not _has_left(one, world)]
    return Hearers(who.person, _distinct(_without(here, who.person)), who.team)


def hearers(owner: str, watchers: Iterable[str], world: World, now: datetime) -> Hearers:
    """The owner or who stands in for them; an absent owner and further watchers get copies.

    An owner whom the register does not know keeps the alert, since lifecycle named them, and the
    last resort gets a copy, since perhaps nobody reads under that name.
    """
    others = [one for one in watchers if one and one != owner]
    person = _first_reached([owner, *others], world, now)
    copies = _without([owner], person) + _without(others, person)[: world.policy.copies]
    if entry(world.people, person) is None:
        copies.append(last_resort(world, now))
    return Hearers(person, _distinct(_without(copies, person)), _team(person, world))


def above(person: str, told: Iterable[str], world: World, now: datetime) -> str:
    """Who hears next when `person` did not answer: the manager who is there, or the last resort."""
    entered = entry(world.people, person)
    boss = _reached(entered.manager, world, now) if entered and entered.manager else ""
    return boss if boss and boss not in set(told) else last_resort(world, now)


def in_role(role: str, world: World, now: datetime) -> str:
    """The person of that name, or the first one present with that role, or the last resort."""
    if entry(world.people, role):
        return role
    return _serving(role, world, now) or last_resort(world, now)


def by_mail(world: World, kind: AlertKind, persons: Iterable[str]) -> list[str]:
    """Those of these people who get an alert of this kind by e-mail: who gave an address."""
    if "email" not in world.policy.rule(kind).channels:
        return []
    known = [(one, entry(world.people, one)) for one in persons]
    return [one for one, entered in known if entered and entered.reachable and not entered.left]


def last_resort(world: World, now: datetime) -> str:
    """The first person present with the policy's role, else the person or desk that it names."""
    rule = world.policy.escalation
    return _serving(rule.last_resort_role, world, now) or rule.last_resort


def _serving(role: str, world: World, now: datetime) -> str:
    serving = (one.id for one in world.people.values() if serves(one, role) and present(one, now))
    return min(serving, default="")


def _first_reached(wanted: Iterable[str], world: World, now: datetime) -> str:
    for one in wanted:
        reached = _reached(one, world, now)
        if reached:
            return reached
    return last_resort(world, now)


def _reached(person: str, world: World, now: datetime) -> str:
    """The person, or along successors, substitutes and managers the first who is there."""
    seen: set[str] = set()
    queue = [person]
    while queue:
        one = queue.pop(0)
        if not one or one in seen:
            continue
        seen.add(one)
        entered = entry(world.people, one)
        if entered is None or present(entered, now):
            return one
        queue.extend(_stand_ins(entered))
    return ""


def _stand_ins(person: Person) -> list[str]:
    first = person.successor if person.left else person.substitute
    return [first, person.manager]


def _has_left(person: str, world: World) -> bool:
    entered = entry(world.people, person)
    return entered is not None and entered.left


def _team(person: str, world: World) -> str:
    entered = entry(world.people, person)
    return entered.team if entered else ""


def _without(people: list[str], person: str) -> list[str]:
    return [one for one in people if one and one != person]


def _distinct(people: list[str]) -> list[str]:
    return list(dict.fromkeys(people))
