"""The whole system, once for all tests here: they meet it as its users do."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from perennial_cli.driving import Driver
from perennial_cli.rest import Services
from perennial_cli.starting_set import register_if_empty
from perennial_cli.topology import access
from perennial_embedded.system import System

from tests.e2e.house import START, House
from tests.notifications.mailbox import mail_server

HERE = Path(__file__).parent
FIRST, LAST = "test_chaos", "test_afterwards"
"""Chaos has a machine to itself as far as it can; the whole is looked at when all is done."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    ordered = sorted(ours, key=lambda item: (item.path.stem != FIRST, item.path.stem == LAST))
    places = [n for n, item in enumerate(items) if item in set(ours)]
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house() -> AsyncIterator[House]:
    """In a folder that Postgres' own user may enter. Webhooks and letters may go to this machine."""
    os.environ["PERENNIAL_ALLOW_PRIVATE_ENDPOINTS"] = "true"
    async with mail_server() as box:
        mail = {"HOST": "127.0.0.1", "PORT": str(box.port), "SECURITY": "none"}
        os.environ |= {f"PERENNIAL_SMTP_{name}": value for name, value in mail.items()}
        async with _running() as (system, driver, http):
            yield House(system, driver, http, box)


@asynccontextmanager
async def _running() -> AsyncIterator[tuple[System, Driver, httpx.AsyncClient]]:
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        async with (
            System(Path(made) / "home", access(), clock="ticks") as system,
            Driver(system.addresses) as driver,
            httpx.AsyncClient(timeout=30) as http,
        ):
            await driver.tick(START)
            await driver.settle()
            with Services(system.addresses, "admin") as services:
                await asyncio.to_thread(register_if_empty, services)
            await driver.settle()
            yield system, driver, http
