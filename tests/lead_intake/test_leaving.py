"""What becomes of a leaver's leads by itself (I3): nothing is orphaned, whatever the policy."""

import dataclasses
from typing import Any

import msgspec
import pytest
from lead_intake.jobs import hold_rounds
from lead_intake.leaving import rehold_leavers
from lead_intake.policy import Policy

from tests.lead_intake.serving import Served
from tests.lead_intake.test_holdings import leads, post, sellers

pytestmark = [pytest.mark.stack, pytest.mark.feature("I3")]


class Ruled:
    """The running service under another policy, as a job sees it."""

    def __init__(self, served: Served, leavers: str) -> None:
        holding = msgspec.to_builtins(Policy().holding) | {"leavers": leavers}
        self._policy = msgspec.convert({"holding": holding}, Policy)
        self._served = served

    def __getattr__(self, name: str) -> Any:
        return getattr(self._served, name)

    def world(self) -> Any:
        return dataclasses.replace(self._served.world(), policy=self._policy)


async def left(served: Served, **told: str) -> list[str]:
    """Ann has gone, who held three leads; bo has room for two."""
    await sellers(served, "ann")
    await sellers(served, "bo", open=2, inflow=9)
    found = await leads(served, 3)
    for lead in found:
        assert (await post(served, f"/leads/{lead}/assign", {"person": "ann"})).status_code == 201
    await post(served, "/registers/people/ann/leave", told)
    return found


async def standing(served: Served, found: list[str]) -> list[tuple[str, str, str]]:
    shown = [(await served.client("GET", f"/leads/{lead}", b"")).json() for lead in found]
    return sorted((one["stage"], one["holder"], one.get("queued", "")) for one in shown)


async def test_a_successor_has_what_fits_and_the_rest_waits_for_a_round(served: Served) -> None:
    found = await left(served, successor="bo")

    assert await rehold_leavers(served) == 3
    assert await rehold_leavers(served) == 0

    assert await standing(served, found) == [
        ("held", "bo", ""), ("held", "bo", ""), ("waiting", "head-of-sales", "no-capacity"),
    ]  # fmt: skip
    moves = [
        (await served.client("GET", f"/leads/{lead}/moves", b"")).json()["items"][-1]
        for lead in found
    ]
    assert sorted(one.get("how", "") for one in moves) == ["", "re-held", "re-held"]


async def test_without_a_successor_all_wait_and_a_round_gives_them_out(served: Served) -> None:
    found = await left(served)

    assert await rehold_leavers(served) == 3
    assert {one[0] for one in await standing(served, found)} == {"waiting"}
    assert await hold_rounds(served) > 0
    assert [one[:2] for one in await standing(served, found)][:2] == [("held", "bo")] * 2


async def test_a_policy_may_leave_the_choice_to_a_round_or_to_a_person(served: Served) -> None:
    found = await left(served, successor="bo")

    assert await rehold_leavers(Ruled(served, "wait")) == 0
    assert {one[:2] for one in await standing(served, found)} == {("held", "ann")}
    assert await rehold_leavers(Ruled(served, "queue")) == 3
    assert {one[0] for one in await standing(served, found)} == {"waiting"}
