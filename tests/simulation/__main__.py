"""`python -m tests.simulation --steps 1000000 [--seed 0] [--mutants]`: the figures of docs/guarantees.md."""

import argparse
import os
import sys
import time

from tests.simulation.campaign import Summary, Totals, caught, many
from tests.simulation.mutants import MUTANTS
from tests.simulation.sights import SOMETIMES

ENOUGH = 1_000_000
"""Steps after which every situation must have been reached."""


def main() -> int:
    asked = argparse.ArgumentParser(description="Four services under simulated faults.")
    asked.add_argument("--steps", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=0, help="the first one")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--mutants", action="store_true", help="break the kit, and see who notices")
    wanted = asked.parse_args()
    return _mutants(wanted.seed) if wanted.mutants else _figures(wanted)


def _figures(wanted: argparse.Namespace) -> int:
    began, totals = time.monotonic(), Totals()
    for one in many(wanted.seed, wanted.steps, wanted.workers):
        totals.add(one)
        _progress(one, totals)
    _told(totals, time.monotonic() - began)
    missing = [what for what in SOMETIMES if not totals.seen[what]]
    if missing and totals.steps >= ENOUGH:
        print(f"\nnever reached: {', '.join(missing)}")
    return 1 if totals.red or (missing and totals.steps >= ENOUGH) else 0


def _progress(one: Summary, totals: Totals) -> None:
    if one.violations or totals.seeds <= 3:
        mark = "VIOLATED" if one.violations else "held"
        print(f"seed {one.seed}: {mark}, {one.steps} steps, {one.facts} facts, {one.digest}")
    for violation in one.violations:
        print(f"    {violation}")
    sys.stdout.flush()


def _told(totals: Totals, seconds: float) -> None:
    print(f"\n{totals.seeds} seeds, {totals.steps:,} steps, {totals.facts:,} facts from outside")
    print(
        f"{totals.steps / seconds:,.0f} steps a second ({seconds:.0f} s; CPU {totals.seconds:.0f} s)"
    )
    print(f"{len(totals.red)} seeds with violations: {[one.seed for one in totals.red]}")
    print("\nfaults that struck")
    for kind, n in sorted(totals.struck.items()):
        print(f"  {n:>9,}  {kind}")
    print("\nsituations that were reached")
    for what in sorted({*SOMETIMES, *totals.seen}):
        print(f"  {totals.seen[what]:>9,}  {what}")


def _mutants(first: int) -> int:
    free = 0
    print("| mutant | seed | steps | what was seen |\n|---|---|---|---|")
    for name in MUTANTS:
        one, steps = caught(name, first)
        free += not one.violations
        seen = one.violations[0][:100] if one.violations else "NOTHING"
        print(f"| {name} | {one.seed} | {steps} | {seen} |", flush=True)
    return 1 if free else 0


if __name__ == "__main__":
    sys.exit(main())
