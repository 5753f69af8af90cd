"""Two parties found to be one, and two again, through all four services (I2, DESIGN 16)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.house import House, fresh
from tests.e2e.test_leads import lead, leave, seller

pytestmark = pytest.mark.feature("I2")


async def numbers(house: House, customer: str) -> tuple[int, int]:
    """Live orders and revenue, as scoring has them; of whom no order is left it knows nothing."""
    answer = await house.ask("GET", "scoring", f"/v1/customers/{customer}/score")
    score = answer.json() if answer.status_code == 200 else {"orders": 0, "revenue": 0}
    return score["orders"], score["revenue"]


async def unite(house: House, key: str, other: str, how: str = "merge") -> dict[str, Any]:
    path = f"/v1/customers/{key}/{how}"
    answer = await house.ask("POST", "lead-intake", path, {"other": other, "reason": "same firm"})
    assert answer.status_code == 201, answer.text
    await house.settle()
    made: dict[str, Any] = answer.json()
    return made


async def test_two_customers_are_one_and_two_again_exactly(house: House) -> None:
    old, young = fresh("old"), fresh("young")
    root = (await house.order(old))["customer_id"]
    await house.settle()
    await house.live(1)
    other = (await house.order(young))["customer_id"]
    await house.order(young, total=250_00)
    await house.settle()
    before = [await house.get("lifecycle", f"/v1/customers/{key}") for key in (root, other)]
    assert [await numbers(house, key) for key in (root, other)] == [(1, 100_00), (2, 350_00)]

    made = await unite(house, other, root)
    assert (made["root"], made["orders"]) == (root, 2)
    assert [await numbers(house, key) for key in (root, other)] == [(3, 450_00)] * 2
    led_on = await house.get("scoring", f"/v1/customers/{other}/score")
    assert led_on["customer_id"] == root
    gone = await house.get("lifecycle", f"/v1/customers/{other}")
    assert (gone["merged_into"], gone["segment"], gone["number"]) == (
        root,
        None,
        before[1]["number"],
    )
    later = await house.order(young, total=70_00)
    assert later["customer_id"] == root
    await house.settle()
    assert await numbers(house, root) == (4, 520_00)
    kinds = {
        (row["key"], row["type"])
        for row in await house.items("lifecycle", f"/v1/customers/{root}/timeline")
    }
    assert {(other, "perennial.order.placed.v1"), (root, "perennial.order.taken.v1")} < kinds

    await unite(house, root, other, "unmerge")
    assert [await numbers(house, key) for key in (root, other)] == [(1, 100_00), (3, 420_00)]
    back = await house.get("lifecycle", f"/v1/customers/{other}")
    assert (back["segment"], back["number"]) == (before[1]["segment"], before[1]["number"])
    assert (await house.order(young))["customer_id"] == other


async def test_a_held_lead_goes_on_under_the_root_with_its_holder_and_clocks(house: House) -> None:
    who = await seller(house)
    root = (await house.order(fresh("firm")))["customer_id"]
    await house.settle()
    await house.live_until(house.now + timedelta(hours=1))
    made = await lead(house)
    await house.settle()
    await house.live_until(house.now + timedelta(hours=1))
    path = f"/v1/leads/{made['lead_id']}"
    held = await house.get("lead-intake", path)
    assert (held["stage"], held["holder"]) == ("held", who)

    assert (await unite(house, root, made["customer_id"]))["leads"] == 1
    shown = await house.get("lead-intake", path)
    assert (shown["customer_id"], shown["holder"]) == (root, who)
    assert (await house.get("scoring", f"/v1/customers/{root}/score"))["customer_id"] == root
    view = await house.get("lifecycle", f"/v1/customers/{root}")
    assert view["lead_holders"] == {made["lead_id"]: who}
    body = {"activity": fresh("a"), "at": house.now, "kind": "meeting-held"}
    answer = await house.ask("POST", "lead-intake", f"{path}/activities", body, person=who)
    assert answer.json()["customer_id"] == root
    await leave(house, who)
