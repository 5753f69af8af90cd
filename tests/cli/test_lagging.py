"""How far behind: from the group's offsets, the log's ends, and nothing else."""

from perennial_cli.lagging import oldest_waiting
from perennial_cli.showing import seconds

ORDERS = ("orders.v1", 0)


def test_who_has_taken_everything_waits_for_nothing() -> None:
    assert oldest_waiting({ORDERS: 0}, {ORDERS: 9}, {ORDERS: 9}) == {}


def test_the_oldest_waiting_record_is_where_the_group_stands() -> None:
    assert oldest_waiting({ORDERS: 0}, {ORDERS: 9}, {ORDERS: 4}) == {ORDERS: 4}


def test_a_group_that_never_said_anything_waits_from_the_start() -> None:
    assert oldest_waiting({ORDERS: 2}, {ORDERS: 9}, {}) == {ORDERS: 2}
    assert oldest_waiting({ORDERS: 2}, {ORDERS: 9}, {ORDERS: -1}) == {ORDERS: 2}


def test_what_was_deleted_can_not_be_waited_for() -> None:
    assert oldest_waiting({ORDERS: 5}, {ORDERS: 9}, {ORDERS: 1}) == {ORDERS: 5}


def test_spans_are_told_as_people_say_them() -> None:
    told = [seconds(value) for value in (0.004, 1.25, 42, 180, 7200 * 2, 86_400 * 3)]
    assert told == ["4 ms", "1.2 s", "42 s", "3 min", "4 h", "3 d"]
