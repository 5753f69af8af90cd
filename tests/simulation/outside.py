"""Everybody outside: partners, people and apps, and who plays the clock. They insist until they know."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiokafka.errors import KafkaError
from perennial.contracts.base import Fact
from perennial.contracts.catalogue import topic_named
from perennial.contracts.cloudevents import encode_data, headers
from perennial.contracts.platform import CLOCK, Ticked
from perennial.kit.ask import Answer, Ask
from perennial.kit.kafka import partition_for
from perennial.kit.settle import Question, Report, Together, UnsettledError, settle
from perennial_cli.topology import graph

from tests.simulation.broker import Broker, Entry, places_of
from tests.simulation.houses import House
from tests.simulation.processes import UnavailableError, World

PAUSE = 0.2
SETTLE_WITHIN = 900.0
REPORT_WAIT = 2.0


class BrokenError(Exception):
    """Something that must never be was seen: there is no need to go on."""


@dataclass(frozen=True)
class Said:
    """A fact for a partner's topic; `raw` in its place is what nobody can read."""

    topic: str
    key: str
    id: str
    source: str
    time: datetime
    data: Any = None
    raw: bytes = b""
    kind: str = ""
    ver: int = 0
    """Of a record on a topic of ours that none of ours wrote: its type and version."""


@dataclass(frozen=True)
class Wish:
    """A request of a person or app, made anew with the same id until there is an answer."""

    service: str
    id: str
    make: Callable[[Any], Any]
    """(runtime) → Ask, or an awaitable of one"""


@dataclass
class Outside:
    world: World
    broker: Broker
    houses: dict[str, House]
    answered: dict[str, tuple[str, Answer]] = field(default_factory=dict)
    """By the wish's id: who answered, and what was acknowledged."""
    said: list[Said] = field(default_factory=list)
    """What partners' topics have acknowledged."""
    ticked: datetime | None = None
    told: datetime | None = None
    """The latest moment that the clock, or a recorded fact, has told of."""
    reports: dict[str, Report] = field(default_factory=dict)
    foreign: Counter[str] = field(default_factory=Counter)
    """How many records on topics of ours none of ours wrote."""

    async def publish(self, facts: Sequence[Said]) -> None:
        """As a plain producer does: what is not acknowledged is sent again, so it may stand there twice."""
        chance = self.world.chance
        for said in facts:
            self.told = max(said.time, self.told or said.time)
            while not await self._put(said):
                self.world.saw("a partner sent again what was not acknowledged")
            self.said.append(said)
            if said.ver:
                self.foreign[said.topic] += 1
            if chance.strikes("record again"):
                await self._put(said)

    async def _put(self, said: Said) -> bool:
        chance = self.world.chance
        await asyncio.sleep(chance.seconds(0.01))
        try:
            self.broker.asked()
        except KafkaError:
            return False
        if chance.strikes("broker refuses"):
            return False
        self._append(said)
        return not chance.strikes("broker takes, answer lost")

    def _append(self, said: Said) -> None:
        place = said.topic, partition_for(said.key, len(places_of(said.topic)))
        fact = Fact(
            data=None, id=said.id, key=said.key, now=said.time, time=said.time, ver=said.ver,
            topic=said.topic, type=said.data.TYPE if said.data else said.kind, source=said.source,
        )  # fmt: skip
        value = encode_data(said.data) if said.data is not None else said.raw
        told = tuple(headers(fact)) if fact.type else ()
        self.broker.append(place, [Entry(said.key.encode(), value, told, self.world.wall())])

    async def tick(self, to: datetime) -> None:
        """Let time come to `to` everywhere: the clock says so, or wall clocks jump forward."""
        self.ticked = self.told = to
        if not self.world.ticking:
            self.world.skew += max(to - self.world.wall(), timedelta())
            return
        ver = self.broker.length(CLOCK.name) + 1
        fact = Fact(
            data=None, id=f"tick-{ver}", key="clock", now=to, time=to, topic=CLOCK.name,
            type=Ticked.TYPE, ver=ver, source="perennial/clock",
        )  # fmt: skip
        entry = Entry(b"clock", encode_data(Ticked(to=to)), tuple(headers(fact)), to)
        self.broker.append((CLOCK.name, 0), [entry])

    async def ask(self, wish: Wish) -> Answer:
        """The answer, however often it takes; an answer that was lost is asked for again."""
        world = self.world
        while True:
            self._sound()
            door = self.houses[wish.service].door
            try:
                if not door.ready:
                    raise UnavailableError(door.name)
                world.steps += 1
                answer = await door.serve(self._asked(door.runtime, wish))
            except UnavailableError:
                await asyncio.sleep(PAUSE + world.chance.seconds(PAUSE))
                continue
            if answer.status == 500 or world.chance.strikes("answer lost"):
                await asyncio.sleep(PAUSE)
                continue
            self._compare(wish, answer)
            return answer

    async def _asked(self, runtime: Any, wish: Wish) -> Answer:
        made = wish.make(runtime)
        ask: Ask = await made if asyncio.iscoroutine(made) else made
        answer: Answer = await runtime.asks.ask(ask)
        return answer

    async def operate(self, service: str, act: Callable[[Any], Any]) -> None:
        """An operator's act on a running service, repeated until it has been done."""
        while True:
            door = self.houses[service].door
            try:
                if door.ready:
                    await door.serve(act(door.runtime))
                    return
            except UnavailableError:
                pass
            await asyncio.sleep(PAUSE)

    def _compare(self, wish: Wish, answer: Answer) -> None:
        self.world.saw("an answer was replayed", answer.replayed)
        _, known = self.answered.setdefault(wish.id, (wish.service, answer))
        if (known.status, known.body) != (answer.status, answer.body):
            self.world.defect(f"{wish.id} was answered {known.status}, then {answer.status}")

    async def settle(self) -> None:
        """Until every fact published so far, and all that follows from it, is folded everywhere."""
        await self._settled()
        while not self.world.ticking and self._behind():
            await asyncio.sleep(PAUSE)
            await self._settled()

    async def read(self) -> None:
        """Until everybody has read everything: what came twice is nothing that others wait for."""
        until = self.world.loop.time() + SETTLE_WITHIN
        while self._unread() and self.world.loop.time() < until:  # noqa: ASYNC110 - played time
            await asyncio.sleep(PAUSE)

    def _unread(self) -> bool:
        ends = {place: len(log) for place, log in self.broker.partitions.items()}
        return any(
            house.schema.tables.position.get(place) != ends[place]
            for house in self.houses.values()
            for topic in house.service.reads
            for place in places_of(topic.name)
            if place in ends
        )

    def _behind(self) -> bool:
        """Wall clocks jumped, and somebody has not looked since."""
        moments = [report.now for report in self.reports.values()]
        return any(at is None or (self.ticked is not None and at < self.ticked) for at in moments)

    async def _settled(self) -> None:
        until, known = self.world.loop.time() + SETTLE_WITHIN, graph()
        known.outside.update({t: self.broker.length(t) for t in self._outside_topics()})
        machine = settle(known, self.reports)
        try:
            step = next(machine)
            while True:
                step = machine.send(await self._together(step, until))
        except StopIteration as done:
            self.reports = done.value

    def _outside_topics(self) -> list[str]:
        topics = {topic for topic, _ in self.broker.partitions}
        return sorted(t for t in topics if t.startswith("partner.") or t == CLOCK.name)

    async def _together(self, step: Together, until: float) -> dict[str, Report]:
        asks = [self._report(question, until) for question in step.questions]
        reports = await asyncio.gather(*asks)
        return {report.service: report for report in reports}

    async def _report(self, question: Question, until: float) -> Report:
        while True:
            self._sound()
            if self.world.loop.time() > until:
                raise UnsettledError(f"{question.service} {question.until}: {self._why(question)}")
            door = self.houses[question.service].door
            try:
                if door.ready:
                    told = door.runtime.settlement.report(question.until, REPORT_WAIT)
                    return self._with_foreign(await door.serve(told))
            except UnavailableError:
                pass
            await asyncio.sleep(PAUSE)

    def _with_foreign(self, report: Report) -> Report:
        """As its writer would have counted it."""
        written = {topic: report.sent.get(topic, 0) + n for topic, n in self.foreign.items()}
        own = {t: n for t, n in written.items() if topic_named(t).writer == report.service}
        return msgspec.structs.replace(report, sent={**report.sent, **own})

    def _sound(self) -> None:
        if self.world.defects:
            raise BrokenError

    def _why(self, question: Question) -> str:
        house = self.houses[question.service]
        stopped = house.door.runtime.door.stopped if house.door.ready else "not running"
        return f"stopped {stopped}, outbox {len(house.schema.tables.outbox)}"
