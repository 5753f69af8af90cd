"""`perennial replay`: a recorded history through the running system, in its own time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from perennial_cli.desk import Desk, command, run
from perennial_cli.driving import Driver
from perennial_cli.events import moment, span
from perennial_cli.histories import Meaning, opened
from perennial_cli.importing import meaning_in
from perennial_cli.replaying import Day, Played, WallClockError, refuse_wall_clock, replay
from perennial_cli.showing import Show
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

APART = 1.2
LEFT_OUT_SHOWN = 5


def register(app: typer.Typer) -> None:
    command(app, "replay")(replay_files)


def replay_files(
    desk: Desk,
    files: Annotated[list[Path], typer.Argument(help="NDJSON, or any table with --mapping.")],
    period: Annotated[str, typer.Option(help="How much is published at once: 1d, 12h, 1w.")] = "1d",
    mapping: Annotated[
        list[Path] | None,
        typer.Option(help="What the columns mean (YAML): one for all files, or one for each."),
    ] = None,
    source: Annotated[str, typer.Option(help="Whose ids these are, where a line names none.")] = "",
    until: Annotated[str, typer.Option(help="Play on after the history, to this date.")] = "",
    allow_parked: Annotated[
        bool, typer.Option("--allow-parked", help="Parked facts are no failure.")
    ] = False,
) -> None:
    """Play a recorded history: publish, settle, tick. Exit 1 if anything was parked."""
    left_out: list[str] = []
    length = span(period)
    end = moment(until, datetime.now(UTC)) if until else None
    meant = _meant(files, mapping or [], source)

    async def played() -> Played:
        with (
            opened(meant, source or "replay", left_out.append) as facts,
            _screen(desk.show) as screen,
        ):
            async with Driver(desk.addresses()) as driver:
                await refuse_wall_clock(driver, APART)
                return await replay(driver, facts, length, screen.day, end)

    try:
        done = run(played())
    except WallClockError as error:
        cure = "Start a system with `perennial up --clock ticks`."
        raise Trouble("time runs by itself here, so a history can't be played", cure) from error
    _tell(desk.show, done, left_out)
    if done.parked and not allow_parked:
        raise Trouble(
            f"{done.parked:,} facts are parked", "See `perennial rejected list`.", ANSWER_IS_NO
        )


def _meant(
    files: list[Path], mappings: list[Path], source: str
) -> list[tuple[Path, Meaning | None]]:
    """Every file with what its columns mean."""
    if len(mappings) > 1 and len(mappings) != len(files):
        cure = "Give --mapping once for all files, or once for each, in their order."
        raise Trouble(f"{len(files)} files and {len(mappings)} mappings", cure)
    read: list[Meaning | None] = [meaning_in(one, source) for one in mappings]
    each = read if len(read) == len(files) else (read or [None]) * len(files)
    return list(zip(files, each, strict=True))


class _Screen:
    """Progress for a person; programs hear only the end."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = bar.add_task("", facts=0, rate="", split="") if bar else None
        self._facts = 0
        self._began = datetime.now(UTC)

    def day(self, day: Day) -> None:
        if self._bar is None or self._task is None:
            return
        self._facts += day.facts
        spent = (datetime.now(UTC) - self._began).total_seconds()
        self._bar.update(
            self._task,
            description=f"{day.to:%Y-%m-%d}",
            facts=self._facts,
            rate=f"{self._facts / spent:,.0f} facts/s" if spent else "",
            split=f"{day.facts_seconds * 1000:.0f} + {day.tick_seconds * 1000:.0f} ms",
        )

    def __enter__(self) -> "_Screen":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()


def _screen(show: Show) -> _Screen:
    if show.as_json:
        return _Screen(None)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[facts]:,} facts"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("[dim]a period: {task.fields[split]}[/]"),
        TimeElapsedColumn(),
    )
    return _Screen(Progress(*columns, console=show.aside))


def _tell(show: Show, done: Played, left_out: list[str]) -> None:
    for line in left_out[:LEFT_OUT_SHOWN]:
        show.remark(f"left out: {line}")
    each = 1000 / max(done.ticks, 1)
    row = {
        "facts": done.facts,
        "left_out": len(left_out),
        "parked": done.parked,
        "ticks": done.ticks,
        "from": done.first and f"{done.first:%Y-%m-%d}",
        "to": done.last and f"{done.last:%Y-%m-%d}",
        "seconds": round(done.seconds, 1),
        "facts_a_second": round(done.rate),
        "ms_a_tick_facts": round(done.facts_seconds * each, 1),
        "ms_a_tick_clock": round(done.tick_seconds * each, 1),
    }
    show.rows([row])
