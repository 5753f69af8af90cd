"""Reading the log for people: moments, filters, one line an event."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from perennial.kit.batch import Record
from perennial.kit.reading import Stored
from perennial_cli.events import Seen, Wanted, chosen_topics, moment, seen, span
from perennial_cli.tailing import ON_A_LINE, Skips, compact, in_time, line
from perennial_cli.trouble import Trouble

NOW = datetime(1998, 7, 1, 12, tzinfo=UTC)


def stored(
    offset: int, *, part: int = 0, value: bytes = b'{"total": 1234}', **headers: str
) -> Stored:
    told = {"type": "perennial.order.placed.v1", "id": f"e{offset}", "sequence": "7"} | headers
    encoded = tuple((f"ce_{name}", text.encode()) for name, text in told.items())
    return Stored(Record("orders.v1", part, offset, b"c1", value, encoded), NOW)


def event(correlation: str) -> Seen:
    return seen(stored(3, correlationid=correlation))


@pytest.mark.parametrize(
    ("text", "ago"),
    [("2h", timedelta(hours=2)), ("1d12h", timedelta(hours=36)), ("90m", timedelta(minutes=90))],
)
def test_since_takes_a_span(text: str, ago: timedelta) -> None:
    assert moment(text, NOW) == NOW - ago


def test_since_takes_a_time_and_assumes_utc() -> None:
    assert moment("1998-06-30", NOW) == datetime(1998, 6, 30, tzinfo=UTC)
    assert moment("1998-06-30T02:00:00+02:00", NOW) == datetime(1998, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2x", "", "h"])
def test_since_names_the_cure_for_nonsense(text: str) -> None:
    with pytest.raises(Trouble, match="Say 2h"):
        moment(text, NOW)


@pytest.mark.parametrize("text", ["0d", "day", "1998-01-01"])
def test_a_period_is_longer_than_nothing(text: str) -> None:
    with pytest.raises(Trouble):
        span(text)


def test_topics_are_found_without_their_version_and_unknown_ones_are_named() -> None:
    assert chosen_topics(["orders", "clock.v1", "partner.acme"]) == [
        "orders.v1",
        "clock.v1",
        "partner.acme.v1",
    ]
    with pytest.raises(Trouble, match="no topic oders"):
        chosen_topics(["oders"])


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted(), True),
        (Wanted(type="order.placed"), True),
        (Wanted(type="order.paid"), False),
        (Wanted(key="c1"), True),
        (Wanted(key="c"), False),
        (Wanted(correlation="root"), True),
        (Wanted(correlation="e3"), True),
        (Wanted(correlation="other"), False),
        (Wanted(grep=re.compile("1234")), True),
        (Wanted(grep=re.compile("root")), True),
        (Wanted(grep=re.compile("4321")), False),
        (Wanted(key="c1", type="paid"), False),
    ],
)
def test_all_that_is_asked_must_hold(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(event("root")) is taken


def test_what_nobody_can_decode_is_shown_all_the_same() -> None:
    broken = seen(Stored(Record("orders.v1", 0, 1, None, b"\xff{", (("ce_sequence", b"x"),)), NOW))
    assert (broken.key, broken.ver, broken.data) == ("", 0, "\ufffd{")
    assert "orders.v1" in line(broken)


def test_a_line_leaves_out_the_receipt_and_ends_in_time() -> None:
    assert compact({"total": 5, "receipt": {"causes": ["x"]}, "name": "a"}) == "total=5 name=a"
    assert len(compact({"text": "x" * 1000})) == ON_A_LINE


def test_brackets_in_data_are_no_colours() -> None:
    assert "\\[red]" in line(seen(stored(1, value=b'{"name": "[red]x"}')))


def test_skipped_records_are_counted_per_partition() -> None:
    skips = Skips({("orders.v1", 0): 10, ("orders.v1", 1): 0})
    assert skips.missed([stored(10), stored(11), stored(0, part=1)]) == 0
    assert skips.missed([stored(15), stored(1, part=1)]) == 3
    assert skips.missed([stored(16)]) == 0


def test_events_of_one_moment_keep_the_order_of_their_log() -> None:
    told = [seen(stored(offset)) for offset in (5, 3, 4)]
    assert [one.offset for one in in_time(told)] == [3, 4, 5]
