"""Drives a running system from outside: publishes facts, plays the clock, waits until all is settled."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from perennial.contracts.base import Fact, Topic
from perennial.contracts.cloudevents import encode_data, headers
from perennial.contracts.partner import REPLAY
from perennial.contracts.platform import CLOCK, Ticked
from perennial.kit.kafka import Broker, Message, Outlet, length
from perennial.kit.settle import Question, Report, Together, UnsettledError, settle
from perennial_embedded.state import Addresses

from perennial_cli.topology import graph

WAVE = 2_000
SETTLE_WITHIN = 120.0


def token(addresses: Addresses, role: str, **claims: Any) -> str:
    """A development token of that role, signed with this home's private key."""
    from joserfc.jwk import KeySet  # with FastAPI behind it, a second that few commands need
    from perennial.kit.tokens import PRIVATE, issue

    keys = json.loads((addresses.secrets / PRIVATE).read_text())
    return issue(KeySet.import_key_set(keys), role, **claims)


@dataclass(frozen=True)
class History:
    """One fact of a recorded history, as its partner said it."""

    id: str
    source: str
    customer: str
    """What keeps its order: facts of one customer share it."""
    time: datetime
    data: Any


class Driver:
    """Use as `async with Driver(addresses) as driver`. Publishes as `partner.replay` and `clock`."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._outlets = {
            topic.name: Outlet(self._broker(topic.writer), topic.writer)
            for topic in (REPLAY, CLOCK)
        }
        self._graph = graph()
        self._asking: aiohttp.ClientSession | None = None
        self._urls: dict[str, str] = {}
        """Ports stay those of the home; looking them up reads a file."""
        self.reports: dict[str, Report] = {}
        self._heard: dict[str, tuple[Question, Report]] = {}
        """The last answer of each service, to say who holds up the rest."""
        self.spent = {"publish": 0.0, "settle": 0.0}

    async def __aenter__(self) -> Self:
        bearer = {"authorization": f"Bearer {token(self.addresses, 'operator')}"}
        self._asking = aiohttp.ClientSession(headers=bearer)
        for topic, outlet in zip((REPLAY, CLOCK), self._outlets.values(), strict=True):
            await outlet.start()
            self._graph.outside[topic.name] = await length(self._broker(topic.writer), topic.name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._asking is not None:
            await self._asking.close()
        for outlet in self._outlets.values():
            await outlet.stop()

    async def count(self, topic: Topic) -> None:
        """Settle what others have published on an outside topic by now, too."""
        self._graph.outside[topic.name] = await length(self._broker(topic.writer), topic.name)

    async def publish(self, facts: Iterable[History]) -> int:
        """Put facts of a history on the partner topic, in the order given; how many."""
        messages = [_message(n, fact) for n, fact in enumerate(facts)]
        await self._send(REPLAY, messages)
        return len(messages)

    async def tick(self, to: datetime) -> None:
        """Let time come to `to` everywhere."""
        ver = self._graph.outside[CLOCK.name] + 1
        fact = Fact(
            data=None,
            id=f"tick-{ver}",
            key="clock",
            now=to,
            time=to,
            topic=CLOCK.name,
            type=Ticked.TYPE,
            ver=ver,
            source="perennial/clock",
        )
        value = encode_data(Ticked(to=to))
        await self._send(CLOCK, [Message(0, CLOCK.name, "clock", value, headers(fact))])

    async def settle(self) -> dict[str, Report]:
        """Wait until every fact published so far, and all that follows from it, is folded everywhere."""
        began = time.monotonic()
        machine = settle(self._graph, self.reports)
        try:
            step = next(machine)
            while True:
                if time.monotonic() - began > SETTLE_WITHIN:
                    raise UnsettledError(_still_busy(self._heard))
                step = machine.send(await self._answer(step))
        except StopIteration as done:
            self.reports = done.value
        self.spent["settle"] += time.monotonic() - began
        return self.reports

    async def _answer(self, step: Together) -> dict[str, Report]:
        answers = await asyncio.gather(*(self.ask(question) for question in step.questions))
        return {report.service: report for report in answers}

    async def ask(self, question: Question) -> Report:
        """One service's word about itself, once it has reached what is asked for, or after a while."""
        assert self._asking is not None, "use the driver as a context"
        service = question.service
        if service not in self._urls:
            self._urls[service] = f"{self.addresses.url(service)}/internal/settle"
        asked = {"until": json.dumps(dict(question.until)), "wait": "10"}
        async with self._asking.get(self._urls[service], params=asked) as response:
            response.raise_for_status()
            report = msgspec.json.decode(await response.read(), type=Report)
        self._heard[service] = question, report
        return report

    async def _send(self, topic: Topic, messages: Sequence[Message]) -> None:
        began = time.monotonic()
        outlet = self._outlets[topic.name]
        for chunk in _chunks(messages):
            left = {message.place: message for message in chunk}
            while left:
                for place in await outlet.send_wave(left.values()):
                    del left[place]
        self._graph.outside[topic.name] += len(messages)
        self.spent["publish"] += time.monotonic() - began

    def _broker(self, principal: str) -> Broker:
        login = self.addresses.credentials(principal)
        return Broker(self.addresses.bootstrap, login.username, login.password)


def _still_busy(heard: Mapping[str, tuple[Question, Report]]) -> str:
    """Which service holds up the others, and with what."""
    lines = []
    for service, (question, one) in heard.items():
        until = question.until.items()
        short = {
            topic: n - one.taken.get(topic, 0) for topic, n in until if one.taken.get(topic, 0) < n
        }
        if short or one.busy or not one.reached:
            lines.append(
                f"{service}: in hand {one.in_hand}, due {one.due}, jobs {one.jobs},"
                f" still to take {short or 'nothing'}"
            )
    told = "; ".join(lines) or "no service says with what"
    return f"still busy after {SETTLE_WITHIN:.0f} s ({told}). See `perennial lag`"


def _chunks(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    for start in range(0, len(messages), WAVE):
        yield messages[start : start + WAVE]


def _message(place: int, said: History) -> Message:
    fact = Fact(
        data=None,
        id=said.id,
        key=said.customer,
        now=said.time,
        time=said.time,
        topic=REPLAY.name,
        type=said.data.TYPE,
        source=said.source,
    )
    return Message(place, REPLAY.name, said.customer, encode_data(said.data), headers(fact))
