"""Orders through every door: REST, bulk, import, partners' topics and HTTP; in any order, any number of times."""

import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from perennial.contracts.partner import (
    DEMO,
    CancelOrder,
    PlaceOrder,
    RecordPayment,
    RecordReturn,
)
from perennial.kit.kafka import Message

from tests.e2e.house import DAY, House, fresh, message, placed


@pytest.mark.feature("C2")
@pytest.mark.feature("C5")
async def test_a_paid_order_activates_a_party(house: House) -> None:
    made = await house.order(fresh("kim"))
    await house.settle()

    customer = await house.get("lifecycle", f"/v1/customers/{made['customer_id']}")
    assert customer["segment"] == "activated"
    assert customer["number"].startswith("C-2026-")
    assert len(set(customer["watchers"])) >= 2
    assert customer["owner"] in customer["watchers"]
    why = await house.get("lifecycle", f"/v1/customers/{made['customer_id']}/explain")
    activated = next(one for one in why["items"] if one["type"].endswith("activated.v1"))
    assert activated["data"].get("tier", "silver") == "silver", "a default, so it isn't spelt out"
    assert activated["receipt"]["policy"].startswith("lifecycle@")


@pytest.mark.feature("I17")
async def test_a_partner_publishes_in_binary_and_structured_mode(house: House) -> None:
    binary, structured = placed(fresh("bo"), house.now), placed(fresh("su"), house.now)
    envelope = {
        "specversion": "1.0",
        "id": fresh("event"),
        "source": "shop",
        "type": PlaceOrder.TYPE,
        "data": _plain(structured),
    }
    headers = [("content-type", b"application/cloudevents+json")]
    whole = Message(1, DEMO.name, structured.customer, json.dumps(envelope).encode(), headers)
    await house.publish([message(0, binary, id=fresh("event"), key=binary.customer), whole])
    await house.settle()

    for order in (binary, structured):
        found = await _order(house, order.order, "demo")
        assert (found["status"], found["total"]) == ("paid", 100_00)
        assert (await _customer(house, found))["segment"] == "activated"


@pytest.mark.feature("I17")
async def test_a_partner_posts_events_and_sees_its_rejections(house: House) -> None:
    shop, order = fresh("posting-shop"), placed(fresh("ann"), house.now)
    event = {"specversion": "1.0", "id": fresh("event"), "source": shop, "type": PlaceOrder.TYPE}
    wrong = {**event, "id": fresh("event"), "data": {**_plain(order), "total": "much"}}
    batch = [{**event, "data": _plain(order)}, wrong, {**event, "data": _plain(order)}]

    answer = await house.ask(
        "POST",
        "lead-intake",
        "/v1/events",
        batch,
        role="partner",
        client=shop,
        content_type="application/cloudevents-batch+json",
    )

    results = answer.json()
    assert [one["status"] for one in results] == ["accepted", "rejected", "duplicate"]
    assert results[1]["error"]["pointer"] == "/total"


@pytest.mark.feature("I1")
async def test_one_bad_row_does_not_reject_the_good_ones(house: House) -> None:
    rows = [house.body(fresh("bulk"), source="bulk-shop") for _ in range(40)]
    rows[17] = {**rows[17], "placed_at": "yesterday"}
    lines = "\n".join(json.dumps(row, default=str) for row in rows).encode()

    results = await _bulk(house, lines)

    assert [one["status"] for one in results].count("accepted") == 39
    assert results[17]["status"] == "rejected"
    assert results[17]["error"]["pointer"] == "/placed_at"


@pytest.mark.feature("I1")
async def test_a_nasty_export_comes_in_by_the_command_line(house: House, tmp_path: Path) -> None:
    export, mapping = tmp_path / "export.csv", tmp_path / "mapping.yaml"
    text = (
        'Kunde;Nr;Datum;Betrag;Bezahlt\r\n"Müller; Söhne";N-1;31.12.2025;1.234,50 €;ja\r\n'
        "Jürgen;N-2;02.01.2026;7,00;ja\r\n;N-3;02.01.2026;7,00;ja\r\nJürgen;N-4;32.01.2026;7,00;ja\r\n"
    )
    export.write_bytes(text.encode("cp1252"))
    mapping.write_text(
        "source: nasty\ncustomer: Kunde\norder: Nr\ndate: Datum\namount: Betrag\ncurrency: USD\n"
        "paid_column: Bezahlt\npaid_values: [ja]\ndate_formats: ['%d.%m.%Y']\n"
    )
    report = tmp_path / "report.ndjson"
    words = ("import", "orders", str(export), "--mapping", str(mapping), "--report", str(report))

    first = await house.perennial(*words)
    again = await house.perennial(*words[:-1], str(tmp_path / "again.ndjson"))

    assert first.code == 1, first.errors
    assert (first.rows[0]["accepted"], first.rows[0]["rejected"]) == (2, 2)
    assert again.rows[0].get("accepted", 0) == 0
    words_on_rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert {word["row"] for word in words_on_rows if word["status"] == "rejected"} == {4, 5}
    assert (await _order(house, "N-1", "nasty"))["total"] == 1234_50


@pytest.mark.feature("I17")
async def test_payments_returns_and_cancellations_may_come_first(house: House) -> None:
    paid, void = fresh("E"), fresh("E")
    who, at = fresh("early"), house.now
    later: list[Any] = [
        RecordPayment(payment=fresh("p"), order=paid, paid_at=at, amount=60_00, currency="USD"),
        RecordReturn(return_=fresh("r"), order=paid, returned_at=at, amount=40_00),
        CancelOrder(order=void, cancelled_at=at),
    ]
    orders = [placed(who, at, order=name, paid=False) for name in (paid, void)]
    for fact in later:
        await house.publish([message(0, fact, id=fresh("event"), key=who)])
        await house.settle()
    told = await house.get("lead-intake", "/v1/parked?state=waiting", role="oncall")
    waiting = told["items"]

    await house.publish(
        [message(n, one, id=fresh("event"), key=who) for n, one in enumerate(orders)]
    )
    await house.settle()

    first, second = await _order(house, paid, "demo"), await _order(house, void, "demo")
    assert (first["received"], first["returned"], first["status"]) == (60_00, 40_00, "paid")
    assert (second["status"], second.get("revenue", 0)) == ("cancelled", 0)
    names = {f"order:{one['order_id']}" for one in (first, second)}
    assert names <= {one["waits_for"] for one in waiting}


@pytest.mark.feature("P2")
async def test_the_same_facts_twice_change_nothing(house: House) -> None:
    who, order = fresh("twice"), placed(fresh("twice"), house.now, paid=False)
    payment = RecordPayment(
        payment=fresh("p"), order=order.order, paid_at=house.now, amount=100_00, currency="USD"
    )
    facts = [(fresh("event"), order), (fresh("event"), payment)]
    sent = [message(n, fact, id=id_, key=who) for n, (id_, fact) in enumerate(facts)]
    renamed = [message(n, fact, id=fresh("event"), key=who) for n, (_, fact) in enumerate(facts)]

    await house.publish(sent)
    await house.settle()
    found = await _order(house, order.order, "demo")
    before = await house.events("orders.v1", found["customer_id"])
    for again in (sent, renamed):
        await house.publish(again)
        await house.settle()

    assert [one.id for one in await house.events("orders.v1", found["customer_id"])] == [
        one.id for one in before
    ]
    assert len(before) == 2
    assert await _order(house, order.order, "demo") == found


@pytest.mark.feature("S4")
async def test_shuffled_and_sorted_arrival_give_equal_numbers(house: House) -> None:
    """Two sources tell the same story, one of them in disorder: the numbers are equal."""
    tidy, untidy = fresh("sorted"), fresh("shuffled")
    rows = _story(house)
    shuffled = Random(7).sample(rows, len(rows))

    for source, told in ((tidy, rows), (untidy, shuffled)):
        lines = b"\n".join(msgspec.json.encode({**row, "source": source}) for row in told)
        assert {one["status"] for one in await _bulk(house, lines)} <= {"accepted", "waiting"}
    await house.settle()

    expected = await _scores(house, tidy)
    assert await _scores(house, untidy) == expected
    assert {score["orders"] for score in expected.values()} == {5}
    assert {score["revenue"] for score in expected.values()} == {145_00}


def _story(house: House) -> list[dict[str, Any]]:
    """Three customers: five orders each, one paid later, one partly returned; in order of time."""
    rows = []
    for who in ("a", "b", "c"):
        for n in range(5):
            at, cost = house.now - (60 - 9 * n) * DAY, 10_00 * (n + 1)
            order = house.body(who, order=f"{who}{n}", placed_at=at, total=cost, paid=n != 3)
            rows.append({**order, "type": "order"})
        paid = {"payment": f"{who}p", "order": f"{who}3", "paid_at": house.now - 20 * DAY}
        rows.append({**paid, "type": "payment", "amount": 40_00, "currency": "USD"})
        back = {"return": f"{who}r", "order": f"{who}1", "returned_at": house.now - 19 * DAY}
        rows.append({**back, "type": "return", "amount": 5_00})
    return rows


async def _scores(house: House, source: str) -> dict[str, Any]:
    """By external id, without what names the customer itself."""
    found = {}
    for who in ("a", "b", "c"):
        order = await _order(house, f"{who}0", source)
        score = await house.get("scoring", f"/v1/customers/{order['customer_id']}/score")
        found[who] = {name: value for name, value in score.items() if name != "customer_id"}
    return found


async def _bulk(house: House, lines: bytes) -> list[Any]:
    answer = await house.ask(
        "POST", "lead-intake", "/v1/orders:bulk", lines, content_type="application/x-ndjson"
    )
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


async def _order(house: House, number: str, source: str) -> dict[str, Any]:
    found: dict[str, Any] = await house.get(
        "lead-intake", f"/v1/orders/{number}", query={"source": source}
    )
    return found


async def _customer(house: House, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await house.get("lifecycle", f"/v1/customers/{order['customer_id']}")
    return found


def _plain(order: PlaceOrder) -> dict[str, Any]:
    return {
        "order": order.order,
        "customer": order.customer,
        "placed_at": order.placed_at.isoformat(),
        "currency": order.currency,
        "total": order.total,
        "paid": order.paid,
    }
