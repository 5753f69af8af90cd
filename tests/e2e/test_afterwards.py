"""When all the other tests are done: the topics make the schemas again, and the data outlive the system."""

import asyncio
import json

import pytest
from perennial.contracts.platform import SERVICES

from tests.e2e.house import PERENNIAL, House, fresh

UP_WITHIN = 90.0


@pytest.mark.feature("P7")
@pytest.mark.parametrize("service", SERVICES)
async def test_a_schema_is_what_its_own_topics_make_of_it(house: House, service: str) -> None:
    await house.settle()
    told = await house.perennial("rebuild", service, "--check")
    assert told.code == 0, f"{told.text}{told.errors}"


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
