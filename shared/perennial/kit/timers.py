"""The lane of due moments, and of facts set aside whose time has come."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from perennial.kit.door import Job
from perennial.kit.lanes import Door
from perennial.kit.waking import set_within

MOST = 2_000

_LOOK = """
    SELECT aside, subject, key
    FROM (SELECT EXISTS (SELECT FROM parked WHERE state IN ('waiting', 'barred', 'redrive'))
          AS aside) AS one
    LEFT JOIN (
        SELECT subject, key FROM entity WHERE due <= $1 AND NOT held
        ORDER BY due, subject, key LIMIT $2
    ) AS timers ON true
"""
"""One row at least: whether facts are set aside; and the timers that are due."""


_FIRST = "SELECT min(due) FROM entity WHERE NOT held"


async def fired_until(pool: Any, until: datetime) -> datetime:
    """Up to when everything has happened that happens by itself; `until` at most."""
    first: datetime | None = await pool.fetchval(_FIRST)
    return until if first is None or first > until else first - datetime.resolution


class Timers:
    """Looks whenever something may have become due, and now and then besides."""

    def __init__(
        self, door_: Door, pool: Any, set_aside: Callable[[datetime], Awaitable[int]]
    ) -> None:
        self._door = door_
        self._pool = pool
        self._set_aside = set_aside

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            self._door.changed.clear()
            if not await self.once():
                await set_within(self._door.changed, 0.25)

    async def once(self) -> int:
        """Fire what is due, release what was waited for; how much there was to do."""
        until = self._door.horizon()
        if until is None:
            return 0
        rows = await self._pool.fetch(_LOOK, until, MOST)
        self._door.aside = rows[0]["aside"]
        done = await self._set_aside(until) if self._door.aside else 0
        due = sorted((row["subject"], row["key"]) for row in rows if row["subject"])
        places = [place for place in due if not self._door.stands_still(place[1])]
        if places:
            await self._door.run(Job("timers", [], places, until))
        return done + len(places)
