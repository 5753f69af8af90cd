"""Connections for long work beside the living service: unhurried, and out of its pool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

_UNHURRIED = {"transaction_timeout": "0", "idle_in_transaction_session_timeout": "0"}


@asynccontextmanager
async def connected(url: str, schema: str = "") -> AsyncIterator[Any]:
    """In that schema, or the role's own."""
    path = {"search_path": schema} if schema else {}
    connection = await asyncpg.connect(url, server_settings={**_UNHURRIED, **path})
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def snapshot(url: str, schema: str = "") -> AsyncIterator[Any]:
    """A read-only view of one moment."""
    async with (
        connected(url, schema) as base,
        base.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield base
