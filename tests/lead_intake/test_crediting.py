"""Whose a win is, and whose word counts for who holds a lead."""

from datetime import timedelta

from lead_intake.domain.seller import Record
from lead_intake.ingress import adapt
from perennial.contracts.base import Fact
from perennial.contracts.holdings import LeadLost, LeadWon
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.partner import REPLAY, CaptureLead

from tests.lead_intake.client import Client
from tests.lead_intake.histories import NOW, SEALING
from tests.lead_intake.house import House
from tests.lead_intake.test_leads import LEAD, ORDER, WON


async def test_an_order_wins_no_lead_that_came_after_it(client: Client, house: House) -> None:
    """By the day of the order itself, whenever it is told or paid; the same day is early enough."""
    await client("POST", "/leads", LEAD)
    old = ORDER | {"customer": "acme", "placed_at": "2019-05-03T09:00:00Z"}
    payment = {"payment": "p", "paid_at": "2026-05-08T09:00:00Z", "amount": 10_000}
    await client("POST", "/orders", old)
    await client("POST", "/orders", old | {"order": "2", "paid": False})
    await client("POST", "/orders/2/payments", payment | {"currency": "USD"})
    before = [event for event in house.events if isinstance(event, LeadWon)]
    same_day = old | {"order": "3", "placed_at": "2026-05-01T00:00:00Z"}
    third = (await client("POST", "/orders", same_day)).json()

    won = [event for event in house.events if isinstance(event, LeadWon)]
    assert before == []
    assert [one.order_id for one in won] == [third["order_id"]]


async def test_a_recorded_pipeline_credits_all_it_won_and_leaves_room_for_today(
    client: Client, house: House
) -> None:
    """More than any window admits, closed long ago: all count for the seller, none fills the window."""
    await client("PUT", "/registers/people/ann", {"role": "seller"})
    limits = house.worlds.at(house.now()).policy.holding.capacity
    begun, ended = "2024-05-01T09:00:00Z", "2024-05-08T09:00:00Z"
    past = LEAD | {"holder": "ann", "captured_at": begun}
    for number in range(limits.inflow + 1):
        await client("POST", "/leads", past | {"lead": f"p{number}"})
        close = WON | {"closed_at": ended, "by": "ann"}
        if number == 0:
            close |= {"outcome": "lost", "reason": "price"}
        await client("POST", f"/leads/p{number}/close", close)

    ann = house.state("seller", "ann")
    assert (ann.open, ann.record["1A"]) == (
        {}, Record(won=limits.inflow, ended=limits.inflow + 1),
    )  # fmt: skip
    assert ann.inflow(house.now() - timedelta(days=90)) == 0


async def test_what_is_open_of_a_recorded_pipeline_never_exceeds_the_limit(
    client: Client, house: House
) -> None:
    """Who closed what nobody held has its win and its loss; a stranger's name credits nobody."""
    await client("PUT", "/registers/people/ann", {"role": "seller"})
    limits = house.worlds.at(house.now()).policy.holding.capacity
    past = LEAD | {"holder": "ann", "captured_at": "2024-05-01T09:00:00Z"}
    for number in range(limits.open + 3):
        await client("POST", "/leads", past | {"lead": f"p{number}"})
    held = len(house.state("seller", "ann").open)
    beyond = {"closed_at": "2024-05-08T09:00:00Z", "reason": "price"}
    for number, outcome, by in ((0, "won", "ann"), (1, "lost", "ann"), (2, "won", "nobody")):
        close = WON | beyond | {"outcome": outcome, "by": by}
        await client("POST", f"/leads/p{limits.open + number}/close", close)

    ends = [event for event in house.events if isinstance(event, LeadWon | LeadLost)]
    ann = house.state("seller", "ann")
    assert (held, len(ann.open)) == (limits.open, limits.open)
    assert [one.holder for one in ends] == ["ann", "ann", ""]
    assert ann.record == {"1A": Record(won=1, ended=2)}


async def test_only_who_sees_all_rows_says_who_else_holds_a_lead(
    client: Client, house: House
) -> None:
    await client("PUT", "/registers/people/ann", {"role": "seller"})
    told = await client("POST", "/leads", LEAD | {"holder": "ann"}, role="seller")
    by_event = await client(
        "POST",
        "/events",
        {
            "specversion": "1.0", "id": "e", "source": "/eu", "type": CaptureLead.TYPE,
            "data": LEAD | {"holder": "ann"},
        },
        role="partner",
        Content_Type="application/cloudevents+json",
    )  # fmt: skip

    assert (told.status_code, told.json()["errors"][0]["pointer"]) == (422, "/holder")
    assert by_event.status_code == 201
    [captured] = house.events[1:]
    assert isinstance(captured, LeadCaptured)
    assert (captured.holder, captured.tags) == ("", ["holder-not-believed"])


async def test_a_replay_is_believed_who_holds_a_lead() -> None:
    said = CaptureLead(lead="L1", captured_at=NOW, holder="ann")
    told = Fact(data=said, id="f", key="", now=NOW, time=NOW, principal=REPLAY.writer, source="crm")
    adapted = await adapt(told, SEALING)
    assert (adapted.data.said.holder, adapted.data.said.tags) == ("ann", [])
