"""A partner's order that a person mends: it is foretold whose it will be, and nothing is left of asking."""

from typing import Any

import msgspec
import pytest
from lead_intake.domain.identity import order_id, party_id
from lead_intake.main import SERVICE
from perennial.contracts.orders import OrderPaid
from perennial.contracts.partner import DEMO, PlaceOrder, RecordPayment
from perennial.kit.batch import Record
from perennial.kit.door import Job
from perennial.kit.ingest import receive
from perennial.kit.lanes import Door, at_the_edge
from perennial.kit.parking import Parking, Which
from perennial.kit.personal import PersonalKeys
from perennial.kit.postgres import Postgres, key_table
from perennial.kit.rerun import Rerun, steps_of
from perennial.kit.worlds import Worlds

from tests.lead_intake.serving import START, Served

pytestmark = [pytest.mark.stack, pytest.mark.feature("P3")]
SOURCE = DEMO.writer.removeprefix("partner.")


class Desk:
    """The service's door for a partner's records, and what is parked there."""

    def __init__(self, served: Served) -> None:
        self.pool = served.pool
        personal = PersonalKeys(bytes(32), key_table(served.pool))
        self.door = Door(SERVICE, Postgres(served.pool), Worlds(SERVICE, {}), True, personal)
        self.door.ticked = START
        self.parking = Parking(self.door, served.pool)
        self.log: list[Record] = []
        self._offset = 0

    async def heard(self, said: dict[str, Any], kind: str = PlaceOrder.TYPE) -> None:
        told = {"specversion": "1.0", "id": f"e{self._offset}", "source": "s", "type": kind}
        headers = tuple((f"ce_{name}", text.encode()) for name, text in told.items())
        record = Record(DEMO.name, 0, self._offset, b"any", msgspec.json.encode(said), headers)
        self.log.append(record)
        self._offset += 1
        item = await at_the_edge(self.door, receive(SERVICE, record, START))
        await self.door.run(Job("records", [item]))

    async def foretold(self, said: dict[str, Any]) -> Any:
        number = (await self.parking.listed(["parked"], Which(), 0, 9))[0]["id"]
        return await self.parking.edit(number, msgspec.json.encode(said), "ada", "a slip")

    async def again(self) -> set[str]:
        """Ids of all events that the recorded life makes when it runs once more."""
        rows = await self.pool.fetch("SELECT seq, at, lane, knew, page FROM journal ORDER BY seq")
        run = Rerun(SERVICE, lambda _topic, _part, off, _: receive(SERVICE, self.log[off], START))
        return {one.id for step in steps_of(rows) for one in run.take(step)}

    async def holder(self, order: str) -> str:
        await self.parking.redrive(Which(reason=" "), 9, "ada", "")
        await self.parking.release(START)
        query = "SELECT key FROM part WHERE id = $1"
        found: str = await self.pool.fetchval(query, order_id(SOURCE, order))
        return found


@pytest.fixture
async def desk(served: Served) -> Desk:
    await served.pool.execute("DELETE FROM position")
    await served.pool.execute("DELETE FROM party_key")
    await served.pool.execute("DELETE FROM journal")
    await served.pool.execute("INSERT INTO position VALUES ($1, 0, 0, 0)", DEMO.name)
    return Desk(served)


def order(number: str, customer: str, **otherwise: Any) -> dict[str, Any]:
    said = {"order": number, "customer": customer, "placed_at": "2026-05-01T09:00:00Z"}
    return {**said, "currency": "USD", "total": 1} | otherwise


async def test_an_order_goes_to_whom_it_was_foretold(desk: Desk) -> None:
    anns = {"person": {"email": "ann@firm.test"}}
    await desk.heard(order("o1", "ann", total="much", **anns))

    told = await desk.foretold(order("o1", "bob", **anns))

    assert (told.was.key, told.will_be.key) == (party_id(SOURCE, "ann"), party_id(SOURCE, "bob"))
    assert party_id(SOURCE, "ann") in told.warning
    assert await desk.pool.fetchval("SELECT count(*) FROM party_key") == 0
    assert await desk.holder("o1") == told.will_be.key


async def test_a_mended_order_goes_to_whoever_is_known_by_its_address(desk: Desk) -> None:
    anns = {"person": {"email": "ann@firm.test"}}
    await desk.heard(order("o1", "ann", **anns))
    await desk.heard(order("o2", "ann-2", total="much", **anns))

    told = await desk.foretold(order("o2", "ann-2", **anns))

    assert told.warning == ""
    assert told.will_be.key == party_id(SOURCE, "ann")
    assert await desk.holder("o2") == told.will_be.key


def payment(order: str, customer: str) -> dict[str, Any]:
    said = {"payment": "p1", "order": order, "customer": customer, "amount": 1}
    return {**said, "currency": "USD", "paid_at": "2026-05-01T09:30:00Z"}


async def test_a_payment_goes_with_the_order_that_its_mended_words_name(desk: Desk) -> None:
    for number, customer in (("o1", "ann"), ("o2", "bob")):
        await desk.heard(order(number, customer, paid=False))
    await desk.heard(payment("o1", "bob"), RecordPayment.TYPE)
    (row,) = await desk.parking.listed(["parked"], Which(), 0, 9)
    assert "customer-differs" in row["reason"]

    said = msgspec.json.decode(row["raw"])
    said["said"]["order"] = "o2"
    told = await desk.foretold(said)
    assert told.will_be.key == party_id(SOURCE, "bob")
    assert order_id(SOURCE, "o2") in told.warning
    await desk.parking.redrive(Which(), 9, "ada", "")
    await desk.parking.release(START)

    paid = "SELECT key, data::jsonb->>'order_id' FROM event WHERE type = $1"
    assert [tuple(one) for one in await desk.pool.fetch(paid, OrderPaid.TYPE)] == [
        (party_id(SOURCE, "bob"), order_id(SOURCE, "o2"))
    ]
    assert await desk.again() == {
        row["id"] for row in await desk.pool.fetch("SELECT id FROM event")
    }


async def test_what_was_no_text_is_shown_as_far_as_it_is(desk: Desk) -> None:
    await desk.heard(order("o1", "ann", total="much"))
    await desk.pool.execute("UPDATE parked SET raw = raw || '\\xff'::bytea")
    (row,) = await desk.parking.listed(["parked"], Which(), 0, 9)
    await desk.parking.edit(row["id"], msgspec.json.encode(order("o1", "ann")), "ada", "")
    shown = await desk.parking.one(row["id"])
    assert shown is not None
    assert shown["history"][0]["before"].endswith("\ufffd")
