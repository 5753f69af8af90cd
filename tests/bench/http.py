"""Orders over HTTP, durable when answered: one at a time, and in bulk."""

import asyncio
import sys
from typing import Any

import asyncpg
import msgspec
from perennial_cli.driving import token
from perennial_embedded.services import Service
from perennial_embedded.stack import Stack

from tests.bench.figures import Figure, middle, spread
from tests.bench.load import Load, Told
from tests.bench.servers import environment, migrated, servers, with_module

SERVICE = Service("lead-intake", "lead_intake")
PEERS = ("nothing", "orm", "ceiling")
PATHS = {False: ("/v1/orders", "/v1/orders:bulk"), True: ("/v1/leads", "/v1/leads:bulk")}
CLIENTS = 32
BULK_CLIENTS = 2
BULK_ROWS = 1_000
SECONDS = 4.0
ROUNDS = 3
PATIENCE = 20.0

_SUMS = """
    SELECT (SELECT count(*) FROM part), (SELECT sum((state->>'revenue')::bigint) FROM part),
           (SELECT count(*) FROM event WHERE topic = 'orders.v1'),
           (SELECT count(*) FROM outbox WHERE topic = 'orders.v1')
"""


class Intake:
    """The real door of lead-intake and its peers, each a process; no relay runs beside any of them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._token = token(stack.addresses, "admin")
        self._runs = 0

    async def put_load(
        self, on: str, seconds: float = SECONDS, rows: int = 0, leads: bool = False
    ) -> Told:
        """Load from a process of its own; everything sent must have been taken."""
        self._runs += 1
        load = Load(
            port=self._stack.addresses.port(on),
            path=PATHS[leads][bool(rows)],
            token=self._token,
            clients=BULK_CLIENTS if rows else CLIENTS,
            seconds=seconds,
            name=f"run{self._runs}",
            rows=rows,
            leads=leads,
        )
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.load",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        sending = running.communicate(msgspec.json.encode(load))
        out, _ = await asyncio.wait_for(sending, seconds + PATIENCE)
        told = msgspec.json.decode(out, type=Told)
        assert told.refused == 0, f"{on} refused {told.refused} of {told.accepted} requests"
        return told

    async def prove(self, schema: str, orders: int, revenue: int) -> None:
        connection = await asyncpg.connect(self._stack.addresses.dsn(schema))
        found = tuple(await connection.fetchrow(_SUMS))
        await connection.close()
        expected = (orders, revenue, orders, orders)
        assert found == expected, f"{schema}: {found} is not {expected}"


async def measure() -> list[Figure]:
    async with servers([SERVICE.name, *PEERS]) as stack:
        await migrated(stack, SERVICE)
        made = environment(stack, SERVICE)
        await stack.supervisor.start([made.door(SERVICE)])
        for peer in PEERS:
            env: Any = made.of(SERVICE, peer, "bench_orm")
            await with_module(stack, "peers", env, peer)
        return await _rounds(Intake(stack))


async def _rounds(intake: Intake) -> list[Figure]:
    found: dict[str, list[Told]] = {
        name: [] for name in ("ours", "nothing", "orm", "bulk", "leads", "bulk leads")
    }
    ceiling = await intake.put_load("ceiling", 1.5)
    for name in (SERVICE.name, "nothing", "orm"):
        told = await intake.put_load(name, 1.0)  # warms up, and is proven with the rest
        found[_named(name)].append(told)
    for _ in range(ROUNDS):
        found["ours"].append(await intake.put_load(SERVICE.name))
        found["nothing"].append(await intake.put_load("nothing"))
        found["orm"].append(await intake.put_load("orm"))
        found["bulk"].append(await intake.put_load(SERVICE.name, rows=BULK_ROWS))
        found["leads"].append(await intake.put_load(SERVICE.name, leads=True))
        many = await intake.put_load(SERVICE.name, rows=BULK_ROWS, leads=True)
        found["bulk leads"].append(many)
    singles = sum(told.accepted for told in found["ours"])
    rows = BULK_ROWS * sum(told.accepted for told in found["bulk"])
    taken = sum(told.revenue for told in (*found["ours"], *found["bulk"]))
    await intake.prove(SERVICE.schema, singles + rows, taken)
    peers = found["orm"]
    accepted, revenue = sum(told.accepted for told in peers), sum(told.revenue for told in peers)
    await intake.prove("bench_orm", accepted, revenue)
    return _figures(found, ceiling)


def _named(process: str) -> str:
    return "ours" if process == SERVICE.name else process


def _figures(found: dict[str, list[Told]], ceiling: Told) -> list[Figure]:
    rates = {name: [one.rate for one in told[-ROUNDS:]] for name, told in found.items()}
    waits = spread(one.p99_ms for one in found["ours"][-ROUNDS:])
    note = (
        f"{CLIENTS} clients kept alive: {spread(rates['ours'])}, p99 {waits} ms;"
        f" the load alone reaches {ceiling.rate:,.0f}/s"
    )
    ours = middle(rates["ours"])
    per_order = [rate * BULK_ROWS for rate in rates["bulk"]]
    nothing = "the same app, validation and token check, no database"
    peer = "the same app, the same rows by SQLAlchemy ORM, one transaction a request"
    return [
        _figure("http / no database", ours, rates["nothing"], 0.45, f"{note}; {nothing}"),
        _figure("http / ORM", ours, rates["orm"], 3.5, f"{note}; {peer}"),
        _figure(
            "bulk / single",
            middle(per_order),
            rates["ours"],
            15.0,
            f"{BULK_ROWS:,} rows a request, {BULK_CLIENTS} clients: {spread(per_order)};"
            " single requests of the same run",
        ),
        *_of_leads(rates),
    ]


def _of_leads(rates: dict[str, list[float]]) -> list[Figure]:
    """Captures, each of a party of its own, by the bars of orders."""
    single, many = middle(rates["leads"]), [rate * BULK_ROWS for rate in rates["bulk leads"]]
    return [
        Figure(
            "http leads / no database", single, middle(rates["nothing"]), 0.45, "leads/s",
            f"{CLIENTS} clients kept alive: {spread(rates['leads'])}; taking orders to no database",
        ),
        Figure(
            "bulk leads / single", middle(many), single, 15.0, "leads/s",
            f"{BULK_ROWS:,} rows a request, {BULK_CLIENTS} clients: {spread(many)}",
        ),
    ]  # fmt: skip


def _figure(name: str, ours: float, baseline: list[float], bar: float, note: str) -> Figure:
    return Figure(name, ours, middle(baseline), bar, "orders/s", f"{note}: {spread(baseline)}")
