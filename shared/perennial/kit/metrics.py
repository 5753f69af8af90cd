"""What on-call engineers watch, in the names that their dashboards expect."""

import time
from collections import Counter as Counted
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

A = TypeVar("A")
R = TypeVar("R")


class Metrics:
    """Counters of one service process, in a registry of their own."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        make: dict[str, Any] = {"registry": self.registry, "namespace": "perennial"}
        self.folded = Counter("facts_folded", "Facts folded, by lane", ["lane"], **make)
        self.fold_seconds = Counter(
            "fold_seconds", "CPU of reading states, applying rules, writing events", **make
        )
        self.made = Counter("events_made", "Own events, by topic", ["topic"], **make)
        self.duplicates = Counter("facts_duplicate", "Facts seen before", **make)
        self.parked = Counter("facts_parked", "Facts set aside, by state", ["state"], **make)
        self.repeated = Counter("batches_repeated", "Batches repeated, by error", ["error"], **make)
        self.stopped = Gauge(
            "partition_stopped", "1 where a gap or fork stopped it", ["topic", "partition"], **make
        )
        self.size = Histogram(
            "batch_facts", "Facts in a batch", buckets=(1, 5, 25, 100, 500, 2000, 5000), **make
        )

    def batch(self, job: Any, outcome: Any) -> None:
        """Count one committed batch."""
        size = len(job.items) + len(job.timers)
        self.size.observe(size)
        self.folded.labels(job.lane).inc(size)
        self.duplicates.inc(outcome.duplicates)
        for topic, n in Counted(event.topic for event in outcome.writes.events).items():
            self.made.labels(topic).inc(n)
        for state, n in Counted(parked.state for parked in outcome.writes.parked).items():
            self.parked.labels(state).inc(n)


def timed(machine: Generator[A, Any, R], spend: Callable[[float], None]) -> Generator[A, Any, R]:
    """The same machine; what it computes between two actions is told to `spend`, in CPU seconds."""
    result: Any = None
    while True:
        began = time.thread_time()
        try:
            action = machine.send(result)
        except StopIteration as done:
            value: R = done.value
            return value
        finally:
            spend(time.thread_time() - began)
        result = yield action
