"""The same histories through the door in memory and on real Postgres leave the same tables."""

from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perennial.kit.batch import Item

from tests.conftest import fresh
from tests.kit import toy
from tests.kit.toyhouse import Source, Toy, ask

pytestmark = pytest.mark.feature("P2")

KEYS, ORDERS = ("a", "b", "c"), ("o1", "o2", "o3")
HAPPENINGS = [
    "fed",
    "noted",
    "order",
    "payment",
    "add",
    "ticket",
    "unite",
    "hand",
    "staff",
    "flush",
    "timers",
    "release",
    "redrive",
    "discard",
]
AMOUNTS = (1, 2, 500, toy.POISON, toy.STUCK)
few = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Step:
    """One thing that happens; `again` repeats the facts of the step before (a relay's duplicates)."""

    kind: str
    key: str
    amount: int = 1
    order: str = "o1"
    remind: int = 0
    again: bool = False


steps = st.builds(
    Step,
    kind=st.sampled_from((*HAPPENINGS, "fed", "fed")),
    key=st.sampled_from(KEYS),
    amount=st.sampled_from(AMOUNTS),
    order=st.sampled_from(ORDERS),
    remind=st.sampled_from([0, 0, 5, 60]),
    again=st.booleans(),
)


async def play(house: Toy, history: list[Step]) -> list[tuple[int, bytes]]:
    """The history in batches; what clients were told."""
    source, batch, told = Source(), list[Item](), list[tuple[int, bytes]]()
    for second, step in enumerate(history):
        item = _item(source, step, second)
        if item is not None:
            batch.append(item)
            if step.again and item.fact.ver:
                batch.append(source.item(item.fact))
            continue
        if batch:
            await house.records(*batch)
            batch = []
        told += await _done(house, step, second)
    if batch:
        await house.records(*batch)
    return told


def _item(source: Source, step: Step, second: int) -> Item | None:
    match step.kind:
        case "fed":
            return source.fed(step.key, step.amount, second, remind_after=step.remind, times=2)
        case "noted":
            said = toy.Noted() if step.remind else toy.Gone(order=step.order)  # no rule hears that
            return source.item(source.fact(toy.NOTES.name, step.key, said, second))
        case "staff":
            named = toy.Named(name=f"boss {second}")
            return source.item(source.fact(toy.STAFF.name, "boss", named, second))
        case "order":
            fact_id = "" if step.again else f"{second}"
            return source.order(step.key, step.order, fact_id, "EUR" if step.remind else "USD")
        case "hand":  # the next key takes the order that this one lets go of
            gone = source.fact(toy.FEED.name, step.key, toy.Parted(order=step.order), second)
            return source.item(gone)
        case "payment":
            return source.payment(step.order, step.order if step.again else f"{second}")
    return None


async def _done(house: Toy, step: Step, second: int) -> list[tuple[int, bytes]]:
    match step.kind:
        case "add":
            name = "same" if step.again else f"add {second}"
            add = toy.Add(amount=step.amount, purse="purse" if step.remind else "")
            wish, same = ask(step.key, add, name), ask(step.key, add, name)
            return [(one.status, one.body) for one in await house.asks(wish, same)]
        case "ticket":
            wishes = [
                ask(step.key, toy.Ticket(series="s", poison=bool(step.remind)), f"t {second}"),
                ask(step.key, toy.SetRate(value=1), f"rate {second}"),
            ]
            wishes[1] = ask("rate:EUR", toy.SetRate(value=1), f"rate {second}")
            return [(one.status, one.body) for one in await house.asks(*wishes)]
        case "unite":
            union = toy.Unite(other=KEYS[step.amount % 3], apart=bool(step.remind))
            [answer] = await house.asks(ask(step.key, union, f"unite {second}"))
            return [(answer.status, answer.body)]
        case "timers":
            await house.timers(second)
        case "release":
            await house.release()
        case "redrive" | "discard":
            await house.store.redrive(step.kind == "discard")
            await house.release()
    return []


async def _check(house: Toy) -> dict[str, Any]:
    """Tables that can be trusted: versions without gaps, and every event told once."""
    tables: dict[str, Any] = await house.store.dump()
    versions: dict[tuple[str, str], list[int]] = {}
    for topic, key, ver, *_ in tables["event"]:
        versions.setdefault((topic, key), []).append(ver)
    for found in versions.values():
        assert found == list(range(1, len(found) + 1))
    assert sorted(tables["outbox"]) == [event[:3] for event in tables["event"]] == tables["told"]
    return tables


@given(st.lists(steps, max_size=25))
@settings(deadline=None, max_examples=150)
async def test_any_history_leaves_sound_tables(history: list[Step]) -> None:
    house = Toy.in_memory()
    await play(house, history)
    await _check(house)


@given(st.lists(steps, max_size=25))
@few
async def test_both_stores_end_with_the_same_tables(
    pool: asyncpg.Pool, history: list[Step]
) -> None:
    await fresh(pool)
    imagined, real = Toy.in_memory(), Toy.on(pool)
    assert await play(imagined, history) == await play(real, history)
    assert await _check(imagined) == await _check(real)
