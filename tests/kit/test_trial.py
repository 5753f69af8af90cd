"""A draft tried on a recorded life decides as it would have, had it been in force; the live one as it did."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perennial.contracts.platform import PolicyTried
from perennial.kit.bounds import Count
from perennial.kit.outcomes import Both, Happened, compared, lived, tallied, tried
from perennial.kit.policies import (
    Adoption,
    AdoptPolicy,
    DraftPolicy,
    NoteTrial,
    PolicyState,
    Version,
)
from perennial.kit.recorded import Recorded
from perennial.kit.rerun import steps_of
from perennial.kit.trial import Trial
from perennial.kit.trial_house import BEGINNING, Draft
from perennial.kit.worlds import Worlds

from tests.kit import toy
from tests.kit.test_door_conformance import Step, few, play, steps
from tests.kit.test_rerun import Listening, in_memory
from tests.kit.toyhouse import ask

pytestmark = pytest.mark.feature("P6")

HERE_ONLY = ("release", "redrive", "discard")
"""What people do with parked facts follows from what was parked: another life has other ones."""
DRAFT = msgspec.json.encode({"limit": 3}).decode()
smooth = steps.filter(lambda step: step.kind not in HERE_ONLY and step.amount > 0)


def played(history: list[Step], adopted: str = "") -> Listening:
    house = Listening(in_memory())
    if adopted:
        state = PolicyState(
            versions=[Version(version=1, document=adopted)],
            adoptions=[Adoption(version=1, effective_at=BEGINNING)],
        )
        house.door.worlds = Worlds(toy.SERVICE, {"policy": {toy.SERVICE.name: state}})
    asyncio.run(play(house, history))
    return house


def life(house: Listening) -> Recorded:
    tables = house.store.tables
    return Recorded(toy.SERVICE, steps_of(tables.journal), house, dict(tables.event))  # type: ignore[arg-type]


def trial_of(house: Listening, draft: Draft | None) -> tuple[Trial, Any]:
    recorded = life(house)
    trial = Trial([recorded], draft)
    asyncio.run(trial.run())
    made = tried(toy.SERVICE, trial.made[toy.SERVICE.name])
    policy = toy.Policy()
    return trial, compared(Both(toy.SERVICE, lived(recorded), made, policy, lambda _: iter(())))


@settings(few, max_examples=60)
@given(st.lists(smooth, max_size=25))
def test_a_draft_decides_as_it_would_have_had_it_been_in_force(history: list[Step]) -> None:
    live, other = played(history), played(history, adopted=DRAFT)

    draft = Draft(toy.SERVICE.name, DRAFT, 1)
    trial, _ = trial_of(live, draft)

    told = [(m.topic, m.key, m.ver, m.id, m.type, m.time, m.now) for m in trial.made["toy"]]
    assert told == [(*place, *row[:4]) for place, row in other.store.tables.event.items()]


@settings(few, max_examples=40)
@given(st.lists(steps, max_size=25))
def test_the_live_policy_as_a_draft_changes_nothing(history: list[Step]) -> None:
    house = played(history)

    _, found = trial_of(
        house, Draft(toy.SERVICE.name, msgspec.json.encode({"limit": 1000}).decode(), 1)
    )

    assert (found.same, found.differing) == (found.decisions, [])


def test_what_differs_is_counted_and_listed() -> None:
    house = played([Step("add", "a", amount=2), Step("add", "a", amount=2), Step("fed", "b")])

    _, found = trial_of(house, Draft(toy.SERVICE.name, DRAFT, 1))

    assert found.decisions - found.same == len(
        [o for o in found.differing if o.what != "only draft"]
    )
    assert {one.what for one in found.differing} >= {"only live"}
    (kinds,) = found.sections
    counted = {row[0]: row[1:] for row in kinds.rows}
    assert counted["toy.counted"][0] > counted["toy.counted"][1]


def test_what_a_watched_version_decided_is_counted_beside_the_former_one() -> None:
    def told(id_: str, day: int, event: Any) -> Happened:
        return Happened(id_, toy.COUNTS.name, "a", _day(day), _day(day), event)

    one, other = toy.Counted(amount=1), toy.Counted(amount=2)
    alike = told("1", 1, one)
    live = [alike, told("2", 1, one), told("3", 2, one), told("4", 2, one)]
    former = [alike, told("2", 1, other), told("3", 2, toy.Paid(order="o", payment="p"))]
    policy = Happened(
        "9",
        toy.POLICY.name,
        "toy",
        _day(1),
        _day(1),
        PolicyTried(service="toy", version=1, trial="t"),
    )

    tally = tallied(Both(toy.SERVICE, [*live, policy], former, toy.Policy(), lambda _: iter(())))

    assert msgspec.json.decode(msgspec.json.encode(tally), type=dict[str, Count]) == {
        "": Count(live=4, former=3, either=4, otherwise=3, most_a_day=2),
        "toy.counted.v1": Count(live=4, former=2, either=4, otherwise=3, most_a_day=2),
        "toy.paid.v1": Count(live=0, former=1, either=1, otherwise=1, most_a_day=0),
    }


def test_a_draft_outlasts_what_was_drafted_and_tried_live() -> None:
    house = Listening(in_memory())
    wishes = (
        DraftPolicy(document={"limit": 1000}),
        NoteTrial(version=1, trial="t"),
        AdoptPolicy(version=1, effective_at=_day(2)),
    )
    policy = toy.SERVICE.policy_subject

    async def live() -> None:
        for n, wish in enumerate(wishes):
            await house.asks(replace(ask(toy.NAME, wish, f"p{n}"), subject=policy))
        await play(house, [Step("add", "a", amount=500)])

    asyncio.run(live())
    _, found = trial_of(house, Draft(toy.SERVICE.name, DRAFT, 2))
    assert [one.what for one in found.differing] == ["only live"]


def test_a_draft_judges_from_and_until_the_moments_it_is_given() -> None:
    state = PolicyState(
        versions=[Version(version=1, document="{}"), Version(version=2, document="{}")],
        adoptions=[Adoption(version=1, effective_at=at) for at in map(_day, (2, 8))],
    )
    tried_ = Draft("toy", DRAFT, 3, _day(5), _day(7)).states(state)
    assert [(one.version, one.effective_at) for one in tried_.adoptions] == [
        (1, _day(2)),
        (3, _day(5)),
        (1, _day(7)),
        (1, _day(8)),
    ]


def _day(day: int) -> Any:
    return BEGINNING.replace(year=2026, day=day)
