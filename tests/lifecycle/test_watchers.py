"""At least two watch every customer, whoever leaves or is away (C5)."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifecycle import policy
from lifecycle.domain.register import Entry, evolve
from lifecycle.domain.requests import Rewatch
from lifecycle.domain.watchers import rewatched, watchers_for
from lifecycle.domain.world import World, world
from perennial.contracts.customers import CustomerActivated, WatcherChanged
from perennial.contracts.registers import PersonAbsent, PersonChanged, PersonJoined, PersonLeft

from tests.lifecycle.driving import ANN, START, UNHURRIED, Life, lead, ordered, person, staffed

pytestmark = pytest.mark.feature("C5")
RULES = policy.default().watchers
DAY = timedelta(days=1)


def after(*facts: Any) -> World:
    """The world once these register facts have come, in order."""
    entries: dict[str, Entry] = {}
    for fact in facts:
        key = f"person:{fact.person_id}"
        entries[key] = evolve(entries.get(key, Entry()), fact, START)
    return world({"register": entries}, policy.default())


def away(person_id: str, days: int = 5) -> PersonAbsent:
    return PersonAbsent(person_id=person_id, starts=START - DAY, ends=START + days * DAY)


def test_the_choice_is_even_and_the_same_every_time() -> None:
    staff = staffed(*(person(f"p{n}") for n in range(5))).staff
    chosen = [watchers_for(f"c{n}", staff, RULES, START) for n in range(2000)]
    assert chosen == [watchers_for(f"c{n}", staff, RULES, START) for n in range(2000)]
    owners = Counter(watchers[0] for watchers in chosen)
    assert len(owners) == 5
    assert max(owners.values()) < 1.2 * min(owners.values())


def test_only_the_named_role_watches() -> None:
    staff = staffed(person("a", "seller"), person("b"), person("c")).staff
    assert sorted(watchers_for(ANN, staff, RULES, START)) == ["b", "c"]


def test_a_substitute_stands_in_for_who_is_away() -> None:
    staff = after(person("a", substitute="s"), person("b"), person("s", "head"), away("a")).staff
    assert sorted(watchers_for(ANN, staff, RULES, START)) == ["b", "s"]


def test_without_people_named_roles_watch() -> None:
    assert watchers_for(ANN, staffed().staff, RULES, START) == RULES.last_resort
    alone = watchers_for(ANN, staffed(person("a")).staff, RULES, START)
    assert alone == ["a", RULES.last_resort[0]]


def test_a_leaver_hands_over_to_the_successor_it_named() -> None:
    left = PersonLeft(person_id="a", successor="d")
    staff = after(person("a"), person("b"), person("c"), person("d"), left).staff
    assert rewatched(ANN, ["a", "b"], staff, RULES, START) == ["d", "b"]


def test_who_is_away_stays_and_is_helped_out() -> None:
    staff = after(person("a"), person("b"), person("c"), away("a")).staff
    assert rewatched(ANN, ["a", "b"], staff, RULES, START) == ["a", "b", "c"]
    back = START + 6 * DAY
    assert rewatched(ANN, ["a", "b", "c"], staff, RULES, back) == ["a", "b", "c"]


def test_roles_step_back_once_people_are_there() -> None:
    staff = staffed(person("a"), person("b")).staff
    assert sorted(rewatched(ANN, list(RULES.last_resort), staff, RULES, START)) == ["a", "b"]


def test_a_changed_person_who_comes_back_works_here_again() -> None:
    again = PersonChanged(person_id="a", role="service")
    staff = after(person("a"), PersonLeft(person_id="a"), again).staff
    assert staff.employed("a")


PEOPLE = st.sampled_from([f"p{n}" for n in range(6)])
REGISTER_FACTS = st.one_of(
    st.builds(PersonJoined, person_id=PEOPLE, role=st.sampled_from(["service", "seller"])),
    st.builds(PersonLeft, person_id=PEOPLE, successor=st.one_of(st.just(""), PEOPLE)),
    st.builds(away, PEOPLE),
)


@UNHURRIED
@given(st.lists(REGISTER_FACTS, max_size=30), st.text(min_size=1, max_size=20))
def test_never_fewer_than_two_whatever_happens_to_the_staff(
    facts: list[Any], customer_id: str
) -> None:
    staff = after(*facts[: len(facts) // 2]).staff
    first = watchers_for(customer_id, staff, RULES, START)
    later = after(*facts).staff
    then = rewatched(customer_id, first, later, RULES, START)
    assert len(set(first)) == len(first) >= 2
    assert len(set(then)) == len(then) >= 2
    present = [one for one in then if one.startswith("role:") or later.present(one, START)]
    assert len(present) >= 2
    assert rewatched(customer_id, then, later, RULES, START) == then, "and then it rests"


def test_customer_and_case_go_to_the_new_owner() -> None:
    life = Life().after(0, lead(), ordered(1, START))
    owner = life.made(CustomerActivated)[0].owner
    life.world = after(person("bo"), person("cy"), person("di"), PersonLeft(person_id=owner))
    life.take(Rewatch(reason="register"))
    changed = life.made(WatcherChanged)[0]
    assert owner not in changed.watchers
    assert life.state.owner == changed.owner == changed.watchers[0]
    life.take(Rewatch(reason="register"))
    assert len(life.made(WatcherChanged)) == 1
