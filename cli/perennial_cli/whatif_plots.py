"""Pictures of a what-if report: one for each table that sets live beside draft."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perennial_cli.demo.plots import ACTUAL, EXPECTED, STYLE

BARS_MOST = 30


def draw(folder: Path, report: Any) -> list[Path]:
    """Where the pictures lie."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, rc_context

    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, section in _sections(report):
        with rc_context(STYLE):
            figure, axes = pyplot.subplots()
            _bars(axes, section)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            pyplot.close(figure)
        drawn.append(folder / f"{name}.svg")
    return drawn


def _sections(report: Any) -> Iterator[tuple[str, Any]]:
    for one in report["services"]:
        for section in one["sections"]:
            if section["rows"] and {"live", "draft"} <= set(section["columns"]):
                yield f"{one['service']}-{section['name']}", section


def _bars(axes: Any, section: Any) -> None:
    columns, rows = section["columns"], section["rows"][:BARS_MOST]
    places = range(len(rows))
    for offset, (side, colour) in enumerate((("live", ACTUAL), ("draft", EXPECTED))):
        values = [row[columns.index(side)] or 0 for row in rows]
        axes.barh([p + 0.4 * offset for p in places], values, 0.38, color=colour, label=side)
    axes.set_yticks([p + 0.2 for p in places], [str(row[0]) for row in rows])
    axes.invert_yaxis()
    axes.set_title(f"{section['title']} ({section['kind']})")
    axes.legend(frameon=False)
