"""Looking back: what a service answers for a past moment is what a rebuild of the log so far would hold."""

from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from random import Random
from typing import Any

import msgspec
import pytest
from perennial.contracts.platform import SERVICES
from perennial.kit.history import state_at
from perennial.kit.kafka import Broker
from perennial.kit.postgres import connect
from perennial.kit.reading import Reader
from perennial.kit.rebuilding.shadow import Logged, folded, logged
from perennial.kit.subject import Service, Subject
from perennial.kit.writing import encode_state
from perennial_cli.topology import OBSERVER

from tests.e2e.house import House, fresh

KEYS, MOMENTS = 25, 6
"""How many of each subject are looked at, and at how many moments of their lives."""


async def written(house: House, service: Service) -> dict[tuple[str, str], list[Logged]]:
    """What stands on a service's own topics: (subject, key) → its events, each version once."""
    emitting = {name: one for name, one in service.subjects.items() if one.emits}
    writers: dict[str, list[str]] = {}
    for name, subject in emitting.items():
        for topic in subject.emits:
            writers.setdefault(topic.name, []).append(name)
    found: dict[tuple[str, str], dict[tuple[str, int], Logged]] = {}
    for one in await standing(house, sorted(writers)):
        for name in writers[one.fact.topic]:
            found.setdefault((name, one.fact.key), {}).setdefault(one.place, one)
    return {place: list(versions.values()) for place, versions in found.items()}


async def standing(house: House, topics: list[str]) -> list[Logged]:
    login = house.addresses.credentials(OBSERVER)
    async with Reader(Broker(house.addresses.bootstrap, login.username, login.password)) as reader:
        places = await reader.partitions(topics)
        starts, ends = await reader.starts(places), await reader.ends(places)
        return [logged(one) async for polled in reader.between(starts, ends) for one in polled]


def moments(events: list[Logged], rng: Random) -> Iterator[datetime]:
    known = sorted({one.fact.now for one in events})
    yield from rng.sample(known, min(MOMENTS, len(known)))


def of_log(subject: Subject, events: list[Logged], until: datetime) -> Any:
    """Root and parts as the log up to that moment makes them."""
    shadow = folded(subject, [one for one in events if one.fact.now <= until])
    return encode_state(shadow.state), {
        name: encode_state(part) for name, part in shadow.parts.items()
    }


def of_service(subject: Subject, state: Any) -> Any:
    parts = dict(state.parts) if subject.part is not None else {}
    root = msgspec.structs.replace(state, parts={}) if subject.part is not None else state
    return encode_state(root), {name: encode_state(part) for name, part in parts.items()}


@pytest.mark.feature("P7")
@pytest.mark.parametrize("name", SERVICES)
async def test_a_past_state_is_what_the_log_until_then_makes(house: House, name: str) -> None:
    for _ in range(3):
        made = await house.order(fresh("looked-back-at"))
        await house.ask("POST", "lead-intake", f"/v1/orders/{made['order_id']}/returns", {
            "return": fresh("r"), "returned_at": house.now, "amount": 10_00,
        })  # fmt: skip
    await house.live(2)
    service: Service = import_module(f"{name.replace('-', '_')}.main").SERVICE
    log, rng = await written(house, service), Random(name)
    pool = await connect(house.addresses.dsn(name.replace("-", "_")), "looking", size=2)
    compared = 0
    try:
        for subject_name, key in rng.sample(sorted(log), min(KEYS, len(log))):
            subject, events = service.subjects[subject_name], log[subject_name, key]
            for moment in moments(events, rng):
                there = await state_at(pool, service, subject, key, moment)
                assert of_service(subject, there) == of_log(subject, events, moment), (key, moment)
                compared += 1
    finally:
        await pool.close()
    assert compared
