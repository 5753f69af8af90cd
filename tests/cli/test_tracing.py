"""Trees of causes: what followed from what, and how long each hop took."""

from datetime import UTC, datetime, timedelta

from perennial_cli.events import Seen
from perennial_cli.tracing import Node, as_rows, forest

BEGAN = datetime(1998, 7, 1, tzinfo=UTC)


def event(name: str, cause: str = "", after: float = 0) -> Seen:
    headers = {"ce_id": name, "ce_causationid": cause, "ce_type": f"perennial.{name}.v1"}
    return Seen("orders.v1", 0, 0, BEGAN + timedelta(seconds=after), "c1", headers, "{}")


def shape(nodes: list[Node]) -> dict[str, object]:
    return {node.id: shape(node.after) for node in nodes}


def test_effects_hang_below_their_causes_in_whatever_order_they_are_read() -> None:
    told = [
        event("score", "order"),
        event("alert", "light"),
        event("light", "score"),
        event("order"),
    ]
    assert shape(forest(told)) == {"order": {"score": {"light": {"alert": {}}}}}


def test_a_cause_from_outside_heads_all_its_effects() -> None:
    told = [event("a", "timer:silence"), event("b", "timer:silence"), event("c", "b")]
    assert shape(forest(told)) == {"timer:silence": {"a": {}, "b": {"c": {}}}}


def test_an_event_told_twice_stands_once() -> None:
    told = [event("order"), event("score", "order"), event("score", "order")]
    assert shape(forest(told)) == {"order": {"score": {}}}


def test_causes_in_a_circle_are_shown_and_end() -> None:
    told = [event("a", "b"), event("b", "a")]
    assert shape(forest(told)) == {"b": {"a": {}}} or shape(forest(told)) == {"a": {"b": {}}}


def test_each_hop_tells_its_latency() -> None:
    told = [event("order"), event("score", "order", 0.25), event("light", "score", 1.0)]
    rows = [row for root in forest(told) for row in as_rows(root)]
    assert [(row["id"], row["depth"], row["hop_seconds"]) for row in rows] == [
        ("order", 0, None),
        ("score", 1, 0.25),
        ("light", 2, 0.75),
    ]
