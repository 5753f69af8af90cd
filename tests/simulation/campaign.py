"""Many seeds, one after the other or several at once, and what they came to."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing import get_context

from tests.simulation import mutants
from tests.simulation.comparing import differences
from tests.simulation.running import Plan, Result, run

NO_FAULTS: dict[str, float] = {}


@dataclass(frozen=True)
class Summary:
    """One seed, told in short."""

    seed: int
    steps: int
    facts: int
    seconds: float
    violations: list[str]
    struck: Counter[str]
    seen: Counter[str]
    digest: str
    """Of all that was written: the same seed gives the same one, in any process."""


@dataclass
class Totals:
    """All seeds together."""

    seeds: int = 0
    steps: int = 0
    facts: int = 0
    seconds: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    red: list[Summary] = field(default_factory=list)

    def add(self, one: Summary) -> None:
        self.seeds += 1
        self.steps += one.steps
        self.facts += one.facts
        self.seconds += one.seconds
        self.struck.update(one.struck)
        self.seen.update(one.seen)
        if one.violations:
            self.red.append(one)


def played(seed: int, phases: int = 30, mutant: str = "") -> Summary:
    """Play one seed, and once more without faults where the two must agree."""
    began, plan = time.process_time(), Plan.of(seed, phases)
    with mutants.MUTANTS.get(mutant, mutants.none)():
        result = run(plan)
        if plan.comparable and not result.violations:
            calm = run(replace(plan, rates=NO_FAULTS))
            result.violations += calm.violations
            result.violations += differences(result.tables, calm.tables, plan.rounds, plan.alone)
            result.seen["compared with a run without faults"] += 1
            result.seen["compared with leads as well"] += plan.market and not plan.rounds
    return Summary(
        seed,
        result.steps,
        result.facts,
        time.process_time() - began,
        result.violations,
        result.struck,
        result.seen,
        _digest(result),
    )


def many(first: int, steps: int, workers: int) -> Iterator[Summary]:
    """Seeds from `first` on until so many steps were simulated."""
    done, seeds = 0, count(first)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: set[Future[Summary]] = set()
        while done < steps or running:
            while done < steps and len(running) < workers:
                running.add(pool.submit(played, next(seeds)))
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for one in ended:
                done += one.result().steps
                yield one.result()


def caught(mutant: str, first: int = 0, most: int = 10) -> tuple[Summary, int]:
    """The first seed that a mutant turns red, and how many steps it took to get there."""
    steps = 0
    for seed in range(first, first + most):
        one = played(seed, mutant=mutant)
        steps += one.steps
        if one.violations:
            break
    return one, steps


def _digest(result: Result) -> str:
    told = hashlib.sha256(f"{result.steps} {sorted(result.struck.items())}".encode())
    for name, tables in sorted(result.tables.items()):
        for place, said in sorted(tables.event.items()):
            told.update(f"{name} {place} {said}".encode())
        told.update(f"{sorted(tables.entity.items())}".encode())
    return told.hexdigest()[:16]
