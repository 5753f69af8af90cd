"""How the last page shows figures."""

from rich import box
from rich.table import Table

YES, NO = "[green]✓[/]", "[red]✗[/]"


def table(*columns: str, left: int = 1) -> Table:
    """The first `left` columns hold words, the others numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for place, column in enumerate(columns):
        made.add_column(column, justify="left" if place < left else "right")
    return made


def money(minor: int) -> str:
    sign = "−" if minor < 0 else ""
    return f"{sign}${abs(minor) / 100:,.0f}"
