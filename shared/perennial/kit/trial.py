"""What if: recorded lives of services run again in memory, together, under a draft of one's policy.

What one service decides otherwise reaches the others in the same order as it would have: a fact that
was made live too is taken when it was taken, a new one as soon as it is made. Requests come when they
came. Jobs whose work depends on the policy are done anew; everything else is the services' own fold.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import repeat
from typing import Any

from perennial.kit.ask import Answer, Ask
from perennial.kit.ingest import asked
from perennial.kit.recorded import Recorded
from perennial.kit.rehearsing import Rehearsing
from perennial.kit.rerun import Step
from perennial.kit.subject import Made
from perennial.kit.trial_house import Draft, TrialHouse, size, with_page

Progress = Callable[[int, int], None]
"""(facts folded, facts in all)"""


class Trial:
    """Runs recorded services together; `made` is what each decided, in order."""

    def __init__(self, lives: Sequence[Recorded], draft: Draft | None = None) -> None:
        self.draft = draft
        self.made: dict[str, list[Made]] = {life.service.name: [] for life in lives}
        self.facts = 0
        self.total = sum(size(step) for life in lives for step in life.steps)
        self._houses = {life.service.name: TrialHouse(life, draft) for life in lives}
        self._readers: dict[str, list[TrialHouse]] = defaultdict(list)
        together = len(lives) > 1 and draft is not None
        for house in self._houses.values():
            inner = [one for one in house.life.service.reads if one.writer in self._houses]
            for topic in inner if together else ():
                self._readers[topic.name].append(house)
                house.inner.add(topic.name)
            house.expect()

    async def run(self, progress: Progress | None = None) -> None:
        """Everything, in the order in which it was committed."""
        shown = 0
        for house, step in self._steps():
            await self._next(house, step)
            if progress is not None and self.facts - shown >= PROGRESS_EVERY:
                progress(self.facts, self.total)
                shown = self.facts
        for house in self._houses.values():
            await house.jobs.finish()
        if progress is not None:
            progress(self.total, self.total)

    async def follow(self, name: str, steps: Sequence[Step]) -> None:
        """Go on with what the service has folded since."""
        house = self._houses[name]
        house.postpone(steps)
        self.total += sum(map(size, steps))
        for step in steps:
            await self._next(house, step)

    async def _next(self, house: TrialHouse, step: Step) -> None:
        if house.fires_before(step):
            await house.jobs.finish()
            self._hand_on(house, house.fire(house.moment))
            if not house.ticking:
                await self._look(house, house.jobs.all)
        await self._take(house, step)
        if idle := house.looks_after(step):
            await self._look(house, idle)
        self.facts += size(step)

    def _steps(self) -> Iterator[tuple[TrialHouse, Step]]:
        told = [zip(repeat(one), one.life.steps) for one in self._houses.values()]
        return merge(*told, key=lambda pair: pair[1].at) if len(told) > 1 else iter(told[0])

    async def _take(self, house: TrialHouse, step: Step) -> None:
        page, recorded = house.without_rehearsed(step)
        items = house.items_of(page.entries)
        house.live_too(step)
        self._hand_on(house, house.again.take(with_page(step, page), items))
        house.passed(step)
        if recorded:
            await house.jobs.turn(recorded, partial(self._stage, house))

    def _hand_on(self, house: TrialHouse, made: Iterable[Made]) -> None:
        """What was made reaches those who read it, and what they make of it, others."""
        if not self._readers:
            self.made[house.life.service.name] += made
            return
        queue = deque([(house, made)])
        while queue:
            writer, events = queue.popleft()
            told = list(events)
            self.made[writer.life.service.name] += told
            for reader, event in self._heard(told):
                if at_once := reader.receive(event):
                    queue.append((reader, reader.take_new(at_once)))

    def _heard(self, told: Sequence[Made]) -> Iterator[tuple[TrialHouse, Made]]:
        return ((one, event) for event in told for one in self._readers.get(event.topic, ()))

    async def _look(self, house: TrialHouse, jobs: Iterable[int]) -> None:
        await house.jobs.look(jobs, house.moment, partial(self._stage, house))

    def _stage(self, house: TrialHouse, recorded: Sequence[Any], moment: datetime) -> Rehearsing:
        return Rehearsing(
            house.again.entities,
            house.again.concerned,
            house.again.past,
            recorded,
            moment,
            lambda: house.again.worlds,
            lambda asks, now: self._asked(house, asks, now),
        )

    def _asked(self, house: TrialHouse, asks: list[Ask], now: datetime) -> list[Answer]:
        items = [asked(house.life.service, ask, now) for ask in asks]
        made, answers = house.again.ask(house.step(), items)
        self._hand_on(house, made)
        return [answers[id(ask)] for ask in asks]


PROGRESS_EVERY = 5_000
