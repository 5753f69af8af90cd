"""`perennial chaos`: the real system under real load while its processes are killed and frozen.

It runs in a home of its own beside the usual one. At the end everything is compared with the
ledger; the home of a run that failed is kept.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from secrets import randbelow
from typing import Annotated, Any

import aiohttp
import httpx
import typer
from perennial.contracts.partner import DEMO
from perennial.kit.settle import UnsettledError
from perennial_embedded.state import Addresses
from perennial_embedded.system import System

from perennial_cli.chaos_check import Check
from perennial_cli.chaos_faults import Faults
from perennial_cli.chaos_ledger import Ledger, read_account
from perennial_cli.chaos_load import Load, PartnerLoad, RestLoad, Speaker, Tally
from perennial_cli.chaos_market import Comings, Floor, close_market, open_market
from perennial_cli.chaos_readings import Readings, take_readings
from perennial_cli.chaos_shoppers import crowd, prospects
from perennial_cli.chaos_verdict import judge
from perennial_cli.desk import Desk, command
from perennial_cli.driving import Driver
from perennial_cli.rest import Services
from perennial_cli.showing import Show
from perennial_cli.starting_set import register_if_empty
from perennial_cli.topology import access
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

REST_CLIENTS, SHOPPERS_EACH, PROSPECTS_EACH, FLOORS = 6, 20, 8, 3
RATE_EACH, PARTNER_RATE = 7.0, 40.0
HEAL_WITHIN, SETTLE_WITHIN = 90.0, 120.0
POLL = 0.1
SETTLING_TROUBLE = (
    aiohttp.ClientError,
    httpx.HTTPError,
    OSError,
    TimeoutError,
    Trouble,
    UnsettledError,
)


@dataclass
class Plan:
    """One run: how long, how often it strikes, and the seed that decides the rest."""

    folder: Path
    seconds: float
    seed: int
    every: float = 4.0
    longest_freeze: float = 20.0


@dataclass
class Ran:
    """What a run came to."""

    checks: list[Check] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    struck: Tally = field(default_factory=Tally)
    troubles: list[str] = field(default_factory=list)
    """What went wrong besides the comparison: refusals, not settled in time."""

    @property
    def violations(self) -> int:
        return len(self.troubles) + sum(check.violations for check in self.checks)


def register(app: typer.Typer) -> None:
    command(app)(chaos)


def chaos(
    desk: Desk,
    minutes: Annotated[float, typer.Option(min=0.2, help="How long faults strike.")] = 5,
    seed: Annotated[int, typer.Option(help="Decides load and faults; default: a random one.")] = 0,
    every: Annotated[float, typer.Option(min=0.5, help="Mean seconds between faults.")] = 4,
    longest_freeze: Annotated[float, typer.Option(min=1, help="Seconds of frost at most.")] = 20,
) -> None:
    """Kill and freeze everything at random under load. Exit 1 if a fact is lost, doubled or invented."""
    seed = seed or 1 + randbelow(1_000_000)
    folder = desk.path.parent / f"chaos-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    plan = Plan(folder, minutes * 60, seed, every, longest_freeze)
    desk.show.aside.print(
        f"seed {seed}: {plan.seconds:.0f} s of faults in {folder}", soft_wrap=True
    )
    ran = asyncio.run(run_chaos(plan, desk.show))
    _tell(desk.show, plan, ran)
    if ran.violations:
        desk.show.error(f"{ran.violations} violations; ledger, logs and data stay in {folder}")
        raise typer.Exit(ANSWER_IS_NO)
    shutil.rmtree(folder, ignore_errors=True)


async def run_chaos(plan: Plan, show: Show) -> Ran:
    """Up, load and faults, then heal, settle and compare."""
    ran = Ran()
    async with System(plan.folder, access()) as system:
        with Services(system.addresses, "admin") as services:
            await asyncio.to_thread(register_if_empty, services)
            await asyncio.to_thread(open_market, services)
        rng = Random(f"{plan.seed}:faults")

        def tell(line: str) -> None:
            show.aside.print(line, style="dim", soft_wrap=True)

        faults = Faults(system.stack.supervisor, rng, plan.every, plan.longest_freeze, tell)
        await _storm(plan, system.addresses, faults, ran)
        ran.struck += faults.struck
        ran.tally["processes started again"] = faults.recoveries()
        if await _settled(system, ran):
            readings = await take_readings(system.addresses)
            ran.checks = judge(read_account(plan.folder / "ledger.ndjson"), readings)
            _count(ran, readings, plan)
    return ran


async def _storm(plan: Plan, addresses: Addresses, faults: Faults, ran: Ran) -> None:
    """Load under faults; when time is up no new fact is said, and what was said is driven home."""
    stopping = asyncio.Event()
    with Ledger(plan.folder / "ledger.ndjson") as ledger:
        loads = _loads(plan, addresses, ledger, ran.tally)
        running = [asyncio.create_task(load.run(stopping)) for load in loads]
        striking = asyncio.create_task(faults.run(stopping))
        enough = asyncio.create_task(faults.every_kind.wait())
        await _as_long_as_all_run(plan.seconds, [*running, striking])
        await asyncio.wait({enough}, timeout=plan.seconds)
        enough.cancel()
        stopping.set()
        await striking
        await faults.heal()
        began = time.monotonic()
        _done, late = await asyncio.wait(running, timeout=HEAL_WITHIN)
        for task in late:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=bool(late))
        if late:
            ran.troubles.append(
                f"{len(late)} clients had no answer {HEAL_WITHIN:.0f} s after healing"
            )
        ran.tally["longest seconds without an answer"] = round(ledger.longest_gap)
        ran.tally["seconds to the last answer after healing"] = round(time.monotonic() - began)
        ran.troubles += [refusal for load in loads for refusal in load.refused]


async def _as_long_as_all_run(seconds: float, tasks: Sequence[asyncio.Task[None]]) -> None:
    """A client that ends early has met a defect: that ends the run."""
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def _loads(plan: Plan, addresses: Addresses, ledger: Ledger, tally: Tally) -> list[Load]:
    """Clients that each speak for customers and prospects of their own, a partner, and the sales floor."""
    seed, now = str(plan.seed), datetime.now(UTC)
    buyers = crowd("rest", REST_CLIENTS * SHOPPERS_EACH, seed, now)
    chances = prospects("rest", REST_CLIENTS * PROSPECTS_EACH, seed)
    loads: list[Load] = []
    for n in range(REST_CLIENTS):
        theirs: list[Speaker] = [*buyers[n::REST_CLIENTS], *chances[n::REST_CLIENTS]]
        rng = Random(f"{seed}:rest:{n}")
        loads.append(RestLoad(addresses, ledger, theirs, rng, RATE_EACH, tally))
    partners: list[Speaker] = [
        *crowd("partner", REST_CLIENTS * SHOPPERS_EACH, seed, now),
        *prospects("partner", REST_CLIENTS * PROSPECTS_EACH, seed),
    ]
    rng = Random(f"{seed}:p")
    loads.append(PartnerLoad(addresses, ledger, partners, rng, PARTNER_RATE, tally))
    for n in range(FLOORS):
        rng = Random(f"{seed}:floor:{n}")
        loads.append(Floor(addresses, ledger, f"wish-{n}", rng, RATE_EACH, tally))
    return [*loads, Comings(addresses, Random(f"{seed}:staff"), tally)]


async def _settled(system: System, ran: Ran) -> bool:
    """Everybody is back and has nothing left to do, within bounds."""
    began = time.monotonic()
    trouble: Exception | None = None
    while time.monotonic() - began < SETTLE_WITHIN:
        try:
            await asyncio.to_thread(_at_rest, system.addresses)
            await asyncio.wait_for(_settle_once(system.addresses), SETTLE_WITHIN)
        except SETTLING_TROUBLE as error:
            trouble = error
            await asyncio.sleep(POLL)
        else:
            ran.tally["seconds to settle"] = round(time.monotonic() - began)
            return True
    ran.troubles.append(f"not settled {SETTLE_WITHIN:.0f} s after healing: {trouble!r}")
    return False


def _at_rest(addresses: Addresses) -> None:
    with Services(addresses, "admin") as services:
        close_market(services)


async def _settle_once(addresses: Addresses) -> None:
    async with Driver(addresses) as driver:
        await driver.count(DEMO)
        await driver.settle()


def _count(ran: Ran, readings: Readings, plan: Plan) -> None:
    """What struck where it could hurt, from the topics and the services' own logs."""
    tally = ran.tally
    tally["relay duplicates absorbed"] = sum(one.repeats for one in readings.streams.values())
    logs = b"".join(log.read_bytes() for log in (plan.folder / "logs").glob("*-door.log*"))
    tally["batches repeated"] = logs.count(b"batch repeated")
    tally["positions sought again"] = logs.count(b"positions differ")
    tally["Kafka lanes started anew"] = logs.count(b"Kafka lane starts anew")


SOMETIMES = (
    "REST outcomes unknown",
    "answers replayed",
    "waves unknown",
    "relay duplicates absorbed",
    "batches repeated",
    "Kafka lanes started anew",
    "processes started again",
)
"""What a run should have met at least once, or it proved less than it seems to."""


def _tell(show: Show, plan: Plan, ran: Ran) -> None:
    columns = ("name", "held", "lost", "doubled", "invented", "disordered")
    show.rows([{name: getattr(one, name) for name in columns} for one in ran.checks], columns)
    for problem in [*ran.troubles, *(line for one in ran.checks for line in one.examples)][:20]:
        show.remark(problem)
    for never in [one for one in SOMETIMES if not ran.tally[one]]:
        show.remark(f"never met in this run: {never}")
    show.rows([_closing(plan, ran)])


def _closing(plan: Plan, ran: Ran) -> dict[str, Any]:
    held = {check.name: check.held for check in ran.checks}
    return {
        "seed": plan.seed,
        "facts": held.get("order facts", 0),
        "events": held.get("versions", 0),
        "alerts": held.get("alerts per cause", 0),
        **dict(sorted(ran.struck.items())),
        **dict(sorted(ran.tally.items())),
        "violations": ran.violations,
    }
