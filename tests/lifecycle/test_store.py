"""Lists, past months and jobs on a real Postgres, through the real door."""

from typing import Any

import pytest
from lifecycle import jobs, store
from lifecycle.domain.record import Customer
from lifecycle.domain.report import reconciles
from lifecycle.handlers import CUSTOMER
from lifecycle.main import SERVICE
from perennial.contracts.registers import PersonLeft
from perennial.kit.history import state_at, timeline

from tests.lifecycle.conftest import House
from tests.lifecycle.stories import day, two_months

pytestmark = pytest.mark.stack


async def page(house: House, **wanted: Any) -> list[tuple[str, int, Customer]]:
    known: dict[str, Any] = {
        "wanted": {},
        "people": None,
        "only": None,
        "with_case": False,
        "after": None,
        "limit": 10,
    }
    return await store.customers(house.pool, **{**known, **wanted})


@pytest.mark.feature("C1", "C14")
async def test_lists_start_with_the_most_at_risk_and_go_on_from_a_cursor(house: House) -> None:
    await two_months(house)
    found = [(key, risk) for key, risk, _ in await page(house)]
    assert found == [("b", 900_00), ("a", 0), ("c", 0)]
    assert [key for key, _, _ in await page(house, after=(900_00, "b"))] == ["a", "c"]
    assert [key for key, _, _ in await page(house, after=(0, "a"))] == ["c"]
    assert [key for key, _, _ in await page(house, with_case=True)] == ["b"]
    assert [key for key, _, _ in await page(house, wanted={"segment": "activated"})] == ["a", "c"]
    owner = found and (await page(house, only="a"))[0][2].owner
    assert all(state.owner == owner for _, _, state in await page(house, people=[owner]))


@pytest.mark.feature("C1")
async def test_segments_now_and_at_any_past_moment(house: House) -> None:
    await two_months(house)
    assert await store.segment_counts(house.pool, None, None) == {"activated": 2, "declining": 1}
    then = await store.segment_counts_as_of(house.pool, day(1, 31))
    assert then == {"activated": 2, "identified": 1}
    past = await state_at(house.pool, SERVICE, CUSTOMER, "b", day(1, 31))
    assert past.segment == "activated"


@pytest.mark.feature("C2")
async def test_numbers_are_drawn_without_a_gap(house: House) -> None:
    await two_months(house)
    numbers = sorted(state.number for _, _, state in await page(house))
    assert [number[:13] for number in numbers] == [f"C-1997-00000{n}" for n in (1, 2, 3)]


@pytest.mark.feature("C3")
async def test_the_timeline_holds_own_events_and_the_facts_kept(house: House) -> None:
    await two_months(house)
    kinds = {row["type"] for row in await timeline(house.pool, ["b"], None, 100)}
    assert "perennial.customer.scored.v1" in kinds
    assert "perennial.customer.red-light-lit.v1" in kinds


@pytest.mark.feature("C13")
async def test_months_are_reported_from_the_history_and_read_the_same_later(house: House) -> None:
    await two_months(house)
    await house.comes(house.now())
    assert await jobs.publish_reports(house) == 1, "January is over, February is not"
    january = await store.published_report(house.pool, "1997-01")
    assert january is not None
    assert january.lines["new"].customers == january.lines["closing"].customers == 2
    assert january.lines["closing"].value == 170_00
    await house.comes(day(3, 2))
    assert await jobs.publish_reports(house) == 1
    february = await store.published_report(house.pool, "1997-02")
    assert february is not None
    assert reconciles(february.lines)
    assert february.lines["opening"] == january.lines["closing"]
    assert february.lines["fallen"].value == 30_00
    assert (february.lines["new"].value, february.lines["closing"].value) == (30_00, 170_00)
    assert await jobs.publish_reports(house) == 0
    assert (await jobs.monthly(house, "1997-01")).lines == january.lines


@pytest.mark.feature("C5")
async def test_a_leavers_customers_are_watched_by_others_at_once(house: House) -> None:
    await two_months(house)
    assert await jobs.follow_register(house) == 0
    owner = (await page(house, only="a"))[0][2].owner
    held = [key for key, _, state in await page(house) if owner in state.watchers]
    await house.told(day(2, 8), (f"person:{owner}", PersonLeft(person_id=owner)))
    assert await jobs.follow_register(house) == len(held)
    assert await jobs.follow_register(house) == 0
    for _, _, state in await page(house):
        assert owner not in (state.owner, *state.watchers)
        assert len(set(state.watchers)) >= 2
