"""`perennial tail`: decoded events as they are, or as they come. Bounded unless told to follow."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer
from perennial.contracts.catalogue import TOPICS
from perennial.kit.batch import Partition
from perennial.kit.reading import Reader, Stored

from perennial_cli.desk import Desk, command, run
from perennial_cli.events import Seen, Wanted, chosen_topics, moment, seen
from perennial_cli.showing import Show, escaped
from perennial_cli.trouble import Trouble

SORTED_MOST = 50_000
"""More records than this are shown as they come, by partition: a log need not fit in memory."""
BEHIND_MOST = 20_000
"""A screen that is further behind than this would show the past for minutes: it skips, and says so."""
ON_A_LINE = 160


def register(app: typer.Typer) -> None:
    command(app)(tail)


def tail(
    desk: Desk,
    topics: Annotated[
        list[str] | None, typer.Argument(help="Topics; all if none is named.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    last: Annotated[int, typer.Option("--last", "-n", help="Show this many at most.")] = 20,
    type_: Annotated[str, typer.Option("--type", help="Part of the event's type.")] = "",
    key: Annotated[str, typer.Option(help="Customer, or register entry.")] = "",
    correlation: Annotated[str, typer.Option(help="All that one outside fact led to.")] = "",
    since: Annotated[str, typer.Option(help="2h, 30m, 1d or a time: from then on, all.")] = "",
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="All there is.")] = False,
    grep: Annotated[str, typer.Option(help="A pattern in headers or data.")] = "",
) -> None:
    """Show events, decoded: the last ones, those since a moment, or live with --follow."""
    wanted = Wanted(type_, key, correlation, _pattern(grep))
    begin = moment(since, datetime.now(UTC)) if since else None
    every = from_beginning or begin is not None
    job = Tail(desk.show, wanted, None if every else last, begin)
    run(job.show_all(Reader(desk.observer()), chosen_topics(topics), follow))


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.IGNORECASE) if text else None
    except re.error as error:
        raise Trouble(
            f"--grep {text!r}: {error}", "Put a backslash before brackets and dots."
        ) from error


@dataclass
class Tail:
    """One showing of the log."""

    show: Show
    wanted: Wanted
    last: int | None
    since: datetime | None

    async def show_all(self, reader: Reader, topics: list[str], follow: bool) -> None:
        async with reader:
            places = await (reader.partitions if topics else reader.present)(topics or TOPICS)
            ends = await reader.ends(places)
            starts = await reader.starts(places, self.since)
            if self.last is None:
                await self._all(reader, starts, ends)
            elif self.last > 0:
                await self._last(reader, starts, ends, self.last)
            if follow:
                await self._follow(reader, ends)

    async def _all(
        self, reader: Reader, starts: dict[Partition, int], ends: dict[Partition, int]
    ) -> None:
        count = sum(ends[place] - starts[place] for place in ends)
        if count > SORTED_MOST:
            self.show.remark(f"{count:,} records: shown by partition, not in order of time")
        kept: list[Seen] = []
        async for events in self._taken(reader.between(starts, ends)):
            if count > SORTED_MOST:
                self._print(events)
            else:
                kept += events
        self._print(in_time(kept))

    async def _last(
        self, reader: Reader, starts: dict[Partition, int], ends: dict[Partition, int], most: int
    ) -> None:
        """With a filter the whole log is searched, else only the end of each partition."""
        if self.wanted == Wanted():
            starts = {place: max(starts[place], end - most) for place, end in ends.items()}
        kept: list[Seen] = []
        async for events in self._taken(reader.between(starts, ends)):
            kept = in_time([*kept, *events])[-most:]
        self._print(kept)

    async def _follow(self, reader: Reader, ends: dict[Partition, int]) -> None:
        skipping = Skips(dict(ends))
        async for stored in reader.following(ends):
            missed = skipping.missed(stored)
            if missed:
                self.show.remark(f"skipped {missed:,}")
            self._print([one for one in map(seen, stored) if self.wanted.takes(one)])
            if not self.show.as_json:
                await self._keep_up(reader, skipping)

    async def _keep_up(self, reader: Reader, skipping: "Skips") -> None:
        now = await reader.ends(skipping.expected)
        if sum(end - skipping.expected[place] for place, end in now.items()) > BEHIND_MOST:
            reader.seek(now)

    async def _taken(self, polls: AsyncIterator[list[Stored]]) -> AsyncIterator[list[Seen]]:
        async for stored in polls:
            yield [one for one in map(seen, stored) if self.wanted.takes(one)]

    def _print(self, events: list[Seen]) -> None:
        for event in events:
            if self.show.as_json:
                self.show.json(event.as_row())
            else:
                self.show.console.print(line(event))


@dataclass
class Skips:
    """Notices what was never shown: skipped on purpose, or deleted before it could be read."""

    expected: dict[Partition, int]

    def missed(self, stored: list[Stored]) -> int:
        count = 0
        for one in stored:
            place = (one.record.topic, one.record.part)
            count += one.record.offset - self.expected.get(place, one.record.offset)
            self.expected[place] = one.record.offset + 1
        return count


def in_time(events: list[Seen]) -> list[Seen]:
    """By append time; within a partition the log's own order, whatever the clock of the broker did."""
    return sorted(events, key=lambda one: (one.at, one.topic, one.part, one.offset))


def line(event: Seen) -> str:
    """One event on one line: when, what, whose, which version, what happened."""
    when = (event.time or event.at.isoformat())[:19].replace("T", " ")
    kind = event.type.removeprefix("perennial.") or "?"
    data = compact(event.data)
    return (
        f"[dim]{escaped(when)}[/] [cyan]{escaped(kind)}[/] [bold]{escaped(event.key)}[/]"
        f" [dim]{event.topic}/{event.ver or event.offset}[/] {escaped(data)}"
    )


def compact(data: Any) -> str:
    """The business data without its receipt, cut to what fits on a line."""
    if not isinstance(data, dict):
        text = str(data)
    else:
        told = {name: value for name, value in data.items() if name != "receipt"}
        text = " ".join(f"{name}={_brief(value)}" for name, value in told.items())
    return text if len(text) <= ON_A_LINE else text[: ON_A_LINE - 1] + "…"


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
