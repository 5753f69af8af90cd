"""One chaos run: up, load and faults, then heal, come to rest, and compare with the ledger."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from perennial_embedded.home import Home
from perennial_embedded.state import Addresses
from perennial_embedded.system import System

from perennial_cli.chaos_check import Check
from perennial_cli.chaos_disk import disk_faults, small_disks
from perennial_cli.chaos_faults import SERVERS, Fault, Faults, process_faults
from perennial_cli.chaos_ledger import Ledger, read_account
from perennial_cli.chaos_load import Load, PartnerLoad, RestLoad, Speaker, Tally
from perennial_cli.chaos_market import Comings, Floor, open_market
from perennial_cli.chaos_network import Detour, network_faults
from perennial_cli.chaos_poison import Disturber
from perennial_cli.chaos_pulse import Pulse, Recovery, recoveries
from perennial_cli.chaos_readings import take_readings
from perennial_cli.chaos_rest import at_rest, deadlocks, met, rebuilt
from perennial_cli.chaos_rights import rights_faults
from perennial_cli.chaos_shoppers import crowd, prospects
from perennial_cli.chaos_verdict import judge
from perennial_cli.rest import Services
from perennial_cli.showing import Show
from perennial_cli.starting_set import register_if_empty
from perennial_cli.topology import access

REST_CLIENTS, SHOPPERS_EACH, PROSPECTS_EACH, FLOORS = 6, 20, 20, 3
RATE_EACH, PARTNER_RATE = 7.0, 40.0
HEAL_WITHIN, SETTLE_WITHIN, JUDGE_WITHIN = 90.0, 120.0, 900.0
LOOKS_MOST = 3
"""A clock may strike between reading the topics and the tables; what is lost or doubled stays so."""


@dataclass
class Plan:
    """One run: how long, how often it strikes, and the seed that decides the rest."""

    folder: Path
    seconds: float
    seed: int
    every: float = 4.0
    longest_freeze: float = 20.0
    calm: bool = False
    """No faults at all: the load alone."""
    pace: float = 1.0
    """How much more often than usual everybody speaks."""
    kinds: tuple[str, ...] = ()
    """Only faults whose kind begins so; empty = all."""
    settle_within: float = SETTLE_WITHIN
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    """More of the services' environment."""


@dataclass
class Ran:
    """What a run came to."""

    checks: list[Check] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    struck: Tally = field(default_factory=Tally)
    recovered: list[Recovery] = field(default_factory=list)
    kills: int = 0
    troubles: list[str] = field(default_factory=list)
    """What went wrong besides the comparison: refusals, deadlocks, not settled in time."""

    @property
    def violations(self) -> int:
        return len(self.troubles) + sum(check.violations for check in self.checks)


@dataclass(frozen=True)
class Ground:
    """Where a run takes place: the system, and what of its surroundings can be struck."""

    system: System
    detours: dict[str, Detour]
    disks: dict[str, Path]


async def run_chaos(
    plan: Plan, show: Show, judged: Callable[[Ran], None] = lambda ran: None
) -> Ran:
    """The whole run; the folder is left as it ended. `judged` is told before the system is taken down,
    for that may take its time after all it went through."""
    ran = Ran()

    def tell(line: str) -> None:
        show.aside.print(line, style="dim", soft_wrap=True)

    async with _ground(plan) as ground:
        addresses = ground.system.addresses
        with Services(addresses, "admin") as services:
            await asyncio.to_thread(register_if_empty, services)
            await asyncio.to_thread(open_market, services)
        rng = Random(f"{plan.seed}:faults")
        disturber = Disturber(addresses, rng)
        faults = Faults(lambda: _deal(plan, ground, disturber, rng), rng, plan.every, tell)
        pulse = Pulse(addresses, faults.began)
        await _storm(plan, addresses, faults, pulse, ran)
        supervisor = ground.system.stack.supervisor
        ran.struck += faults.counted()
        ran.kills = faults.kills()
        ran.recovered = recoveries(pulse.beats, faults.struck)
        ran.tally["processes started again"] = sum(supervisor.restarts().values())
        await _judged_within(JUDGE_WITHIN, plan, addresses, ran)
        judged(ran)
    return ran


async def _judged_within(seconds: float, plan: Plan, addresses: Addresses, ran: Ran) -> None:
    """A verdict there is in any case: not to come to one is one. Who does not end is not waited for."""
    judging = asyncio.create_task(_judge(plan, addresses, ran))
    await asyncio.wait({judging}, timeout=seconds)
    if judging.done():
        judging.result()
        return
    judging.cancel()
    ran.troubles.append(f"could not be compared within {seconds:.0f} s")


async def _judge(plan: Plan, addresses: Addresses, ran: Ran) -> None:
    """Once everybody is at rest, what they hold is compared with what was said."""
    began = time.monotonic()
    trouble = await at_rest(addresses, plan.settle_within)
    ran.tally["seconds to settle"] = round(time.monotonic() - began)
    if trouble:
        ran.troubles.append(f"not settled {plan.settle_within:.0f} s after healing: {trouble}")
        return
    account = read_account(plan.folder / "ledger.ndjson")
    for looks in range(1, LOOKS_MOST + 1):
        readings = await take_readings(addresses)
        ran.checks = judge(account, readings)
        ran.tally["looks"] = looks
        if not any(check.violations for check in ran.checks):
            break
        await at_rest(addresses, plan.settle_within)
    ran.checks += await rebuilt(Home(plan.folder), addresses)
    ran.tally += met(readings, plan.folder / "logs")
    if stuck := await deadlocks(addresses, plan.folder / "logs"):
        ran.troubles.append(f"{stuck} deadlocks: locks were taken against their order")
    ran.tally["deadlocks"] = stuck


@asynccontextmanager
async def _ground(plan: Plan) -> AsyncIterator[Ground]:
    """Everybody reaches the servers by a detour, and these write to disks that can be filled."""
    async with AsyncExitStack() as held:
        detours = {name: await held.enter_async_context(Detour()) for name in SERVERS}
        disks = held.enter_context(small_disks(plan.folder, wanted=not plan.calm))
        ports = {name: detour.port for name, detour in detours.items()}
        system = System(plan.folder, access(), settings=plan.settings, detours=ports)
        for name, detour in detours.items():
            detour.target = partial(system.stack.own_port, name)
        await held.enter_async_context(system)
        yield Ground(system, detours, disks)


def _deal(plan: Plan, ground: Ground, disturber: Disturber, rng: Random) -> list[Fault]:
    """Every kind of fault at least once, on whom the lot falls."""
    supervisor = ground.system.stack.supervisor
    cards = [
        *process_faults(supervisor, rng, plan.longest_freeze),
        *network_faults(ground.detours, rng),
        *disturber.faults(),
        *rights_faults(ground.system.addresses, rng),
        *disk_faults(ground.disks, rng),
    ]
    return [one for one in cards if not plan.kinds or one.kind.startswith(plan.kinds)]


async def _storm(plan: Plan, addresses: Addresses, faults: Faults, pulse: Pulse, ran: Ran) -> None:
    """Load under faults; when time is up no new fact is said, and what was said is driven home."""
    stopping = asyncio.Event()
    with Ledger(plan.folder / "ledger.ndjson") as ledger:
        loads = _loads(plan, addresses, ledger, ran.tally)
        running = [asyncio.create_task(load.run(stopping)) for load in loads]
        others = [asyncio.create_task(pulse.run(stopping))]
        if not plan.calm:
            others.append(asyncio.create_task(faults.run(stopping)))
        await _as_long_as_all_run(plan.seconds, [*running, *others])
        if not plan.calm:
            await _at_most(plan.seconds, faults.every_kind.wait())
        stopping.set()
        await asyncio.gather(*others)
        ran.tally["faults given up"] = await faults.heal()
        began = time.monotonic()
        done, late = await asyncio.wait(running, timeout=HEAL_WITHIN)
        for task in late:
            task.cancel()
        for task in done:
            task.result()
        if late:
            ran.troubles.append(
                f"{len(late)} clients had no answer {HEAL_WITHIN:.0f} s after healing"
            )
        ran.tally["longest seconds without an answer"] = round(ledger.longest_gap)
        ran.tally["seconds to the last answer after healing"] = round(time.monotonic() - began)
        ran.troubles += [refusal for load in loads for refusal in load.refused]


async def _at_most(seconds: float, waiting: Coroutine[Any, Any, object]) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(waiting, seconds)


async def _as_long_as_all_run(seconds: float, tasks: Sequence[asyncio.Task[None]]) -> None:
    """A client that ends early has met a defect: that ends the run."""
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def _loads(plan: Plan, addresses: Addresses, ledger: Ledger, tally: Tally) -> list[Load]:
    """Clients that each speak for customers and prospects of their own, a partner, and the sales floor."""
    seed, now, rate = str(plan.seed), datetime.now(UTC), RATE_EACH * plan.pace
    buyers = crowd("rest", REST_CLIENTS * SHOPPERS_EACH, seed, now)
    chances = prospects("rest", REST_CLIENTS * PROSPECTS_EACH, seed)
    loads: list[Load] = []
    for n in range(REST_CLIENTS):
        theirs: list[Speaker] = [*buyers[n::REST_CLIENTS], *chances[n::REST_CLIENTS]]
        rng = Random(f"{seed}:rest:{n}")
        loads.append(RestLoad(addresses, ledger, theirs, rng, rate, tally))
    partners: list[Speaker] = [
        *crowd("partner", REST_CLIENTS * SHOPPERS_EACH, seed, now),
        *prospects("partner", REST_CLIENTS * PROSPECTS_EACH, seed),
    ]
    rng = Random(f"{seed}:p")
    loads.append(PartnerLoad(addresses, ledger, partners, rng, PARTNER_RATE * plan.pace, tally))
    for n in range(FLOORS):
        rng = Random(f"{seed}:floor:{n}")
        loads.append(Floor(addresses, ledger, f"wish-{n}", rng, rate, tally))
    return [*loads, Comings(addresses, Random(f"{seed}:staff"), tally)]
