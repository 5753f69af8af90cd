"""Settled is said only of a system at rest, and of every system that comes to rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perennial.kit import settle as settling
from perennial.kit.parking import Parking
from perennial.kit.settle import (
    Graph,
    Question,
    Report,
    Settlement,
    UnsettledError,
    settle,
)

from tests.kit import toy
from tests.kit.toyhouse import Source, Toy, ask, at

pytestmark = pytest.mark.feature("P2")

WRITES = {"a": "ta", "b": "tb", "c": "tc"}
SERVICES = ("a", "b", "c")
READS = {"a": ("in", "tc"), "b": ("ta", "in"), "c": ("ta", "tb")}
"""With a loop, c back to a, that ends when a fact's hops are used up."""


@dataclass
class Node:
    """One service: what it took and sent, what waits in its outbox, and timers that will fire."""

    read: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    outbox: list[int] = field(default_factory=list)
    timers: list[int] = field(default_factory=list)


class Network:
    """Services that pass facts downstream, each step at a random moment."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.logs: dict[str, list[int]] = {topic: [] for topic in ("in", *WRITES.values())}
        self.nodes = {name: Node() for name in WRITES}

    def busy(self) -> list[partial[None]]:
        """Everything that could happen next by itself."""
        named = self.nodes.items()
        unread = [
            partial(self._take, name, topic)
            for name, node in named
            for topic in READS[name]
            if node.read.get(topic, 0) < len(self.logs[topic])
        ]
        return [
            *unread,
            *(partial(self._relay, name) for name, node in named if node.outbox),
            *(partial(self._fire, name) for name, node in named if node.timers),
        ]

    def some_steps(self, most: int) -> None:
        pausing = self.random.random() < 0.5
        for _ in range(0 if pausing else self.random.randint(0, most)):
            steps = self.busy()
            if not steps:
                return
            step = self.random.choice(steps)
            if step.func == self._fire and self.random.random() < 0.95:
                return  # a moment that takes long to come
            step()

    def _relay(self, name: str) -> None:
        self.logs[WRITES[name]].append(self.nodes[name].outbox.pop(0))

    def _fire(self, name: str) -> None:
        self._send(name, self.nodes[name].timers.pop())

    def _take(self, name: str, topic: str) -> None:
        node = self.nodes[name]
        place = node.read.get(topic, 0)
        node.read[topic] = place + 1
        hops = self.logs[topic][place] - 1
        for _ in range(self.random.randint(0, 2) if hops > 0 else 0):
            if self.random.random() < 0.2:
                node.timers.append(hops)
            else:
                self._send(name, hops)

    def _send(self, name: str, hops: int) -> None:
        self.nodes[name].sent += 1
        self.nodes[name].outbox.append(hops)

    def report(self, question: Question) -> Report:
        """As the service answers: at a moment of its own, sometimes before it has got so far."""
        node = self.nodes[question.service]
        taken = all(node.read.get(topic, 0) >= n for topic, n in question.until.items())
        return Report(
            service=question.service,
            epoch="1",
            taken=dict(node.read),
            sent={WRITES[question.service]: node.sent} if node.sent else {},
            in_hand=0,
            due=len(node.timers),
            jobs=0,
            parked=0,
            reached=taken and not node.outbox,
        )


def drive(
    network: Network, graph: Graph, most: int, known: Mapping[str, Report]
) -> dict[str, Report]:
    machine = settle(graph, known)
    try:
        asked = next(machine)
        while True:
            answers: dict[str, Report] = {}
            questions = list(asked.questions)
            network.random.shuffle(questions)
            for question in questions:
                network.some_steps(most)
                answers[question.service] = network.report(question)
            network.some_steps(most)
            asked = machine.send(answers)
    except StopIteration as done:
        reports: dict[str, Report] = done.value
        return reports


def settled_and_busy(seed: int, facts: int, most: int) -> bool:
    """Whether settled was said of a network in which something was still to happen."""
    random = Random(seed)
    network = Network(random)
    graph, known = Graph(SERVICES, READS, {"in": 0}), dict[str, Report]()
    for _ in range(3):  # what was heard of one period is what is known in the next
        network.logs["in"] += [random.randint(1, 4) for _ in range(facts)]
        graph.outside["in"] += facts
        known = drive(network, graph, most, known)
        if network.busy():
            return True
    return False


@given(st.integers(0, 10**9), st.integers(0, 8), st.integers(2, 12))
@settings(max_examples=400, deadline=None)
def test_settled_is_never_said_while_something_is_under_way(
    seed: int, facts: int, most: int
) -> None:
    assert not settled_and_busy(seed, facts, most)


@pytest.mark.parametrize("blind", ["busy", "taken"])
def test_the_property_would_find_a_settling_that_does_not_look(
    blind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants: one that ignores due timers, one that ignores what was taken."""

    def agree(graph: Graph, first: dict[str, Report], second: dict[str, Report]) -> bool:
        quiet = all(not report.busy for report in second.values())
        equal = all(
            first[name].taken.get(topic, 0) == n
            for name in graph.services
            for topic, n in settling._expected(graph, name, second).items()
        )
        return equal if blind == "busy" else quiet

    monkeypatch.setattr(settling, "_agree", agree)
    assert any(settled_and_busy(seed, 8, 2) for seed in range(500))


def still(network: Network, graph: Graph, rounds: int) -> int:
    """Drive a network in which nothing moves; how often it was asked."""
    machine, asked = settle(graph, rounds=rounds), 0
    try:
        step = next(machine)
        while True:
            asked += 1
            step = machine.send({q.service: network.report(q) for q in step.questions})
    except StopIteration:
        return asked


def test_a_system_at_rest_is_settled_at_once() -> None:
    assert still(Network(Random(1)), Graph(SERVICES, READS, {"in": 0}), rounds=2) == 2


def test_who_has_taken_all_that_was_sent_is_asked_in_the_last_wave_alone() -> None:
    network, graph = Network(Random(1)), Graph(SERVICES, READS, {"in": 0})
    known = {name: network.report(Question(name, {})) for name in SERVICES}
    asked = next(settle(graph, known))
    assert [question.service for question in asked.questions] == list(SERVICES)
    graph.outside["in"] = 1
    asked = next(settle(graph, known))
    assert [question.service for question in asked.questions] == ["a", "b"]


def test_a_system_that_never_rests_is_named() -> None:
    network = Network(Random(1))
    network.nodes["b"].timers = [1]
    with pytest.raises(UnsettledError, match="b: in hand 0, due 1"):
        still(network, Graph(SERVICES, READS, {"in": 0}), rounds=3)


class TestReport:
    """One service's word, on a real Postgres."""

    @pytest.fixture
    def house(self, pool: asyncpg.Pool) -> Toy:
        return Toy.on(pool)

    @pytest.fixture
    def settlement(self, house: Toy, pool: asyncpg.Pool) -> Settlement:
        class NobodyWaits:
            waiting = 0

        requests: Any = NobodyWaits()
        return Settlement(house.door, requests, pool, "1", lambda: 0)

    async def test_duplicates_and_held_facts_leave_taken_equal_to_sent(
        self, house: Toy, settlement: Settlement
    ) -> None:
        source = Source()
        facts = [source.fact(toy.FEED.name, "a", toy.Fed(amount=n)) for n in (1, toy.POISON, 3)]
        await house.records(*map(source.item, facts))
        await house.records(*map(source.item, facts))  # the relay began anew
        report = await settlement.report({toy.FEED.name: 3}, 0)
        assert report.taken == {toy.FEED.name: 3}
        assert report.sent == {toy.COUNTS.name: 1}
        assert (report.parked, report.busy) == (2, 0)

    async def test_what_was_committed_counts_though_memory_never_heard_of_it(
        self, house: Toy, settlement: Settlement, pool: asyncpg.Pool
    ) -> None:
        await settlement.report({}, 0)
        other, source = Toy.on(pool), Source()
        await other.records(source.fed("a", remind_after=10))
        report = await settlement.report({toy.FEED.name: 1}, 0)
        assert report.taken == {toy.FEED.name: 1}
        assert not report.reached  # its event lies in the outbox

    async def test_timers_due_at_the_tick_are_due_as_soon_as_the_tick_is_taken(
        self, house: Toy, settlement: Settlement, pool: asyncpg.Pool
    ) -> None:
        await house.records(Source().fed("a", remind_after=10))
        await pool.execute("INSERT INTO clock VALUES ('tick', $1)", at(5))
        assert (await settlement.report({}, 0)).next_due == at(10)
        await pool.execute("UPDATE clock SET now = $1", at(10))
        assert (await settlement.report({}, 0)).due == 1

    async def test_a_fact_that_has_waited_too_long_is_due_until_it_is_given_up(
        self, house: Toy, settlement: Settlement, pool: asyncpg.Pool
    ) -> None:
        await house.records(Source().payment("o1", "p1"))
        await pool.execute("INSERT INTO clock SELECT 'tick', max(expires) FROM parked")
        assert (await settlement.report({}, 0)).due == 1
        await Parking(house.door, pool).release(await pool.fetchval("SELECT now FROM clock"))
        assert (await settlement.report({}, 0)).due == 0

    async def test_what_waits_for_something_known_is_in_hand(
        self, house: Toy, settlement: Settlement
    ) -> None:
        source = Source()
        await house.records(source.payment("o1", "p1"))
        assert (await settlement.report({}, 0)).in_hand == 0
        await house.asks(ask("a", toy.Add(amount=1), "x"))
        await house.records(source.order("a", "o1"))
        assert (await settlement.report({}, 0)).in_hand == 1
