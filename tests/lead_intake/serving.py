"""What a test holds of the service over a real Postgres."""

from datetime import UTC, datetime, timedelta

import asyncpg
from perennial.kit.lanes import Door

from tests.lead_intake.client import Client

TABLES = (
    "entity", "part", "alias", "event", "outbox", "answer", "parked", "address_opened", "holding",
)  # fmt: skip
START = datetime(2026, 6, 1, tzinfo=UTC)


class Served:
    """One client of the service, the clock of its door, and its database."""

    def __init__(self, client: Client, door: Door, pool: asyncpg.Pool) -> None:
        self.client, self.door, self.pool = client, door, pool

    @property
    def now(self) -> datetime:
        assert self.door.ticked is not None
        return self.door.ticked

    def later(self, by: timedelta) -> None:
        """The clock moves; nobody fires timers here."""
        self.door.ticked = self.now + by
