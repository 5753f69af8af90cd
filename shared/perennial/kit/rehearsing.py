"""A job's work done anew in a run in memory, where it works under a policy that was not in force.

The job is the living one. What it asks for waits for its turn: between two of its wishes other batches
were committed, and they are to lie between them here too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perennial.kit.ask import Answer, Ask
from perennial.kit.batch import Entity, EntityId
from perennial.kit.worlds import Worlds


@dataclass
class Rehearsing:
    """Stands in for the running service: states as the run has them, wishes folded at their turn."""

    entities: Mapping[EntityId, Entity]
    concerned: Mapping[str, Entity]
    """Subjects with something to do, by key."""
    recorded: Sequence[Any]
    """What the live job asked for at this moment."""
    moment: datetime
    worlds: Callable[[], Worlds]
    fold: Callable[[list[Ask], datetime], list[Answer]]
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    _asks: asyncio.Event = field(default_factory=asyncio.Event)
    _work: "asyncio.Future[int] | None" = None

    @property
    def asks(self) -> "Rehearsing":
        return self

    async def ask(self, ask: Ask) -> Answer:
        """See `ask.Asks`."""
        return (await self.ask_all([ask]))[0]

    async def ask_all(self, asks: list[Ask]) -> list[Answer]:
        """See `ask.Asks`; folded once it is our turn."""
        self._asks.set()
        await self._turns.acquire()
        return self.fold(asks, self.moment)

    def now(self) -> datetime:
        return self.moment

    def world(self) -> Any:
        """The world as the rules see it then."""
        return self.worlds().at(self.moment)

    @property
    def over(self) -> bool:
        return self._work is not None and self._work.done()

    async def begin(self, job: Callable[[Any], Awaitable[int]]) -> None:
        """Let it look, up to its first wish."""
        self._work = asyncio.ensure_future(job(self))
        await self._until_it_asks()

    async def turn(self) -> None:
        """Fold what it asks for, and let it go on to its next wish."""
        if not self.over:
            self._asks.clear()
            self._turns.release()
            await self._until_it_asks()

    async def finish(self) -> int:
        """All its turns at once; how much it asked for."""
        while not self.over:
            await self.turn()
        assert self._work is not None
        return self._work.result()

    async def _until_it_asks(self) -> None:
        assert self._work is not None
        asks = asyncio.ensure_future(self._asks.wait())
        waits: set[asyncio.Future[Any]] = {asks, self._work}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        asks.cancel()
