"""A job's work done anew in a run in memory, where it works under a policy that was not in force.

The job is the living one. What it asks for waits for its turn: between two of its wishes other batches
were committed, and they are to lie between them here too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perennial.kit.ask import Answer, Ask
from perennial.kit.batch import Entity, EntityId
from perennial.kit.journal import Entry, Said
from perennial.kit.rerun import Remembered
from perennial.kit.subject import Service
from perennial.kit.worlds import Worlds

PASSES = 50


@dataclass
class Rehearsing:
    """Stands in for the running service: states as the run has them, wishes folded at their turn."""

    entities: Mapping[EntityId, Entity]
    concerned: Mapping[str, Entity]
    """Subjects with something to do, by key."""
    past: Callable[[type], Sequence[Remembered]]
    """What was told of one kind, in the order in which it was folded."""
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


Stage = Callable[[Sequence[Any], datetime], Rehearsing]
"""(what the live job asked for, moment) → what our job sees of the running service."""


class Rehearsals:
    """The jobs of one service that are done anew in a run: which wishes are whose, and whose turn it is."""

    def __init__(self, service: Service, rehearses: bool) -> None:
        known = service.rehearsal.jobs if rehearses and service.rehearsal is not None else ()
        self._service = service
        self._jobs = [one.job() for one in known]
        self._at_work: list[Rehearsing | None] = [None for _ in known]
        self._kinds = {
            str(getattr(kind, "TYPE", kind.__name__)): number
            for number, one in enumerate(known)
            for kind in one.wishes
        }
        self.all = frozenset(range(len(known)))

    def whose(self, entry: Entry) -> int | None:
        """The job that sent this wish live; none, if it was nobody's that is done anew."""
        if not isinstance(entry, Said) or entry.principal != self._service.name:
            return None
        return self._kinds.get(entry.type)

    async def turn(self, recorded: Sequence[Said], stage: Stage) -> None:
        """The live jobs asked for something here: so do ours, whatever it comes to."""
        decoders = self._service.decoders
        for number in sorted({self._kinds[one.type] for one in recorded}):
            running = self._at_work[number]
            if running is None or running.over:
                mine = [one for one in recorded if self._kinds[one.type] == number]
                data = [decoders[one.type].decode(one.data) for one in mine]
                running = await self._begin(number, stage(data, mine[0].now))
            await running.turn()

    async def look(self, jobs: Iterable[int], moment: datetime, stage: Stage) -> None:
        """These jobs looked here live and found nothing to do; under the draft there may be something."""
        for _ in range(PASSES):
            asked_for = await self.finish()
            for number in sorted(jobs):
                running = await self._begin(number, stage([], moment))
                asked_for += await running.finish()
            if not asked_for:
                return

    async def finish(self) -> int:
        """All that they still wanted to ask for; how much it was."""
        at_work = [one for one in self._at_work if one is not None and not one.over]
        return sum([await one.finish() for one in at_work])

    async def _begin(self, number: int, running: Rehearsing) -> Rehearsing:
        self._at_work[number] = running
        await running.begin(self._jobs[number])
        return running
