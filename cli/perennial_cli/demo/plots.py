"""Four pictures of a played history, as SVG. Each title says what the picture shows."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from perennial_cli.demo.funnel import Funnel
from perennial_cli.demo.report import Forecast, Frequency, Report
from perennial_cli.demo.sample import FORECAST_WEEKS, KNOWN_WEEKS
from perennial_cli.demo.telling import SEGMENTS

INK, SOFT, GRID = "#22303c", "#6b7a88", "#e4e9ee"
ACTUAL, EXPECTED = "#22303c", "#e4572e"
COLOURS = {
    "activated": "#bfe3d4", "serving": "#8fd0bb", "growing": "#3fae8f", "maintaining": "#2f7f9d",
    "maturing": "#f2c14e", "declining": "#f08a4b", "winning-back": "#d95d8a", "lost": "#b8bfc6",
    "released": "#d9dde1", "identified": "#e9f4ee", "prospecting": "#d5ece0",
}  # fmt: skip
FUNNEL = {"captured": "#d5ece0", "ready": "#8fd0bb", "assigned": "#3fae8f", "won": "#22303c"}
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif", "font.size": 11, "text.color": INK, "axes.labelcolor": SOFT,
    "axes.edgecolor": GRID, "axes.grid": True, "grid.color": GRID, "axes.axisbelow": True,
    "xtick.color": SOFT, "ytick.color": SOFT, "axes.titlelocation": "left",
    "axes.titlesize": 14, "axes.titleweight": "bold", "axes.titlepad": 16,
    "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none",
    "svg.hashsalt": "perennial", "figure.figsize": (9.5, 5.2), "figure.constrained_layout.use": True,
}  # fmt: skip

Draw = Callable[[Any], None]


def draw_all(folder: Path, report: Report) -> list[Path]:
    """Where the pictures lie."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, rc_context

    drawings: dict[str, Draw] = {
        "repeat-orders.svg": lambda axes: _repeat_orders(axes, report.forecast),
        "segments.svg": lambda axes: _segments(axes, report.segments_over_time),
        "by-frequency.svg": lambda axes: _by_frequency(axes, report.forecast),
        "funnel.svg": lambda axes: _funnel(axes, report.funnel),
    }
    for name, draw in drawings.items():
        with rc_context(STYLE):
            figure, axes = pyplot.subplots()
            draw(axes)
            figure.savefig(folder / name, metadata={"Date": None})
            pyplot.close(figure)
    return [folder / name for name in drawings]


def _repeat_orders(axes: Any, one: Forecast) -> None:
    known = one.actual_by_week[KNOWN_WEEKS - 1]
    ahead = range(KNOWN_WEEKS, KNOWN_WEEKS + FORECAST_WEEKS + 1)
    expected = [known, *(known + orders for orders in one.expected_by_week)]
    actual = [0, *one.actual_by_week]
    axes.axvspan(0, KNOWN_WEEKS, color="#f5f7f9", zorder=0)
    axes.plot(range(len(actual)), actual, color=ACTUAL, linewidth=2.4)
    axes.plot(ahead, expected, color=EXPECTED, linewidth=2.4, linestyle=(0, (5, 2)))
    _at_end(axes, len(actual) - 1, actual[-1], f"came: {actual[-1]:,}", ACTUAL)
    _at_end(axes, ahead[-1], expected[-1], f"forecast: {expected[-1]:,.0f}", EXPECTED)
    axes.text(
        KNOWN_WEEKS / 2, actual[-1] * 0.97, "known on 1 October 1997", color=SOFT, ha="center"
    )
    axes.set_title(
        f"Forecast on 1 October, {one.model} foresaw the next 39 weeks' orders\n"
        f"{abs(one.total_error):.1%} too {'low' if one.total_error < 0 else 'high'}"
    )
    axes.set(xlabel="week since January 1997", ylabel="cumulative repeat orders")
    axes.set(xlim=(0, len(actual) + 11), ylim=(0, None), xticks=range(0, len(actual), 13))
    axes.yaxis.set_major_formatter("{x:,.0f}")


def _segments(axes: Any, by_day: dict[str, dict[str, int]]) -> None:
    days = [date.fromisoformat(day) for day in by_day]
    seen = [name for name in SEGMENTS if any(counts.get(name) for counts in by_day.values())]
    bands = [[counts.get(name, 0) for counts in by_day.values()] for name in seen]
    axes.stackplot(
        days, bands, colors=[COLOURS[name] for name in seen], linewidth=0.8, edgecolor="white"
    )
    last = list(by_day.values())[-1]
    _name_bands(axes, days[-1], [(name, last.get(name, 0)) for name in seen])
    total = max(sum(last.values()), 1)
    gone = last.get("lost", 0) / total
    axes.set_title(
        f"After eighteen months {gone:.0%} of the customers are lost,\n{_alive(last, total)}"
    )
    axes.set(ylabel="customers", xlim=(days[0], days[-1]), ylim=(0, None))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=False)


def _alive(last: dict[str, int], total: int) -> str:
    lit = (last.get("declining", 0) + last.get("winning-back", 0)) / total
    return f"{lit:.0%} are under a red light"


def _name_bands(axes: Any, at: date, bands: Iterable[tuple[str, int]]) -> None:
    """Names beside the bands; one that is too thin for a line of text is pushed upwards."""
    base, free, room = 0, 0.0, 95.0
    for name, count in bands:
        middle = max(base + count / 2, free)
        base += count
        if count:
            axes.annotate(
                f" {name} {count:,}", (at, middle), annotation_clip=False, va="center", color=INK
            )
            free = middle + room


def _by_frequency(axes: Any, one: Forecast) -> None:
    groups: list[Frequency] = one.by_frequency
    places = range(len(groups))
    axes.bar(
        [p - 0.2 for p in places], [g.actual for g in groups], 0.38, color=ACTUAL, label="came"
    )
    axes.bar(
        [p + 0.2 for p in places],
        [g.expected for g in groups],
        0.38,
        color=EXPECTED,
        label="forecast",
    )
    for place, group in enumerate(groups):
        top = max(group.actual, group.expected)
        axes.text(place, top + 0.1, f"n {group.customers:,}", ha="center", color=SOFT, fontsize=9)
    names = [group.repeats for group in groups]
    axes.set_xticks(list(places), names)
    axes.set_title(
        "Whoever bought more often before goes on buying more often:\n"
        f"forecast and fact agree customer by customer with r = {one.correlation:.3f}"
    )
    axes.set(xlabel="repeat orders in weeks 1 to 39", ylabel="orders a customer in weeks 40 to 78")
    axes.grid(visible=False, axis="x")
    axes.legend(frameon=False, loc="upper left")


def _funnel(axes: Any, one: Funnel) -> None:
    """Each channel's leads as far as they came: the later the stage, the darker."""
    channels = one.by_channel[::-1]
    places = range(len(channels))
    for name, colour in FUNNEL.items():
        axes.barh(places, [getattr(c, name) for c in channels], 0.72, color=colour, label=name)
    for place, channel in enumerate(channels):
        cost = channel.cost_per_win
        words = f"  {channel.conversion:.0%}" + (f", ${cost / 100:,.0f} a win" if cost else "")
        axes.text(channel.captured, place, words, color=SOFT, va="center", fontsize=9)
    axes.set_yticks(list(places), [channel.channel for channel in channels])
    best = max(channels, key=lambda channel: channel.conversion, default=None)
    axes.set_title(
        f"{one.everything.won:,} of {one.everything.captured:,} leads were won;\n"
        f"leads by {best.channel if best else 'no channel'} most often of all"
    )
    axes.set(xlabel="leads", xlim=(0, max((c.captured for c in channels), default=1) * 1.2))
    axes.grid(visible=False, axis="y")
    axes.legend(frameon=False, loc="lower right")


def _at_end(axes: Any, x: float, y: float, words: str, colour: str) -> None:
    axes.annotate(f"  {words}", (x, y), color=colour, va="center", fontweight="bold")
