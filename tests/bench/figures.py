"""What a measurement came to: ours against a baseline of the same run, and the bar it is held to."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`ratio` is ours over baseline; `at_most` where less is better. No `ours`: not measured."""

    figure: str
    ours: float | None
    baseline: float | None
    bar: float
    unit: str
    note: str = ""
    at_most: bool = False

    @property
    def ratio(self) -> float | None:
        if self.ours is None or not self.baseline:
            return None
        return self.ours / self.baseline

    @property
    def holds(self) -> bool | None:
        ratio = self.ratio
        if ratio is None:
            return None
        return ratio <= self.bar if self.at_most else ratio >= self.bar

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "holds": self.holds}


def middle(rounds: Sequence[float]) -> float:
    """The median: one disturbed round of an odd number changes nothing."""
    return median(rounds)


def spread(rounds: Iterable[float]) -> str:
    """All rounds, so that a reader sees how noisy the machine was."""
    return " / ".join(_short(one) for one in rounds)


def not_measured(figure: str, bar: float, unit: str, why: str, *, at_most: bool = False) -> Figure:
    return Figure(figure, None, None, bar, unit, f"not measured: {why}", at_most)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Figures of this run take the place of their namesakes; those of other runs stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    measured = {one.figure for one in figures}
    kept = [one for one in before if one["figure"] not in measured]
    everything = [*kept, *(one.as_json() for one in figures)]
    path.write_text(json.dumps(everything, indent=1) + "\n")


def table(figures: Sequence[Figure]) -> str:
    width = max((len(one.figure) for one in figures), default=0)
    head = f"{'figure':{width}}  {'ours':>10} {'baseline':>10} {'ratio':>8} {'bar':>8}  unit"
    return "\n".join([head, *(_row(one, width) for one in figures)])


def _row(one: Figure, width: int) -> str:
    bar = f"{'≤' if one.at_most else '≥'} {_short(one.bar)}"
    mark = {True: "holds", False: "MISSED", None: "-"}[one.holds]
    numbers = f"{_short(one.ours):>10} {_short(one.baseline):>10} {_short(one.ratio):>8} {bar:>8}"
    return f"{one.figure:{width}}  {numbers}  {one.unit}: {mark}. {one.note}"


def _short(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
