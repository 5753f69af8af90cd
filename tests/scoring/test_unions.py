"""I2 over REST, on real tables: who asks by the id of one that was found to be another is led on."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from perennial.contracts.base import Fact
from perennial.contracts.unions import (
    LeadLeft,
    LeadMerged,
    LeadTaken,
    LeadUnmerged,
    OrderLeft,
    OrderTaken,
)

from tests.scoring.conftest import House, numbered
from tests.scoring.domain.test_leads import START, captured, fact
from tests.scoring.replaying import order
from tests.scoring.test_grades import moment, of_leads
from tests.scoring.test_service import asked

pytestmark = [pytest.mark.stack, pytest.mark.feature("I2")]
BOUGHT = date(2026, 1, 6)
ONE, TWO = START + timedelta(days=10), START + timedelta(days=20)


def said(data: Any, at: datetime) -> Fact:
    key = data.customer_id
    return msgspec.structs.replace(fact(data, at), id=f"{data.TYPE} {key} {at}", key=key)


def union(kind: type[LeadMerged | LeadUnmerged], loser: str, root: str, at: datetime) -> list[Fact]:
    """Told on both keys."""
    both = (kind(customer_id=key, root=root, loser=loser, by="kim") for key in (loser, root))
    return [said(one, at) for one in both]


async def told(house: House, facts: Iterable[Fact]) -> None:
    """What c2 did, and then that it is c1: its lead and its order change hands."""
    lead = captured()
    lead = msgspec.structs.replace(lead, customer_id="c2")
    left = LeadLeft(customer_id="c2", lead_id="l1", to="c1")
    taken = LeadTaken(
        customer_id="c1", lead_id="l1", former="c2", stage="nurture", grade="3A", channel="referral"
    )
    bought = order(BOUGHT, 70_00, "o1", paid=True, key="c2")
    away = OrderLeft(customer_id="c2", order_id="o1", to="c1")
    here = OrderTaken(
        customer_id="c1",
        order_id="o1",
        former="c2",
        number="1",
        source="shop",
        placed_at=bought.time,
        currency="USD",
        total=70_00,
        revenue=70_00,
        paid=True,
    )
    own = order(BOUGHT, 30_00, "o0", paid=True, key="c1")
    orders = numbered([own, bought, said(away, ONE), said(here, ONE)])
    leads = of_leads([said(lead, START), *facts, said(left, ONE), said(taken, ONE)])
    await house.told([*leads[:1], *orders[:2], *leads[1:], *orders[2:]])
    await house.until(START + timedelta(days=40))


async def got(house: House, path: str, who: str = "ann") -> tuple[int, Any]:
    answer = await asked(house, "GET", f"/v1/customers/{path}", who)
    return answer.status_code, answer.json()


async def test_by_the_id_of_one_that_became_another_the_other_is_shown(house: House) -> None:
    await told(house, union(LeadMerged, "c2", "c1", ONE))

    for path in ("score", "grade", "score/explain", "grade/explain", "lead-scores"):
        status, shown = await got(house, f"c2/{path}")
        assert (status, shown) == await got(house, f"c1/{path}"), path
        assert status == 200
    score = (await got(house, "c2/score"))[1]
    assert (score["customer_id"], score["revenue"]) == ("c1", 100_00)
    assert [row["customer_id"] for row in (await got(house, "c2/lead-scores"))[1]["items"]] == [
        "c1"
    ]
    then = (await got(house, f"c2/score?as_of={moment(5)}"))[1]
    assert (then["customer_id"], then["revenue"]) == ("c2", 70_00)
    early = await got(house, f"c2/score?as_of={moment(-5)}")
    assert (early[0], early[1]["code"]) == (404, "not-yet")


async def test_one_that_is_its_own_again_or_part_of_a_part_is_found(house: House) -> None:
    apart = union(LeadUnmerged, "c2", "c1", TWO)
    parts = union(LeadMerged, "c4", "c3", ONE) + union(LeadMerged, "c3", "c1", TWO)
    await told(house, [*union(LeadMerged, "c2", "c1", ONE), *apart, *parts])

    status, shown = await got(house, "c2/score")
    assert (status, shown["code"]) == (404, "customer-unknown")
    assert (await got(house, "c4/score"))[1]["customer_id"] == "c1"


async def test_two_that_name_each_other_for_a_while_are_still_answered(house: House) -> None:
    """The end of the first union was heard on one key only when the second, the other way, came."""
    back = union(LeadMerged, "c1", "c2", TWO)
    await told(house, [*union(LeadMerged, "c2", "c1", ONE), *back])

    assert (await got(house, "c2/lead-scores"))[0] == 200
