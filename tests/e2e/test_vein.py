"""One vein through the whole body: orders, silence, red light, case, alert, win-back, loss, return, report."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e.house import DAY, House, fresh
from tests.notifications.receiver import Received, Receiver, receiving

RED_LIGHT, WEEK = "perennial.customer.red-light-lit.v1", 7 * DAY
DELIVERED_WITHIN = 15.0


async def rhythm(house: House, orders: int = 4) -> str:
    """A customer that ordered every week up to now; its id."""
    who = fresh("weekly")
    for n in reversed(range(orders)):
        made = await house.order(who, placed_at=house.now - n * WEEK)
    await house.settle()
    return str(made["customer_id"])


async def customer(house: House, key: str, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = await house.get("lifecycle", f"/v1/customers/{key}", query=query)
    return found


async def silent(house: House) -> str:
    """A customer whose silence has lit the light."""
    key = await rhythm(house)
    await house.live(8)
    found = await customer(house, key)
    assert found["segment"] == "declining", found
    return key


async def diagnosed(house: House) -> str:
    key = await silent(house)
    wish = {"cause": "price", "actions": ["call"], "note": "a cheaper offer elsewhere"}
    answer = await house.ask("POST", "lifecycle", f"/v1/customers/{key}/winback/diagnosis", wish)
    assert answer.status_code == 200, answer.text
    await house.settle()
    return key


async def arrived(receiver: Receiver, customer_id: str) -> list[Received]:
    """Wait until the webhook has the alert of that customer."""
    async with asyncio.timeout(DELIVERED_WITHIN):
        while True:
            found = [one for one in receiver.received if customer_id.encode() in one.body]
            if found:
                return found
            await asyncio.sleep(0.02)


@pytest.mark.feature("C1")
@pytest.mark.feature("C12")
@pytest.mark.feature("N1")
@pytest.mark.feature("S11")
@pytest.mark.feature("S5")
async def test_silence_lights_the_light_and_a_named_person_is_told(house: House) -> None:
    key = await rhythm(house)
    before = await customer(house, key)
    assert (before["segment"], before["light"]) == ("serving", None)

    await house.live(9)

    after = await customer(house, key)
    assert after["segment"] == "declining"
    assert after["case"]["owner"] == after["owner"]
    score = await house.get("scoring", f"/v1/customers/{key}/score")
    assert score["churn"] == "overdue"
    alerts = await house.items("notifications", "/v1/alerts", customer=key, kind="red-light")
    assert [one["person"] for one in alerts] == [after["owner"]]
    alert = await house.get("notifications", f"/v1/alerts/{alerts[0]['id']}")
    assert alert["evidence"][0]["sign"] == "silence"
    assert alert["evidence"][0]["value"] > alert["evidence"][0]["threshold"]
    assert alert["next_step"]


@pytest.mark.feature("N7")
@pytest.mark.feature("N8")
async def test_an_alert_reaches_a_webhook_signed_and_is_acknowledged(house: House) -> None:
    async with receiving() as receiver:
        wish = {"url": f"{receiver.url}/alerts", "kinds": ["red-light"]}
        made = await house.ask("POST", "notifications", "/v1/endpoints", wish)
        endpoint = made.json()
        assert made.status_code == 201, made.text
        await house.settle()

        key = await silent(house)
        received = await arrived(receiver, key)
        body = received[0].verified(endpoint["secret"])
        stop = {"enabled": False, "reason": "end of the test"}
        await house.ask("PATCH", "notifications", f"/v1/endpoints/{endpoint['id']}", stop)
    assert key in json.dumps(body)

    (alert,) = await house.items("notifications", "/v1/alerts", customer=key, kind="red-light")
    path = f"/v1/alerts/{alert['id']}"
    answer = await house.ask("POST", "notifications", f"{path}/acknowledge", {})
    assert (answer.status_code, answer.json()["state"]) == (200, "acknowledged")
    await house.live(3)
    shown = await house.get("notifications", path)
    assert (shown["state"], shown["acknowledged_by"]) == ("acknowledged", "admin")
    assert shown.get("escalated_to", []) == []


@pytest.mark.feature("N7")
async def test_an_alert_that_nobody_answers_goes_up_the_chain(house: House) -> None:
    key = await silent(house)
    await house.live(3)

    (alert,) = await house.items("notifications", "/v1/alerts", customer=key, kind="red-light")
    shown = await house.get("notifications", f"/v1/alerts/{alert['id']}")
    assert shown["person"] in ("anna", "ben")
    assert shown["escalated_to"] == ["hugo"], "the manager in the register"


@pytest.mark.feature("C14")
@pytest.mark.feature("C1")
async def test_a_diagnosed_case_is_won_back_by_orders_in_rhythm(house: House) -> None:
    key = await diagnosed(house)
    case = (await customer(house, key))["case"]
    assert (case["cause"], case["department"]) == ("price", "sales")
    external = await _external(house, key)

    for _ in range(2):
        await house.order(external)
        await house.settle()
        await house.live(6)

    back = await customer(house, key)
    assert (back["segment"], back["curve"]) == ("growing", 2)
    alerts = await house.items("notifications", "/v1/alerts", customer=key)
    assert {one["kind"]: one["state"] for one in alerts}["red-light"] == "resolved"


@pytest.mark.feature("C14")
@pytest.mark.feature("C2")
async def test_no_answer_by_the_deadline_is_a_loss_and_an_order_reactivates(house: House) -> None:
    key = await diagnosed(house)
    found = await customer(house, key)
    lit, number = house.now, found["number"]

    await house.live_until(datetime.fromisoformat(found["case"]["deadline"]) + DAY)
    lost = await customer(house, key)
    assert lost["segment"] == "lost"
    asked = {"reason": "closed down"}
    answer = await house.ask("POST", "lifecycle", f"/v1/customers/{key}/lost-reason", asked)
    assert answer.status_code == 200, answer.text

    await house.order(await _external(house, key))
    await house.settle()
    again = await customer(house, key)
    assert (again["segment"], again["number"]) == ("activated", number)
    assert again["curve"] == found["curve"] + 1
    past = await customer(house, key, as_of=lit.isoformat())
    assert past["segment"] == "winning-back"


@pytest.mark.feature("C13")
async def test_the_monthly_report_reconciles_and_stays_as_it_was(house: House) -> None:
    await rhythm(house)
    month = f"{house.now:%Y-%m}"
    after = (house.now.replace(day=28) + timedelta(days=5)).replace(day=2)
    await house.live_until(after)

    report = await house.get("lifecycle", f"/v1/reports/{month}")
    lines = report["lines"]
    for figure in ("customers", "value"):
        flows = {name: line[figure] for name, line in lines.items()}
        assert _closing(flows, figure) == flows["closing"], flows
    entries = await house.items("lifecycle", f"/v1/reports/{month}/lines/closing")
    assert len(entries) == lines["closing"]["customers"]
    assert sum(entry["value"] for entry in entries) == lines["closing"]["value"]
    assert all(entry["owner"] for entry in entries)

    await rhythm(house)
    await house.live(40)
    assert await house.get("lifecycle", f"/v1/reports/{month}") == report
    assert await house.items("lifecycle", f"/v1/reports/{month}/lines/closing") == entries


def _closing(flows: dict[str, int], figure: str) -> int:
    """RULES: what the month opened with and what came and went."""
    kept = (
        flows["opening"] + flows["new"] + flows["reactivated"] - flows["lost"] - flows["released"]
    )
    if figure == "customers":
        return kept
    return kept + flows["risen"] - flows["fallen"] + flows["steady"] + flows["revaluation"]


@pytest.mark.feature("C1")
@pytest.mark.feature("S19")
async def test_the_past_is_shown_and_everything_explains_itself(house: House) -> None:
    key = await rhythm(house)
    serving = house.now
    score = await house.get("scoring", f"/v1/customers/{key}/score")
    await house.live(9)

    assert (await customer(house, key, as_of=serving.isoformat()))["segment"] == "serving"
    at = {"as_of": serving.isoformat()}
    past = await house.get("scoring", f"/v1/customers/{key}/score", query=at)
    assert past == score
    for service, path in (
        ("lifecycle", f"/v1/customers/{key}/explain"),
        ("scoring", f"/v1/customers/{key}/score/explain"),
    ):
        rows = (await house.get(service, path))["items"]
        assert all(row["receipt"]["policy"].startswith(f"{service}@") for row in rows)
        assert all(row["receipt"]["causes"] for row in rows)
    (alert,) = await house.items("notifications", "/v1/alerts", customer=key)
    why = await house.get("notifications", f"/v1/alerts/{alert['id']}/explain")
    lit = [one for one in await house.events("customers.v1", key) if one.type == RED_LIGHT]
    assert lit[0].id in why["items"][0]["receipt"]["causes"]
    early = await house.ask("GET", "notifications", f"/v1/alerts/{alert['id']}", query=at)
    assert early.status_code == 404, "it had not been raised by then"
    timeline = await house.items("lifecycle", f"/v1/customers/{key}/timeline")
    assert {row["topic"] for row in timeline} >= {"customers.v1", "orders.v1"}


async def _external(house: House, key: str) -> str:
    (lead, *_) = await house.events("leads.v1", key)
    return str(lead.data["external_id"])
