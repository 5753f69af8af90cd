"""Wakes the tasks of this process after a commit; a slow look stands behind, for other processes."""

import asyncio

from perennial.kit.waking import set_within


class Bell:
    """Rung by whoever leaves work, waited for by those who do it."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    def next_ring(self) -> asyncio.Event:
        """Take it before looking for work: a ring while looking is then not missed."""
        return self._rung


async def rung_within(ring: asyncio.Event, seconds: float) -> None:
    """Until it rings, or the time is over; both mean: look again."""
    await set_within(ring, seconds)
