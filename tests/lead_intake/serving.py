"""What a test holds of the service over a real Postgres."""

from datetime import UTC, datetime, timedelta

import asyncpg
from lead_intake.domain.world import World
from perennial.kit.lanes import Door, Requests

from tests.lead_intake.client import Client

TABLES = (
    "entity", "part", "alias", "event", "outbox", "answer", "parked", "address_opened", "holding", "lead",
)  # fmt: skip
START = datetime(2026, 6, 1, tzinfo=UTC)


class Served:
    """One client of the service, the clock of its door, and its database."""

    def __init__(self, client: Client, door: Door, pool: asyncpg.Pool, asks: Requests) -> None:
        self.client, self.door, self.pool, self.asks = client, door, pool, asks

    def world(self) -> World:
        """As jobs see it, who are given this in place of the running service; likewise below."""
        found: World = self.door.worlds.at(self.now())
        return found

    def now(self) -> datetime:
        assert self.door.ticked is not None
        return self.door.ticked

    def later(self, by: timedelta) -> None:
        """The clock moves; nobody fires timers here."""
        self.door.ticked = self.now() + by
