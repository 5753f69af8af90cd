"""How far the replay has come: a bar that moves on a terminal, a line a month anywhere else."""

from abc import ABC, abstractmethod
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from perennial_cli.demo import sample
from perennial_cli.replaying import Day


class Screen(ABC):
    """What a replay tells of each day."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def day(self, day: Day) -> None: ...

    def stop(self) -> None:  # noqa: B027  # nothing to take away, unless something moves
        """No more is to be shown."""


class Lines(Screen):
    """A line for each month that is over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._facts = 0
        self._told = sample.STARTS

    def day(self, day: Day) -> None:
        self._facts += day.facts
        if day.to.day == 1 and day.to > self._told:
            self._told = day.to
            self._console.print(f"{day.to:%Y-%m-%d}  {self._facts:>6,} facts")


class Bar(Screen):
    """A bar over the days, gone when they are over."""

    def __init__(self, console: Console) -> None:
        self._facts = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("days  {task.fields[facts]:,} facts"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        days = (sample.ENDS - sample.STARTS) // sample.DAY
        self._task = self._bar.add_task(f"{sample.STARTS:%Y-%m-%d}", total=days, facts=0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def stop(self) -> None:
        self._bar.stop()

    def day(self, day: Day) -> None:
        self._facts += day.facts
        self._bar.update(
            self._task,
            description=f"{day.to:%Y-%m-%d}",
            completed=(day.to - sample.STARTS) // sample.DAY,
            facts=self._facts,
        )


def progress(console: Console) -> Screen:
    return Bar(console) if console.is_terminal else Lines(console)
