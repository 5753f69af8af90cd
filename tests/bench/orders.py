"""From the orders topic to position, versions, order row, state and outbox: the real scoring door."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perennial.contracts.orders import ORDERS
from perennial.contracts.scores import SCORES
from perennial.kit.batch import Outcome, Writes
from perennial.kit.kafka import Log, Outlet
from perennial.kit.records import POLL_MOST, Positions, Records
from perennial.kit.run import collect_rarely
from perennial.kit.runtime import Runtime, Settings, assemble
from perennial_embedded.services import Service
from perennial_embedded.stack import Stack
from scoring.main import SERVICE

from tests.bench.facts import Prefilled, prefill
from tests.bench.figures import Figure, middle, spread
from tests.bench.orders_from_memory import FromMemory
from tests.bench.orders_one_by_one import OneByOne
from tests.bench.servers import broker, environment, migrated, servers

CUSTOMERS = 15_000
WARM_UP = 15_000
ROUND = 15_000
ROUNDS = 3
PREFILLED = WARM_UP + ROUNDS * ROUND + (ROUNDS + 1) * POLL_MOST
PROCESS = Service("scoring", "scoring")
PATIENCE = 60.0

_SUMS = """
    SELECT (SELECT count(*) FROM event WHERE topic = $1) AS events,
           (SELECT count(*) FROM outbox WHERE topic = $1) AS outbox,
           (SELECT count(*) FROM part WHERE subject = 'customer') AS orders,
           (SELECT count(*) FROM entity WHERE subject = 'customer' AND seen <> '{}') AS customers,
           (SELECT sum((state->>'revenue')::bigint) FROM part) AS revenue,
           (SELECT sum((data::jsonb->'order'->>'revenue')::bigint) FROM event) AS told
"""


@dataclass
class Lane:
    """The records lane of a running door, let run for a number of facts at a time."""

    runtime: Runtime
    taken: int = 0
    goal: int = 0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    marks: list[tuple[float, int]] = field(default_factory=list)
    """(moment of a commit, facts taken until then)"""
    written: list[Writes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runtime.door.after_commit.append(self._committed)

    def _committed(self, outcome: Outcome) -> None:
        self.taken += outcome.writes.taken.get(ORDERS.name, 0)
        self.marks.append((time.perf_counter(), self.taken))
        self.written.append(outcome.writes)
        if self.taken >= self.goal:
            self.stopping.set()

    async def run(self, facts: int) -> float:
        """Facts per second between the first and the last commit; reading ahead is under way then."""
        self.marks, self.written = [], []
        self.goal, self.stopping = self.taken + facts, asyncio.Event()
        settings = self.runtime.settings
        source = Log(settings.broker(), SERVICE.name, [topic.name for topic in SERVICE.reads])
        await source.start()
        lane = Records(self.runtime.door, source, Positions(self.runtime.pool))
        await asyncio.wait_for(lane.run(self.stopping), PATIENCE)
        await source.stop()
        (began, first), (ended, last) = self.marks[0], self.marks[-1]
        return (last - first) / (ended - began)

    async def prove(self, filled: Prefilled) -> None:
        """Every fact is there once, with the right sum, in every table."""
        rows = await self.runtime.pool.fetch(
            "SELECT part, next_offset FROM position WHERE topic = $1", ORDERS.name
        )
        stands = {row["part"]: row["next_offset"] for row in rows}
        found = await self.runtime.pool.fetchrow(_SUMS, SCORES.name)
        revenue = filled.revenue(stands)
        expected = {
            **dict.fromkeys(("events", "outbox", "orders"), sum(stands.values())),
            "customers": filled.customers(stands),
            **dict.fromkeys(("revenue", "told"), revenue),
        }
        assert dict(found) == expected, f"{dict(found)} is not {expected}"


async def running_door(stack: Stack) -> Runtime:
    """Scoring's door in this process, with its own role, secrets and login; none of its lanes runs."""
    collect_rarely()  # as in a process of its own
    await migrated(stack, PROCESS)
    told = environment(stack, PROCESS).of(PROCESS, "bench", PROCESS.schema)
    settings = Settings(
        database_url=told["PERENNIAL_DATABASE_URL"],
        kafka_bootstrap=told["PERENNIAL_KAFKA_BOOTSTRAP"],
        kafka_user=told["PERENNIAL_KAFKA_USER"],
        kafka_password=told["PERENNIAL_KAFKA_PASSWORD"],
        secrets=Path(told["PERENNIAL_SECRETS"]),
    )
    return await assemble(SERVICE, settings)


async def measure() -> list[Figure]:
    async with servers([PROCESS.name]) as stack:
        outlet = Outlet(broker(stack.addresses, "lead-intake"), "bench-orders")
        await outlet.start()
        filled = await prefill(outlet, PREFILLED, CUSTOMERS)
        await outlet.stop()
        runtime = await running_door(stack)
        try:
            return _figures(await _rounds(stack, runtime, filled))
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(runtime.pool.close(), 5)


async def _rounds(stack: Stack, runtime: Runtime, filled: Prefilled) -> dict[str, list[float]]:
    lane = Lane(runtime)
    addresses = stack.addresses
    memory = FromMemory(addresses.dsn("bench_memory"))
    peers = [OneByOne(addresses, commits=commits) for commits in (True, False)]
    found: dict[str, list[float]] = {"ours": [], "memory": [], "commits": [], "database": []}
    await lane.run(WARM_UP)
    await memory.write(lane.written)
    for peer in peers:
        await peer.start()
    for _ in range(ROUNDS):
        found["ours"].append(await lane.run(ROUND))
        await lane.prove(filled)
        found["memory"].append(await memory.write(lane.written))
        for name, peer in zip(("commits", "database"), peers, strict=True):
            found[name].append(await peer.run())
    for peer in peers:
        await peer.stop()
    await memory.prove(lane.taken, filled.revenue(await _stands(runtime)))
    await memory.close()
    return found


async def _stands(runtime: Runtime) -> dict[int, int]:
    rows: list[Any] = await runtime.pool.fetch(
        "SELECT part, next_offset FROM position WHERE topic = $1", ORDERS.name
    )
    return {row["part"]: row["next_offset"] for row in rows}


def _figures(found: dict[str, list[float]]) -> list[Figure]:
    ours = middle(found["ours"])
    note = f"{ROUND:,} of {CUSTOMERS:,} skewed customers a round: {spread(found['ours'])}"
    bars = (
        ("commits", 100.0, "SQLAlchemy ORM, one fact a transaction, a Kafka commit each"),
        ("database", 35.0, "the same, position in Postgres instead of Kafka commits"),
        ("memory", 0.4, "the same rows set-based from memory, one connection, no reads, no fold"),
    )
    return [
        Figure(
            f"orders / {name}",
            ours,
            middle(found[name]),
            bar,
            "facts/s",
            f"{note}; {against}: {spread(found[name])}",
        )
        for name, bar, against in bars
    ]
