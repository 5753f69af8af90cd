"""`perennial demo`: eighteen months of a real company in a minute, from a fresh clone."""

import typer

from perennial_cli.desk import Desk, command
from perennial_cli.trouble import ANSWER_IS_NO


def register(app: typer.Typer) -> None:
    command(app)(demo)


def demo(desk: Desk) -> None:
    """Play the CDNOW history through a system of its own and show what a manager would see.

    It stays up to look around; Ctrl-C ends it. With DEMO_EXIT=1 it ends at once. Exit 1 if a fact
    was parked, a report does not reconcile, or the forecast missed its bars.
    """
    from perennial_cli.demo.running import run_demo

    if run_demo(desk):
        raise typer.Exit(ANSWER_IS_NO)
