"""The life of a demo: a system of its own, staff, a receiver, the history, the figures, the end."""

import asyncio
import os
import shutil
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

import aiohttp
import httpx
import msgspec
from perennial.contracts.platform import SERVICES
from perennial_embedded import system
from perennial_embedded.home import Home
from perennial_embedded.state import Addresses, State
from rich.console import Console

from perennial_cli.demo import gathering, plots, sample
from perennial_cli.demo.calls import Calls
from perennial_cli.demo.company import register_company
from perennial_cli.demo.funnel import funnel, turnover
from perennial_cli.demo.leads import history, stories
from perennial_cli.demo.progress import progress
from perennial_cli.demo.receiver import Receiver, receiving
from perennial_cli.demo.report import Pace, Report, faults
from perennial_cli.demo.sales import Sales, Sold
from perennial_cli.demo.team import Done, Staffed, Team
from perennial_cli.demo.telling import tell
from perennial_cli.desk import Desk, default_home
from perennial_cli.driving import Driver
from perennial_cli.replaying import Played, replay
from perennial_cli.rest import Services
from perennial_cli.topology import access
from perennial_cli.trouble import Trouble

MARKER = "wiped-by-the-next-demo"
EXIT = "DEMO_EXIT"
SETTINGS = {"PERENNIAL_ALLOW_PRIVATE_ENDPOINTS": "true"}
DELIVERED_WITHIN = 60.0
SUBSCRIBERS = ["anna", "emil"]
"""Whose app our receiver is: all of their alerts are posted to it; the others read theirs in lists."""
FOLD_SECONDS = "perennial_fold_seconds_total"
WIDTH = 110


def run_demo(desk: Desk) -> bool:
    """Whether something was found that must not be."""
    home = demo_home(desk.path)
    wipe(home)
    show = Demo(home, Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))
    show.console.print("starting Kafka, Postgres and four services; the first start takes longer …")
    whole = system.System(home, access(), clock="ticks", settings=SETTINGS)
    asyncio.run(system.serve(whole, lambda _addresses: None, show.play))
    return bool(show.faults)


def demo_home(chosen: Path) -> Path:
    """A home of its own beside the usual one, unless another was chosen."""
    return chosen.with_name("demo") if chosen == default_home() else chosen


def wipe(home: Path) -> None:
    """Data of an earlier demo go; data of anything else are not ours to touch."""
    if State.of(Home(home)).is_running():
        raise Trouble(f"a demo runs at {home}", f"End it with `perennial down --home {home}`.")
    if home.exists() and any(home.iterdir()):
        if not (home / MARKER).exists():
            raise Trouble(f"{home} holds something else than a demo", "Choose another --home.")
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    (home / MARKER).touch()


@dataclass
class Course:
    """What the played history came to."""

    played: Played
    team: Done
    sales: Sold
    left_out: int
    fold_seconds: float

    @property
    def days(self) -> int:
        played = self.played
        return (played.last - played.first) // sample.DAY if played.first and played.last else 0


class Demo:
    """Everything that happens while the system is up."""

    def __init__(self, home: Path, console: Console) -> None:
        self._home = home
        self.console = console
        self.faults: list[str] = ["the demo did not come to its end"]

    async def play(self, addresses: Addresses) -> None:
        """From the first registered person to the last figure; then until somebody ends it."""
        async with AsyncExitStack() as held:
            receiver = await held.enter_async_context(receiving())
            course = await self._history(held, addresses, receiver)
            await _delivered(addresses)
            report = await asyncio.to_thread(_report, addresses, receiver, course)
            self._tell(report)
            if os.environ.get(EXIT) != "1":
                told = _look_around(self._home, addresses, report)
                self.console.print("\n".join(told), soft_wrap=True)
                await asyncio.Event().wait()

    async def _history(
        self, held: AsyncExitStack, addresses: Addresses, receiver: Receiver
    ) -> Course:
        left_out: list[str] = []
        driver = await held.enter_async_context(Driver(addresses))
        session = await held.enter_async_context(aiohttp.ClientSession())
        screen = held.enter_context(progress(self.console))
        await driver.tick(sample.STARTS)
        await driver.settle()
        people = await asyncio.to_thread(_registered, addresses, receiver)
        self.console.print(
            f"{people} people work here; the alerts of {' and '.join(SUBSCRIBERS)} go to {receiver.url}"
        )
        told = stories(sample.orders(), sample.STARTS, sample.ENDS)
        calls, folded = Calls(addresses, session), _fold_seconds(addresses)
        team, sales = Team(calls), Sales(calls, told)
        orders = held.enter_context(sample.sample(left_out.append))
        facts = merge(orders, history(told), key=lambda fact: fact.time)
        staffed = Staffed(driver, team, sales, sample.STARTS)
        played = await replay(staffed, facts, sample.DAY, screen.day, sample.ENDS)
        screen.stop()
        spent = _fold_seconds(addresses) - folded
        return Course(played, team.done, sales.done, len(left_out), spent)

    def _tell(self, report: Report) -> None:
        tell(self.console, report)
        drawn = plots.draw_all(self._home, report)
        kept = self._home / "report.json"
        kept.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
        names = ", ".join(picture.name for picture in drawn)
        self.console.print(f"\n[bold]Kept in {_near(self._home)}[/]  {kept.name}, {names}")
        self.faults = faults(report)
        for fault in self.faults:
            self.console.print(f"[red]{fault}[/]")


def _registered(addresses: Addresses, receiver: Receiver) -> int:
    with Services(addresses, "admin") as services:
        people = register_company(services)
        wanted = {"url": receiver.url, "persons": SUBSCRIBERS}
        made = services.post("notifications", "/v1/endpoints", wanted)
        receiver.secret = made["secret"]
        return people


async def _delivered(addresses: Addresses) -> None:
    """Webhooks go out in real time: what was raised on the last day may still be on its way."""
    deadline = time.monotonic() + DELIVERED_WITHIN
    while await asyncio.to_thread(_pending, addresses):
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.2)


def _pending(addresses: Addresses) -> bool:
    with Services(addresses, "admin") as services:
        return bool(
            services.get("notifications", "/v1/deliveries", state="pending", limit=1)["items"]
        )


def _report(addresses: Addresses, receiver: Receiver, course: Course) -> Report:
    with Services(addresses, "director") as services:
        leads = gathering.leads(services)
        return Report(
            facts=course.played.facts,
            seconds=round(course.played.seconds, 2),
            days=course.days,
            parked=course.played.parked,
            left_out=course.left_out,
            ms_a_day=_pace(course),
            customers_by_segment=gathering.segments(services),
            segments_over_time=gathering.segments_over_time(services),
            forecast=gathering.forecast(services),
            models=gathering.models(services),
            at_risk=gathering.at_risk(services),
            winback=gathering.winback(services),
            alerts=gathering.alerts(services, receiver),
            monthly_report=gathering.monthly_report(services),
            turnover=turnover(leads, gathering.moves(services, leads)),
            funnel=funnel(leads),
            grades=gathering.grades(services, leads),
        )


def _pace(course: Course) -> Pace:
    played, team, sales = course.played, course.team.seconds, course.sales.seconds
    each = 1000 / max(course.days, 1)
    return Pace(
        facts=round((played.facts_seconds - sales) * each, 2),
        tick=round((played.tick_seconds - team) * each, 2),
        team=round((team + sales) * each, 2),
        rules=round(course.fold_seconds * each, 2),
    )


def _fold_seconds(addresses: Addresses) -> float:
    """What all services have spent in their rules so far, by their own counters."""
    told = [httpx.get(f"{addresses.url(service)}/metrics").text for service in SERVICES]
    lines = [line for text in told for line in text.splitlines()]
    return sum(float(line.split()[-1]) for line in lines if line.startswith(FOLD_SECONDS))


def _look_around(home: Path, addresses: Addresses, report: Report) -> list[str]:
    me, where = _near(Path(sys.argv[0])), f"--home {_near(home)}"
    customer = report.at_risk[0].customer_id if report.at_risk else "<customer>"
    url, bearer = addresses.url("lifecycle"), '-H "Authorization: Bearer $TOKEN"'
    return [
        "\n[bold green]The system is still up.[/]  Ctrl-C ends it.\n",
        *(f"  {service:<15}{addresses.url(service)}" for service in SERVICES),
        f"\n  TOKEN=$({me} token --role director {where})",
        f"  {me} trace {customer} {where}",
        f"  curl -s {bearer} {url}/v1/customers/{customer}",
        f"  curl -s {bearer} {url}/v1/customers/{customer}/explain\n",
    ]


def _near(path: Path) -> str:
    """As short as it can be said from here."""
    found = path.resolve()
    return str(found.relative_to(Path.cwd())) if found.is_relative_to(Path.cwd()) else str(found)
