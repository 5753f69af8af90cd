"""What an answer tells of what could not be used: products nobody knows, currencies without a rate."""

from typing import Any

import pytest
from lead_intake.domain.identity import party_id
from perennial.contracts.holdings import ActivityLogged, LeadLost
from perennial.contracts.leads import LeadCaptured, LeadTouched
from perennial.contracts.partner import CloseLead

from tests.lead_intake.client import Client
from tests.lead_intake.house import House
from tests.lead_intake.serving import Served
from tests.lead_intake.test_leads import ACTIVITY, LEAD, ORDER

LOST = {"closed_at": "2026-05-08T09:00:00Z", "outcome": "lost", "reason": "price"}
CLOUD = {"specversion": "1.0", "source": "/eu"}


async def test_a_misspelt_product_is_told_in_every_answer(client: Client) -> None:
    await client("PUT", "/registers/products/gtx-pro", {"name": "GTX Pro"})
    one = (await client("POST", "/leads", LEAD | {"product": "GTXX"})).json()
    known = (await client("POST", "/leads", LEAD | {"lead": "L2"})).json()
    (row,) = await client.bulk("/leads:bulk", [LEAD | {"lead": "L3", "product": "GTXX"}])
    line = {"product": "GTXX", "amount": 10_000}
    order = (await client("POST", "/orders", ORDER | {"lines": [line]})).json()

    assert one["unmatched"] == row["unmatched"] == "GTXX"
    assert "unmatched" not in known
    assert order["unmatched"] == ["GTXX"]


@pytest.mark.feature("I1")
async def test_an_estimate_in_a_currency_without_a_rate_keeps_nobody_waiting(
    client: Client, house: House
) -> None:
    """Leads, touches and activities are taken with the value unknown; orders and deals still wait."""
    priced = LEAD | {"expected_value": 900, "cost": 5, "currency": "EUR"}
    touch = priced | {"lead": "L2", "party": ""}
    quoted = ACTIVITY | {"kind": "quotation", "amount": 900, "currency": "EUR"}
    answers = [
        await client("POST", "/leads", priced),
        await client("POST", "/leads", touch),
        await client("POST", "/leads/L1/activities", quoted),
    ]

    assert [one.status_code for one in answers] == [201, 201, 201]
    assert [one.json()["unvalued"] for one in answers] == ["EUR"] * 3
    captured, touched, logged = house.events
    assert isinstance(captured, LeadCaptured)
    assert isinstance(touched, LeadTouched)
    assert isinstance(logged, ActivityLogged)
    assert (captured.expected_value, captured.cost, captured.unvalued) == (None, None, "EUR")
    assert (touched.touch.cost, touched.unvalued) == (None, "EUR")
    assert (logged.amount, logged.unvalued) == (None, "EUR")
    won = {"closed_at": LOST["closed_at"], "outcome": "won", "value": 5, "currency": "EUR"}
    assert (await client("POST", "/leads/L1/close", won)).status_code == 202


async def test_who_closed_a_lead_is_not_for_others_to_say(client: Client, house: House) -> None:
    await client("PUT", "/registers/people/ann", {"role": "seller"})
    await client("POST", "/leads", LEAD)
    close = CLOUD | {"id": "e", "type": CloseLead.TYPE, "data": LOST | {"lead": "L1", "by": "ann"}}
    answer = await client(
        "POST", "/events", close, role="partner", Content_Type="application/cloudevents+json"
    )

    assert answer.status_code == 201
    lost = house.events[-1]
    assert isinstance(lost, LeadLost)
    assert (lost.by, lost.holder) == ("partner.shop", "")
    assert house.state("seller", "ann").record == {}


@pytest.mark.stack
@pytest.mark.feature("I4")
async def test_misspelt_products_are_listed_and_counted(served: Served) -> None:
    await served.client("PUT", "/registers/products/gtx-pro", {"name": "GTX Pro"})
    rows = [
        LEAD | {"lead": f"L{n}", "party": f"p{n}", "product": name, "person": None}
        for n, name in enumerate(("GTX Pro", "GTXX", "GTXX", "GTY"))
    ]
    await served.client.bulk("/leads:bulk", rows)

    count = (await served.client("GET", "/leads/counts?by=unmatched", b"")).json()["items"]
    found = (await served.client("GET", "/leads?unmatched=GTXX&unmatched=GTY", b"")).json()["items"]
    assert {one["value"]: one["leads"] for one in count} == {"": 1, "GTXX": 2, "GTY": 1}
    assert {one["number"]: one["unmatched"] for one in found} == {
        "L1": "GTXX", "L2": "GTXX", "L3": "GTY",
    }  # fmt: skip


@pytest.mark.stack
@pytest.mark.feature("I3")
async def test_a_look_at_a_lead_shows_its_own_contact(served: Served) -> None:
    """The party's latest only where the lead brought none; a joined lead shows where it went."""

    async def said(lead: str, product: str, person: Any = None, party: str = "acme") -> None:
        body = LEAD | {"lead": lead, "product": product, "person": person, "party": party}
        assert (await served.client("POST", "/leads", body)).status_code == 201

    async def seen(lead: str) -> tuple[str, str]:
        shown = (await served.client("POST", f"/leads/{lead}/contact", {})).json()
        return shown["contact"]["person"]["name"], shown["of"]

    async def united(lead: str, other: str) -> None:
        path = f"/customers/{party_id('shop', lead)}/merge"
        answer = await served.client("POST", path, {"other": party_id("shop", other)})
        assert answer.status_code == 201, answer.text

    await said("L1", "A", {"name": "Ann", "email": "ann@x.example"})
    await said("L2", "B", {"name": "Bo", "email": "bo@x.example"})
    await said("L3", "C")

    assert await seen("L1") == ("Ann", "lead")
    assert await seen("L2") == ("Bo", "lead")
    assert await seen("L3") == ("Bo", "party")

    await said("M1", "A", {"name": "Cy", "email": "cy@y.example"}, "globex")
    await united("acme", "globex")
    assert await seen("M1") == ("Cy", "lead")
    assert await seen("L1") == ("Ann", "lead")
