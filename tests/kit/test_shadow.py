"""The shadow of a service's tables: folded from its topics, and compared without mercy."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec
import pytest
from perennial.contracts.base import Event, Fact, Part, Receipt, State, Topic
from perennial.kit.rebuilding.shadow import (
    Difference,
    Live,
    Logged,
    compared_events,
    compared_states,
    families,
    folded,
    once,
)
from perennial.kit.subject import Subject

from tests.kit import toy

BEGAN = datetime(1998, 7, 1, tzinfo=UTC)


class Counted(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.shadow.counted.v1"
    piece: str
    n: int


class Piece(Part, frozen=True, kw_only=True):
    n: int = 0


class Sum(State, frozen=True, kw_only=True):
    total: int = 0
    mood: str = "calm"
    last: Counted | None = None
    parts: dict[str, Piece] = {}


def evolve(state: Sum, event: Event, _now: datetime) -> Sum:
    assert isinstance(event, Counted)
    parts = {**state.parts, event.piece: Piece(n=event.n)}
    return Sum(total=state.total + event.n, last=event, parts=parts)


TOPIC = Topic("shadow.v1", "shadow", [Counted])
SUM = Subject(name="sum", state=Sum, react=lambda *_: [], evolve=evolve, part=Piece, emits=(TOPIC,))


def told(ver: int, n: int = 1, piece: str = "a", *, late: float = 0, **more: Any) -> Logged:
    event = Counted(piece=piece, n=n, receipt=Receipt(causes=["x"]))
    at = BEGAN + timedelta(minutes=ver)
    fact = Fact(
        data=event,
        id=f"e{ver}",
        key="k",
        now=at,
        time=at,
        topic=TOPIC.name,
        type=Counted.TYPE,
        ver=ver,
    )
    text = msgspec.json.encode(event).decode()
    return Logged(msgspec.structs.replace(fact, **more), text, at + timedelta(minutes=late))


def live(total: int, made: int, parts: dict[str, int], last: Counted | None = None) -> Live:
    state = Sum(total=total, last=last)
    pieces = {name: Piece(n=n) for name, n in parts.items()}
    return Live(BEGAN + timedelta(minutes=made), {}, {TOPIC.name: made}, state, pieces)


def test_the_fold_of_the_topic_is_the_state_without_its_receipts() -> None:
    shadow = folded(SUM, [told(2, 5, "b"), told(1, 2)])
    standing = live(7, 2, {"a": 2, "b": 5}, Counted(piece="b", n=5))
    assert list(compared_states(SUM, "k", standing, shadow)) == []


@pytest.mark.parametrize(
    ("standing", "table", "what"),
    [
        (live(8, 1, {"a": 2}, Counted(piece="a", n=2)), "entity", "total"),
        (live(2, 1, {"a": 2}), "entity", "last"),
        (live(2, 1, {}, Counted(piece="a", n=2)), "part", "is missing in the table"),
        (live(2, 1, {"a": 2, "z": 1}, Counted(piece="a", n=2)), "part", "is missing in the topics"),
        (live(2, 1, {"a": 3}, Counted(piece="a", n=2)), "part", "n"),
    ],
)
def test_whatever_was_changed_behind_the_topics_is_found(
    standing: Live, table: str, what: str
) -> None:
    (found,) = compared_states(SUM, "k", standing, folded(SUM, [told(1, 2)]))
    assert (found.table, found.what) == (table, what)


def test_versions_and_the_last_moment_are_compared() -> None:
    standing = live(2, 2, {"a": 2}, Counted(piece="a", n=2))
    found = list(compared_states(SUM, "k", standing, folded(SUM, [told(1, 2)])))
    assert [one.what for one in found] == ["versions made", "moment of its last event"]


def test_a_record_published_twice_counts_once_and_a_fork_is_told() -> None:
    known, forks = once([told(1), told(2), told(1)], {TOPIC.name: 2})
    assert [one.fact.ver for one in known] == [1, 2]
    assert forks == []
    _, forks = once([told(1, 1), told(1, 9)], {TOPIC.name: 1})
    assert [one.what for one in forks] == ["shadow.v1/1"]


def test_what_is_newer_than_the_snapshot_is_left_out_but_nothing_older() -> None:
    snapshot = BEGAN + timedelta(minutes=2.5)
    log = [told(1), told(2), told(3)]
    known, _ = once(log, {TOPIC.name: 1}, snapshot)
    assert [one.fact.ver for one in known] == [1, 2], (
        "2 was there before, so the tables must know it"
    )
    known, _ = once(log, {TOPIC.name: 3}, snapshot)
    assert [one.fact.ver for one in known] == [1, 2, 3]


def row(one: Logged, **other: Any) -> tuple[Any, ...]:
    fact = one.fact
    fields = {
        "id": fact.id,
        "type": fact.type,
        "time": fact.time,
        "now": fact.now,
        "data": one.text,
    }
    return tuple((fields | other).values())


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ({1: row(told(1))}, "shadow.v1/2 is missing in the table"),
        (
            {1: row(told(1)), 2: row(told(2)), 3: row(told(3))},
            "shadow.v1/3 is missing in the topic",
        ),
        ({1: row(told(1)), 2: row(told(2), id="other")}, "shadow.v1/2: id"),
        ({1: row(told(1)), 2: row(told(2), data="{}", now=BEGAN)}, "shadow.v1/2: now, data"),
    ],
)
def test_every_event_row_is_its_record(rows: dict[int, tuple[Any, ...]], what: str) -> None:
    placed = {(TOPIC.name, ver): one for ver, one in rows.items()}
    found = list(compared_events("k", placed, [told(1), told(2)]))
    assert [one.what for one in found] == [what]


def test_equal_rows_are_silent() -> None:
    rows = {(TOPIC.name, ver): row(told(ver)) for ver in (1, 2)}
    assert list(compared_events("k", rows, [told(1), told(2)])) == []


def test_subjects_that_share_a_topic_are_compared_together() -> None:
    found = families(toy.SERVICE)
    own = [family for family in found if not family.mirrors]
    topics = [topic.name for family in own for topic in family.topics]
    assert len(topics) == len(set(topics)), "a topic is read once"
    assert {name for family in found for name in family.names} <= set(toy.SERVICE.subjects)


def test_a_difference_tells_both_sides_in_brief() -> None:
    shadow = folded(SUM, [told(1, 2)])
    (found,) = compared_states(SUM, "k", live(8, 1, {"a": 2}, Counted(piece="a", n=2)), shadow)
    assert found == Difference(
        table="entity",
        key="sum k",
        what="total",
        table_says='{"total":8}',
        topics_say='{"total":2}',
    )
