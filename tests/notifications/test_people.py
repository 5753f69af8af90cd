"""The register as notifications mirrors it."""

from datetime import timedelta

from notifications.domain.people import Person, evolve, present, react, serves
from perennial.contracts.base import Event
from perennial.contracts.registers import PersonAbsent, PersonChanged, PersonJoined, PersonLeft

from tests.notifications.told import START, hours, said


def mirrored(*facts: Event) -> Person:
    state = Person()
    for data in facts:
        for event in react(state, said(data), None, START):  # type: ignore[union-attr]
            state = evolve(state, event, START)  # type: ignore[arg-type]
    return state


ANNA = PersonJoined(person_id="anna", role="service", team="north", manager="mia")


def test_an_entry_is_what_its_last_fact_says() -> None:
    moved = PersonChanged(
        person_id="anna", role="head", department="sales", team="south", manager="dora"
    )
    state = mirrored(ANNA, moved)

    assert (state.id, state.team, state.manager) == ("anna", "south", "dora")
    assert [serves(state, role) for role in ("head", "head-of-sales", "head-of-service")] == [
        True, True, False,
    ]  # fmt: skip


def test_who_is_away_or_left_is_not_present_and_comes_back() -> None:
    state = mirrored(ANNA, PersonAbsent(person_id="anna", starts=hours(1), ends=hours(2)))
    at = (START, hours(1), hours(2) - timedelta(seconds=1), hours(2))
    assert [present(state, moment) for moment in at] == [True, False, False, True]

    gone = mirrored(ANNA, PersonLeft(person_id="anna", successor="ben"))
    assert (present(gone, START), gone.successor) == (False, "ben")
    assert present(mirrored(ANNA, PersonLeft(person_id="anna"), ANNA), START)
