"""When all the other tests are done: the topics make the schemas again, and the data outlive the system."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from perennial.contracts.platform import SERVICES
from perennial_cli.driving import Driver
from perennial_cli.topology import access
from perennial_embedded.state import Addresses
from perennial_embedded.system import System

from tests.e2e.house import PERENNIAL, House, fresh

UP_WITHIN = 90.0
BUSY = ("lead-intake", "scoring")
"""One that people wait for, and one that follows."""
PACE = 0.1
"""Seconds between a customer's orders."""


@pytest.mark.feature("P7")
@pytest.mark.parametrize("service", SERVICES)
async def test_a_schema_is_what_its_own_topics_make_of_it(house: House, service: str) -> None:
    await house.settle()
    told = await house.perennial("rebuild", service, "--check")
    assert told.code == 0, f"{told.text}{told.errors}"


@pytest.mark.feature("P7")
@pytest.mark.parametrize(
    ("service", "batch"),
    [("lead-intake", 3), ("lifecycle", 64), ("scoring", 1), ("notifications", 9_999)],
)
async def test_a_schema_made_anew_is_the_living_one(house: House, service: str, batch: int) -> None:
    await house.settle()
    told = await house.perennial("rebuild", service, "--batch", str(batch))
    assert told.code == 0, f"{told.text}{told.errors}"
    (found,) = told.rows
    assert found["compared"]["entity"] > 0


async def rows_in(house: House, query: str) -> list[Any]:
    connection = await asyncpg.connect(house.addresses.dsn("lead_intake_migrate"))
    try:
        return list(await connection.fetch(query))
    except asyncpg.UndefinedTableError:
        return []
    finally:
        await connection.close()


@asynccontextmanager
async def words_to_doors(house: House) -> AsyncIterator["asyncio.Queue[str]"]:
    """Who tells lead-intake's doors that what they keep in memory has changed."""
    words = asyncio.Queue[str]()
    connection = await asyncpg.connect(house.addresses.dsn("lead_intake"))
    try:
        await connection.add_listener("known_lead_intake", lambda *said: words.put_nowait(said[-1]))
        yield words
    finally:
        await connection.close()


@pytest.mark.feature("P7")
async def test_a_rebuild_that_was_killed_goes_on_where_it_stood_and_takes_over(
    house: House,
) -> None:
    await house.settle()
    (whole,) = await rows_in(house, "SELECT count(*) FROM lead_intake.event")
    home = str(house.system.stack.home.path)
    process = await asyncio.create_subprocess_exec(
        *(PERENNIAL, "rebuild", "lead-intake", "--batch", "1", "--home", home)
    )
    done = "SELECT key, ver, xmin::text FROM {}.event WHERE topic = 'leads.v1'"
    async with asyncio.timeout(UP_WITHIN):
        while not (before := await rows_in(house, done.format("lead_intake_rebuilt"))):
            assert process.returncode is None
    process.kill()
    await process.wait()
    assert len(before) < whole[0]

    told = await house.perennial("rebuild", "lead-intake", "--batch", "40", "--switch")
    assert told.code == 0, f"{told.text}{told.errors}"
    assert told.rows[-1]["switched"]
    assert set(before) <= set(await rows_in(house, done.format("lead_intake")))


@pytest.mark.feature("P7")
async def test_one_rebuild_at_a_time(house: House) -> None:
    connection = await asyncpg.connect(house.addresses.dsn("lead_intake_migrate"))
    try:
        await connection.execute(
            "SELECT pg_advisory_lock(hashtext('rebuild'), hashtext('lead_intake'))"
        )
        told = await house.perennial("rebuild", "lead-intake")
    finally:
        await connection.close()
    assert (told.code, "another rebuild" in told.errors) == (3, True), told.errors


@pytest.mark.feature("P7")
async def test_a_row_changed_by_hand_is_found_and_mended_only_by_force(house: House) -> None:
    await house.settle()
    changed = 'UPDATE lead_intake.entity SET state = state || \'{{"external_id": "{}"}}\''
    (key,) = await rows_in(
        house, f"{changed.format('nobody')} WHERE key = (SELECT min(key) FROM lead_intake.entity"
        " WHERE subject = 'customer' AND made <> '{}') RETURNING key"
    )  # fmt: skip
    told = await house.perennial("rebuild", "lead-intake", "--switch")
    assert told.code == 1
    (found,) = told.rows
    assert (found["differing"], found["switched"]) == (1, False)
    assert found["differences"][0]["key"] == f"customer {key[0]}"
    assert "nobody" in found["differences"][0]["table_says"]
    async with words_to_doors(house) as words:
        told = await house.perennial("rebuild", "lead-intake", "--switch", "--force")
        assert (told.code, told.rows[-1]["switched"]) == (0, True)
        assert await asyncio.wait_for(words.get(), UP_WITHIN) == "rebuild"
    said = "SELECT FROM {}.entity WHERE state->>'external_id' = 'nobody'"
    assert not await rows_in(house, said.format("lead_intake"))
    assert len(await rows_in(house, said.format("lead_intake_former"))) == 1


@pytest.mark.feature("P7")
async def test_tables_change_places_under_the_running_service(house: House) -> None:
    """Whoever asks meanwhile waits, is answered, and finds later what was promised."""
    stopping, placed = asyncio.Event(), []
    on_its_way = "('customer', 'on-its-way', 'nobody-yet', 'null')"
    await rows_in(house, f"INSERT INTO lead_intake.part VALUES {on_its_way}")

    async def customers() -> None:
        while not stopping.is_set():
            placed.append((await house.order(fresh("meanwhile")))["order_id"])
            await asyncio.sleep(PACE)

    ordering = asyncio.create_task(customers())
    for service in BUSY:
        told = await house.perennial("rebuild", service, "--switch")
        assert told.code == 0, f"{told.text}{told.errors}"
    stopping.set()
    await ordering
    there = "DELETE FROM lead_intake.part WHERE id = 'on-its-way' RETURNING state"
    assert [row[0] for row in await rows_in(house, there)] == ["null"]
    await house.settle()
    for order in placed:
        await house.get("lead-intake", f"/v1/orders/{order}")
    for service in BUSY:
        told = await house.perennial("rebuild", service, "--check")
        assert told.code == 0, f"{told.text}{told.errors}"
        assert not await rows_in(house, f"SELECT FROM {service.replace('-', '_')}_former.entity")


@pytest.mark.feature("P10")
@pytest.mark.feature("P2")
async def test_a_second_up_goes_on_where_the_first_ended(house: House) -> None:
    made = await house.order(fresh("stays"))
    await house.settle()
    customer = await house.get("lifecycle", f"/v1/customers/{made['customer_id']}")
    await house.system.stop()

    home = str(house.system.stack.home.path)
    process = await asyncio.create_subprocess_exec(
        *(PERENNIAL, "up", "--clock", "ticks", "--home", home),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), UP_WITHIN))
        assert ready["status"] == "ready"
        assert await house.get("lifecycle", f"/v1/customers/{made['customer_id']}") == customer
        again = await house.order(fresh("comes-after"))
        assert again["status"] == "accepted"
        assert (await house.perennial("down")).code == 0
        assert await asyncio.wait_for(process.wait(), UP_WITHIN) == 0
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def everything(addresses: Addresses) -> dict[str, set[str]]:
    """What the topics tell of all tables, row by row; how a default is spelt is left to `rebuild`."""
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        schema = service.replace("-", "_")
        connection = await asyncpg.connect(addresses.dsn(f"{schema}_migrate"))
        for table in ("part", "alias", "event", "archive", "counter"):
            rows = await connection.fetch(f"SELECT {table}::text FROM {schema}.{table}")
            found[f"{schema}.{table}"] = {row[0] for row in rows}
        keys = await connection.fetch(
            f"SELECT (subject, key, now, made)::text FROM {schema}.entity WHERE made <> '{{}}'"
        )
        found[f"{schema}.entity"] = {row[0] for row in keys}
        await connection.close()
    return found


@pytest.mark.feature("P7")
@pytest.mark.feature("P2")
async def test_a_lost_database_comes_back_from_the_topics(house: House) -> None:
    """The last of all: every table is gone, the log is there. Nothing is decided anew."""
    home = house.system.stack.home
    async with System(home.path, access(), clock="ticks") as system:
        async with Driver(system.addresses) as driver:
            await driver.settle()
        before = await everything(system.addresses)
    shutil.rmtree(home.postgres)
    async with System(home.path, access(), clock="ticks") as system:
        async with Driver(system.addresses) as driver:
            await driver.settle()
        assert await everything(system.addresses) == before
        order = house.body(fresh("after-all"))
        answer = await house.ask("POST", "lead-intake", "/v1/orders", order)
        assert answer.status_code == 201, answer.text
        async with Driver(system.addresses) as driver:
            await driver.settle()
        for service in BUSY:
            told = await house.perennial("rebuild", service)
            assert told.code == 0, f"{told.text}{told.errors}"
        lost = await house.perennial("whatif")
        assert (lost.code, "lost its database" in lost.errors) == (1, True), lost.errors
