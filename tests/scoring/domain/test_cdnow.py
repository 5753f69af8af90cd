"""The recorded history of 2,357 customers over 78 weeks: how much is said, and how fast."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime

import pytest
from perennial.contracts.base import Fact
from perennial.contracts.scores import CustomerScored, TrendChanged
from scoring.domain.rescoring import Rescore

from tests.scoring.domain.test_churn import WITH_MODEL, WITHOUT_MODEL
from tests.scoring.domain.test_fitting import cdnow_rows
from tests.scoring.replaying import Replay, order

ADOPTED = datetime(1997, 10, 1, tzinfo=UTC)
END = datetime(1998, 7, 1, tzinfo=UTC)


@pytest.mark.feature("S5")
def test_silence_stays_calm_over_a_whole_history() -> None:
    said: Counter[str] = Counter()
    for key, facts in histories().items():
        for event in lived(str(key), facts).events:
            name = type(event).__name__
            said[f"{name} {event.because}" if isinstance(event, CustomerScored) else name] += 1

    assert said["CustomerScored order"] == 6919
    assert said["CustomerScored model"] == 2357
    assert said["CustomerScored silence"] < 25_000
    assert said["CustomerScored silence"] + said[TrendChanged.__name__] < 40_000


def histories() -> dict[int, list[Fact]]:
    facts: dict[int, list[tuple[date, int, int]]] = defaultdict(list)
    for number, (customer, day, amount) in enumerate(cdnow_rows()):
        facts[customer].append((day, number, amount))
    return {
        customer: [
            order(day, amount, f"o{number}", paid=True) for day, number, amount in sorted(rows)
        ]
        for customer, rows in facts.items()
    }


def lived(key: str, facts: list[Fact]) -> Replay:
    """The first model is adopted after 39 weeks."""
    replay = Replay(WITHOUT_MODEL, key)
    replay.take([fact for fact in facts if fact.now < ADOPTED]).until(ADOPTED)
    replay.world = WITH_MODEL
    replay.take([Fact(data=Rescore("mbg-nbd@1"), id="r", key=key, now=ADOPTED, time=ADOPTED)])
    return replay.take([fact for fact in facts if fact.now >= ADOPTED]).until(END)
