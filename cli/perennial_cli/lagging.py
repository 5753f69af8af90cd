"""`perennial lag`: how far behind each service is, in records and, what people feel, in seconds.

The age is that of the oldest record not yet taken, so that a service that stands still keeps ageing.
Positions are those that services tell Kafka about once a second; Postgres alone decides.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from perennial.contracts.catalogue import READS
from perennial.contracts.platform import SERVICES
from perennial.kit.batch import Partition
from perennial.kit.kafka import Broker
from perennial.kit.reading import Reader, committed

from perennial_cli.desk import Desk, command, run
from perennial_cli.rest import Services
from perennial_cli.showing import seconds
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

ROLE = "operator"


@dataclass(frozen=True)
class Lag:
    """One service on one topic."""

    service: str
    topic: str
    behind: int
    age: float
    """Seconds since the oldest record that waits was appended; 0 where none waits."""
    partitions: int
    """Partitions that have something waiting."""


def register(app: typer.Typer) -> None:
    command(app)(lag)


def lag(
    desk: Desk,
    above: Annotated[
        float, typer.Option(help="Exit with 1 if any is older than this (seconds).")
    ] = 0,
) -> None:
    """How far each service is behind, by topic, and what it still has in hand."""
    lags = run(measured(desk.observer()))
    rows = [_row(one) for one in lags]
    desk.show.rows(rows, ("service", "topic", "behind", "age"))
    with Services(desk.addresses(), ROLE) as services:
        work = [_in_hand(services, service) for service in SERVICES]
    desk.show.say("")
    desk.show.rows(work, ("service", "outbox", "in_hand", "due", "jobs", "parked", "next_due"))
    worst = max((one.age for one in lags), default=0)
    if above and worst > above:
        raise Trouble(
            f"the oldest record waits for {seconds(worst)}", "See `perennial doctor`.", ANSWER_IS_NO
        )


async def measured(broker: Broker) -> list[Lag]:
    """Every service on every topic that it reads."""
    told = await asyncio.gather(*(committed(broker, service) for service in SERVICES))
    stands = dict(zip(SERVICES, told, strict=True))
    async with Reader(broker) as reader:
        found = []
        for service in SERVICES:
            topics = [topic.name for topic in READS[service]]
            places = await reader.partitions(topics)
            ends, starts = await reader.ends(places), await reader.starts(places)
            waiting = oldest_waiting(starts, ends, stands[service])
            ages = await reader.first_at(waiting)
            now = datetime.now(UTC)
            at = {place: (now - stored.at).total_seconds() for place, stored in ages.items()}
            found += [_lag(service, topic, waiting, ends, at) for topic in topics]
        return found


def oldest_waiting(
    starts: Mapping[Partition, int], ends: Mapping[Partition, int], stands: Mapping[Partition, int]
) -> dict[Partition, int]:
    """The first offset not taken, of each partition that holds one; never committed = from its start."""
    first = {place: max(stands.get(place, -1), starts[place]) for place in ends}
    return {place: offset for place, offset in first.items() if offset < ends[place]}


def _lag(
    service: str,
    topic: str,
    waiting: Mapping[Partition, int],
    ends: Mapping[Partition, int],
    ages: Mapping[Partition, float],
) -> Lag:
    here = [place for place in waiting if place[0] == topic]
    behind = sum(ends[place] - waiting[place] for place in here)
    return Lag(service, topic, behind, max((ages[place] for place in here), default=0.0), len(here))


def _row(one: Lag) -> dict[str, Any]:
    return {
        "service": one.service,
        "topic": one.topic,
        "behind": one.behind,
        "age": seconds(one.age) if one.behind else "",
        "age_seconds": round(one.age, 3),
        "partitions": one.partitions,
    }


def _in_hand(services: Services, service: str) -> dict[str, Any]:
    report = services.get(service, "/internal/settle", wait=0)
    return {
        "service": service,
        "outbox": "empty" if report["reached"] else "publishing",
        **{name: report[name] for name in ("in_hand", "due", "jobs", "parked")},
        "next_due": report.get("next_due"),
    }
