"""On call: what could not be applied, what follows from what, how far behind, what passes by."""

from pathlib import Path

import pytest
from perennial.contracts.partner import DEMO, RecordPayment
from perennial.contracts.platform import SERVICES
from perennial.kit.kafka import Message

from tests.e2e.house import House, Told, fresh, message, placed
from tests.e2e.test_vein import rhythm, silent


@pytest.mark.feature("P3")
@pytest.mark.feature("I17")
async def test_poison_is_parked_and_the_partition_goes_on(house: House) -> None:
    who = fresh("after-poison")
    good = placed(who, house.now)
    whole = message(1, good, id=fresh("event"), key=who)
    poison = [
        Message(0, DEMO.name, who, b"\xff\xfe not JSON", whole.headers),
        Message(1, DEMO.name, who, whole.value, []),
        Message(2, DEMO.name, who, b'{"order": 7}', whole.headers),
        Message(3, DEMO.name, who, whole.value, [*whole.headers[:2], ("ce_type", b"x.y.z")]),
        message(4, good, id=fresh("event"), key=who),
    ]
    before, copied = await parked(house), await copies(house)

    await house.publish(poison)
    await house.settle()

    found = [one for one in await parked(house) if one not in before]
    assert len(found) == 4
    order = await house.get("lead-intake", f"/v1/orders/{good.order}", query={"source": "demo"})
    assert order["status"] == "paid"
    assert await copies(house) - copied == 4
    shown = await house.perennial("rejected", "show", found[0])
    assert shown.rows[0]["reason"]

    assert (await house.perennial("rejected", "redrive", *found, "--yes")).code == 1
    unsaid = await house.ask("POST", "lifecycle", "/v1/parked:discard", {"which": {"ids": [1]}})
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "reason-missing")
    gone = await house.perennial("rejected", "discard", *found, "--yes", "--note", "test poison")
    assert gone.code == 0, gone.errors
    assert await parked(house) == before


@pytest.mark.feature("P3")
async def test_a_partner_sees_why_and_a_mended_copy_is_folded(house: House, tmp_path: Path) -> None:
    who = fresh("mended")
    good = placed(who, house.now)
    whole = message(0, good, id=fresh("event"), key=who)
    wrong = whole.value.replace(b"10000", b'"much"')
    await house.publish([Message(0, DEMO.name, who, wrong, whole.headers)])
    await house.settle()

    path = "/v1/partners/me/rejections"
    (seen,) = [
        one
        for one in await house.items("lead-intake", path, role="partner", client="demo")
        if one["id"] == dict(whole.headers)["ce_id"].decode() or "total" in one["detail"]
    ]
    assert "/total" in seen["detail"]
    assert await house.items("lead-intake", path, role="partner", client="other-shop") == []

    mended = tmp_path / "mended.json"
    mended.write_bytes(whole.value)
    fact = f"lead-intake/{seen['number']}"
    refused = tmp_path / "refused.json"
    refused.write_bytes(wrong.replace(b"much", b"more"))
    words = ("rejected", "edit", fact, "--note", "a slip", "--file")
    assert (await house.perennial(*words, str(refused))).code == 1
    anothers = tmp_path / "anothers.json"
    anothers.write_bytes(whole.value.replace(who.encode(), fresh("another").encode()))
    asked = await house.perennial(*words, str(anothers))
    assert (asked.code, "--yes" in asked.errors) == (1, True)
    kept = await house.perennial(*words, str(mended))
    assert (kept.code, kept.rows[0]["warning"]) == (0, "")
    assert kept.rows[0]["will_be"] == kept.rows[0]["was"]
    told = await house.perennial("rejected", "redrive", fact, "--yes")
    assert [(row["facts"], row["parked_again"]) for row in told.rows] == [(1, 0)]

    order = await house.get("lead-intake", f"/v1/orders/{good.order}", query={"source": "demo"})
    assert order["status"] == "paid"
    (shown,) = (await house.perennial("rejected", "show", fact)).rows
    assert [one["verb"] for one in shown["history"]] == ["edit", "redrive"]
    assert "much" in shown["raw"]


@pytest.mark.feature("I17")
async def test_a_partner_sees_at_once_that_its_currency_is_none(house: House) -> None:
    wrong, event = placed(fresh("typo"), house.now, currency="UDS"), fresh("event")
    await house.publish([message(0, wrong, id=event, key=wrong.customer)])
    await house.settle()

    path = "/v1/partners/me/rejections"
    rows = await house.items("lead-intake", path, role="partner", client="demo")
    (seen,) = [one for one in rows if one["id"] == event]
    assert (seen["state"], seen["code"]) == ("parked", "currency-unknown")
    assert (seen["pointer"], "waits_for" in seen) == ("/currency", False)
    assert "UDS is no currency of ISO 4217: correct the code" in seen["detail"]
    fact = f"lead-intake/{seen['number']}"
    gone = await house.perennial("rejected", "discard", fact, "--yes", "--note", "mistyped")
    assert gone.code == 0, gone.errors


@pytest.mark.feature("P3")
async def test_a_payment_that_waited_in_vain_is_redriven_when_its_order_came(house: House) -> None:
    order = placed(fresh("late"), house.now, paid=False)
    payment = RecordPayment(
        payment=fresh("p"), order=order.order, paid_at=house.now, amount=100_00, currency="USD"
    )
    await house.publish([message(0, payment, id=fresh("event"), key=order.customer)])
    await house.settle()
    await house.live(31)
    listed = await house.perennial("rejected", "list", "--reason", "never known")
    assert listed.code == 1
    *facts, closing = listed.rows
    (fact,) = [one["fact"] for one in facts]
    assert closing == {"facts": 1, "parked": 1, "waiting": 0, "listed": 1}

    await house.publish([message(0, order, id=fresh("event"), key=order.customer)])
    await house.settle()
    told = await house.perennial("rejected", "redrive", fact, "--yes", "--note", "it has come")

    assert told.code == 0, told.text
    await house.settle()
    found = await house.get("lead-intake", f"/v1/orders/{order.order}", query={"source": "demo"})
    assert (found["status"], found["received"]) == ("paid", 100_00)


@pytest.mark.feature("P4")
async def test_a_cause_is_traced_across_all_topics(house: House) -> None:
    key = await silent(house)

    traced = await house.perennial("trace", key)
    topics = {row["topic"] for row in traced.rows}
    assert topics >= {"leads.v1", "orders.v1", "scores.v1", "customers.v1", "alerts.v1"}
    alert = next(row for row in traced.rows if row["type"].endswith("alert.raised.v1"))
    causes = {row["id"]: row for row in traced.rows}
    assert causes[alert["causation"]]["type"].endswith("red-light-lit.v1")
    by_cause = await house.perennial("trace", alert["correlation"])
    assert alert["id"] in {row["id"] for row in by_cause.rows}


@pytest.mark.feature("P4")
async def test_topics_are_looked_at_and_lag_is_told(house: House) -> None:
    key = await rhythm(house)

    seen = await house.perennial("tail", "orders", "--key", key, "--from-beginning")
    assert [row["ver"] for row in seen.rows] == [1, 2, 3, 4]
    assert all(row["data"]["customer_id"] == key for row in seen.rows)
    some = await house.perennial("tail", "--type", "order.placed", "--key", key, "-n", "2")
    assert len(some.rows) == 2
    lag = await house.perennial("lag")
    behind = {(row["service"], row["topic"]): row for row in lag.rows if "topic" in row}
    assert set(SERVICES) == {service for service, _ in behind}
    hands = [row for row in lag.rows if "in_hand" in row]
    assert [row["in_hand"] for row in hands] == [0, 0, 0, 0]


@pytest.mark.feature("P10")
@pytest.mark.feature("P4")
async def test_the_doctor_finds_a_healthy_system(house: House) -> None:
    status = await house.perennial("status")
    assert {row["process"] for row in status.rows} >= {f"{name}-door" for name in SERVICES}
    found = (await house.perennial("doctor")).rows
    assert [row for row in found if row["verdict"] == "fail"] == []


async def parked(house: House) -> list[str]:
    told: Told = await house.perennial("rejected", "list")
    return sorted(one["fact"] for one in told.rows if one.get("state") == "parked")


async def copies(house: House) -> int:
    """How many copies of parked facts stand on the reject topic."""
    told = await house.perennial("tail", "lead-intake.rejected", "--from-beginning")
    return len(told.rows)
