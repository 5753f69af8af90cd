"""A partner's order that a person mends: it is foretold whose it will be, and nothing is left of asking."""

from typing import Any

import msgspec
import pytest
from lead_intake.domain.identity import order_id, party_id
from lead_intake.main import SERVICE
from perennial.contracts.partner import DEMO, PlaceOrder
from perennial.kit.batch import Record
from perennial.kit.door import Job
from perennial.kit.ingest import receive
from perennial.kit.lanes import Door, at_the_edge
from perennial.kit.parking import Parking, Which
from perennial.kit.personal import PersonalKeys
from perennial.kit.postgres import Postgres, key_table
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
        self._offset = 0

    async def heard(self, said: dict[str, Any]) -> None:
        told = {
            "specversion": "1.0",
            "id": f"e{self._offset}",
            "source": "s",
            "type": PlaceOrder.TYPE,
        }
        headers = tuple((f"ce_{name}", text.encode()) for name, text in told.items())
        record = Record(DEMO.name, 0, self._offset, b"any", msgspec.json.encode(said), headers)
        self._offset += 1
        item = await at_the_edge(self.door, receive(SERVICE, record, START))
        await self.door.run(Job("records", [item]))

    async def foretold(self, said: dict[str, Any]) -> Any:
        number = (await self.parking.listed(["parked"], Which(), 0, 9))[0]["id"]
        return await self.parking.edit(number, msgspec.json.encode(said), "ada", "a slip")

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
