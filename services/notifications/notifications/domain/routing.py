"""Who hears of it: a named person who is there today, with copies; never nobody."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from notifications.domain.people import Person, entry, present
from notifications.domain.world import World


@dataclass(frozen=True)
class Hearers:
    """The one person who is to act, and those who get a copy."""

    person: str
    also: list[str]
    team: str


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


def last_resort(world: World, now: datetime) -> str:
    """The first person present with the policy's role, else the person or desk that it names."""
    rule = world.policy.escalation
    serving = sorted(
        one.id
        for one in world.people.values()
        if one.role == rule.last_resort_role and present(one, now)
    )
    return serving[0] if serving else rule.last_resort


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


def _team(person: str, world: World) -> str:
    entered = entry(world.people, person)
    return entered.team if entered else ""


def _without(people: list[str], person: str) -> list[str]:
    return [one for one in people if one and one != person]


def _distinct(people: list[str]) -> list[str]:
    return list(dict.fromkeys(people))
