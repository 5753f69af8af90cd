"""Leads through a partner's topic, and letters about them through a mail server: end to end."""

from typing import Any

import pytest
from lead_intake.domain.identity import lead_id
from perennial.contracts.base import Event
from perennial.contracts.partner import CaptureLead, CloseLead, RecordActivity
from perennial_embedded.supervisor import wait_until

from tests.e2e.house import House, fresh, message
from tests.e2e.test_leads import READY, happened, leave, seller

OWNER, SOURCE = "lead-intake", "demo"


def captured(house: House, **more: Any) -> CaptureLead:
    number = fresh("partner-lead")
    told = {"lead": number, "party": f"{number}-party", "captured_at": house.now, **READY, **more}
    return CaptureLead(**told)


async def publish(house: House, facts: list[tuple[str, Event]], key: str) -> None:
    """Events of the demo partner, each under its id."""
    said = [message(n, fact, id=id, key=key) for n, (id, fact) in enumerate(facts)]
    await house.publish(said)
    await house.settle()


async def stands(house: House, number: str) -> dict[str, Any]:
    found: dict[str, Any] = await house.get(OWNER, f"/v1/leads/{lead_id(SOURCE, number)}")
    return found


@pytest.mark.feature("I17")
@pytest.mark.feature("I15")
async def test_a_partner_tells_a_lead_from_its_capture_to_its_end(house: House) -> None:
    who = await seller(house)
    lead = captured(house, expected_value=5_000_00, currency="USD", holder="not-theirs-to-say")
    number, event = lead.lead, fresh("event")

    await publish(house, [(event, lead), (event, lead), (fresh("event"), lead)], lead.party)
    await house.live(1)

    held = await stands(house, number)
    assert (held["stage"], held["holder"]) == ("held", who)
    assert "holder-not-believed" in held["tags"]
    assert len(held["touches"]) == 1, "the same lead said three times is one touch"

    called = RecordActivity(activity=fresh("act"), lead=number, at=house.now, kind="call-connected")
    lost = CloseLead(lead=number, closed_at=house.now, outcome="lost", reason="too dear")
    told = [(fresh("event"), called), (fresh("event"), called), (fresh("event"), lost)]
    await publish(house, told, lead.party)

    story = await happened(house, {"customer_id": held["customer_id"], "lead_id": held["lead_id"]})
    assert [one for one in story if one in ("captured", "assigned", "activity-logged", "lost")] == [
        "captured",
        "assigned",
        "activity-logged",
        "lost",
    ]
    assert (await stands(house, number))["stage"] == "lost"
    customer = await house.get("lifecycle", f"/v1/customers/{held['customer_id']}")
    assert customer["segment"] == "identified"
    await leave(house, who)


@pytest.mark.feature("I17")
async def test_what_a_partner_says_of_a_lead_too_early_waits_for_it(house: House) -> None:
    lead = captured(house)
    won = CloseLead(
        lead=lead.lead, closed_at=house.now, outcome="won", value=900_00, currency="USD"
    )
    await publish(house, [(fresh("event"), won)], lead.party)
    waiting = await house.perennial("rejected", "list", "--service", OWNER)
    wanted = f"lead:{lead_id(SOURCE, lead.lead)}"
    assert [one["state"] for one in waiting.rows[:-1] if one["waits_for"] == wanted] == ["waiting"]

    await publish(house, [(fresh("event"), lead)], lead.party)

    assert (await stands(house, lead.lead))["stage"] == "won"


@pytest.mark.feature("N2")
async def test_a_seller_is_written_to_at_the_address_that_lead_intake_keeps(house: House) -> None:
    address = f"{fresh('ann')}@firm.test"
    who = await seller(house, contact={"name": "Ann", "email": address})
    lead = captured(house)
    await publish(house, [(fresh("event"), lead)], lead.party)
    await house.live(1)

    async def arrived() -> bool:
        return address in house.box.to

    await wait_until("the letter", arrived, 30)
    letter = house.box.letters[house.box.to.index(address)]
    held = await stands(house, lead.lead)
    assert held["holder"] == who
    assert address in str(letter["to"])
    assert held["lead_id"] in letter.get_content()

    async def noted() -> bool:
        sent = await house.items("notifications", "/v1/deliveries", endpoint=f"mail:{who}")
        return [one["state"] for one in sent] == ["sent"]

    await wait_until("the note that it was sent", noted, 10)
    seen = await house.perennial("tail", "registers", "--key", f"person:{who}", "--from-beginning")
    assert address not in seen.text, "it travels sealed"
    await leave(house, who)
