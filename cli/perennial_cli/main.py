"""The `perennial` command: one module a group; what is heavy is loaded when it is called."""

import logging
from importlib import import_module
from importlib.util import find_spec

import typer

MODULES = ("running", "tailing", "lagging", "tracing", "parked", "policies", "replay", "importing", "rebuilding", "demo", "chaos")  # fmt: skip
"""In the order of the help page. Those that are not there yet are left out."""

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters to a person is raised

app = typer.Typer(
    help="Run, feed and look into Perennial.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)

for _module in MODULES:
    if find_spec(f"perennial_cli.{_module}") is not None:
        import_module(f"perennial_cli.{_module}").register(app)

if __name__ == "__main__":
    app()
