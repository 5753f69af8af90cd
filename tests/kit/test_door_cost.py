"""What one fact costs behind the door, printed for whoever looks; nothing is asserted of time."""

import time

import asyncpg
import pytest

from tests.kit.toyhouse import Source, Toy

FACTS = 5_000


@pytest.mark.parametrize("keys", [FACTS, FACTS // 10])
async def test_fold_and_write_of_one_batch(pool: asyncpg.Pool, keys: int) -> None:
    house, source = Toy.on(pool), Source()
    for known in ("new", "known", "known"):
        batch = [source.fed(f"k{n % keys}", 1, n) for n in range(FACTS)]
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = await house.records(*batch)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        each = 1_000_000 / FACTS
        print(
            f"\n{FACTS} facts, {keys} {known} keys: {wall * each:.0f} µs each, {cpu * each:.0f} in Python"
        )
        assert len(outcome.writes.events) == FACTS
