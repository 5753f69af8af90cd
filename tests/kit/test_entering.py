"""In which order a ledger is told what the log holds, where a thing has changed keys."""

from datetime import UTC, datetime
from itertools import permutations
from typing import ClassVar

import pytest
from perennial.contracts.base import Event, Fact
from perennial.kit.rebuilding.entering import in_order
from perennial.kit.rebuilding.shadow import Logged

pytestmark = pytest.mark.feature("P7")

NOON = datetime(2026, 2, 10, tzinfo=UTC)


class Moved(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.toy.moved.v1"


class Went(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.toy.went.v1"


def told(key: str, ver: int, event: Event, cause: str = "") -> Logged:
    fact = Fact(
        data=event, id=f"{key}{ver}", key=key, now=NOON, time=NOON, topic="toy.v1",
        type=event.TYPE, ver=ver, causation=cause or f"{key}{ver}",
    )  # fmt: skip
    return Logged(fact, "{}", NOON)


def test_of_one_moment_each_key_goes_its_way_and_meets_the_other_where_things_are_handed_over() -> (
    None
):
    """From a to b and back again, all at noon: by versions alone b's last would come before a's first."""
    history = [
        told("a", 18, Went()), told("a", 19, Moved(), "union"), told("b", 1, Moved(), "union"),
        told("b", 2, Went()), told("b", 3, Moved(), "parting"), told("a", 20, Moved(), "parting"),
        told("a", 21, Went()),
    ]  # fmt: skip
    for shuffled in permutations(history):
        went = [one for one in in_order(shuffled, (Moved,)) if isinstance(one.fact.data, Went)]
        assert [one.fact.id for one in went] == ["a18", "b2", "a21"]


def test_without_a_hand_over_it_is_by_moment_topic_and_version() -> None:
    history = [told("a", 2, Went()), told("b", 1, Went())]
    assert [one.fact.id for one in in_order(history, (Moved,))] == ["b1", "a2"]
