"""`perennial chaos`: the real system under real load while everything in and around it is struck.

It runs in a home of its own beside the usual one. At the end everything is compared with the
ledger; the home of a run that failed is kept.
"""

import asyncio
import os
import shutil
import sys
from secrets import randbelow
from threading import Timer
from typing import Annotated, Any

import typer

from perennial_cli.chaos_pulse import slowest
from perennial_cli.chaos_run import Plan, Ran, run_chaos
from perennial_cli.desk import Desk, command
from perennial_cli.showing import Show
from perennial_cli.trouble import ANSWER_IS_NO

END_WITHIN = 120.0
"""Seconds in which the system comes down once the verdict is told."""


def register(app: typer.Typer) -> None:
    command(app)(chaos)


def chaos(
    desk: Desk,
    minutes: Annotated[float, typer.Option(min=0.2, help="How long faults strike.")] = 5,
    seed: Annotated[int, typer.Option(help="Decides load and faults; default: a random one.")] = 0,
    every: Annotated[float, typer.Option(min=0.5, help="Mean seconds between faults.")] = 4,
    longest_freeze: Annotated[float, typer.Option(min=1, help="Seconds of frost at most.")] = 20,
    calm: Annotated[
        bool, typer.Option("--calm", help="Load alone, without faults: counts deadlocks.")
    ] = False,
    pace: Annotated[float, typer.Option(min=0.1, help="How much more often all speak.")] = 1,
) -> None:
    """Strike everything at random under load. Exit 1 if a fact is lost, doubled, invented or out of order."""
    seed = seed or 1 + randbelow(1_000_000)
    folder = desk.path.parent / f"chaos-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    plan = Plan(folder, minutes * 60, seed, every, longest_freeze, calm, pace)
    desk.show.aside.print(
        f"seed {seed}: {plan.seconds:.0f} s of {'load' if calm else 'faults'} in {folder}",
        soft_wrap=True,
    )
    ran = _run_and_tell(plan, desk.show)
    if ran.violations:
        desk.show.error(f"{ran.violations} violations; ledger and logs stay in {folder}")
        raise typer.Exit(ANSWER_IS_NO)
    shutil.rmtree(folder, ignore_errors=True)


def _run_and_tell(plan: Plan, show: Show) -> Ran:
    """Told before anything is taken down, and from then on the end is only waited for so long."""

    def judged(ran: Ran) -> None:
        _tell(show, plan, ran)
        end.append(ends_by_force(END_WITHIN, ANSWER_IS_NO if ran.violations else 0))

    end: list[Timer] = []
    ran = asyncio.run(run_chaos(plan, show, judged))
    for timer in end:
        timer.cancel()
    return ran


def ends_by_force(seconds: float, code: int) -> Timer:
    """A client that never comes back from being stopped must not keep the verdict from whoever waits
    for it. The processes of the system end with this one."""

    def leave() -> None:
        sys.stderr.write(f"the system is not down after {seconds:.0f} s: left as it is\n")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    timer = Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    return timer


SOMETIMES = (
    "REST outcomes unknown",
    "answers replayed",
    "waves unknown",
    "relay duplicates absorbed",
    "batches repeated",
    "Kafka lanes started anew",
    "processes started again",
    "commits unknown",
    "poison set aside",
    "disk full",
)
"""What a run should have met at least once, or it proved less than it seems to."""


def _tell(show: Show, plan: Plan, ran: Ran) -> None:
    columns = ("name", "held", "lost", "doubled", "invented", "disordered")
    show.rows([{name: getattr(one, name) for name in columns} for one in ran.checks], columns)
    for problem in [*ran.troubles, *(line for one in ran.checks for line in one.examples)][:20]:
        show.remark(problem)
    if not plan.calm:
        show.rows(slowest(ran.recovered))
        for never in [one for one in SOMETIMES if not (ran.tally + ran.struck)[one]]:
            show.remark(f"never met in this run: {never}")
    show.rows([_closing(plan, ran)])


def _closing(plan: Plan, ran: Ran) -> dict[str, Any]:
    held = {check.name: check.held for check in ran.checks}
    return {
        "seed": plan.seed,
        "facts": held.get("order facts", 0),
        "events": held.get("versions", 0),
        "leads": held.get("lead facts", 0),
        "alerts": held.get("alerts per cause", 0),
        "kills": ran.kills,
        **dict(sorted(ran.struck.items())),
        **dict(sorted(ran.tally.items())),
        "violations": ran.violations,
    }
