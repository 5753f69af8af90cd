"""The `perennial` command: one module a group; only the one that is called is loaded."""

import logging
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

MODULES: dict[str, tuple[str, ...]] = {
    "running": ("up", "down", "status", "doctor", "token"),
    "demo": ("demo",),
    "replay": ("replay",),
    "importing": ("import",),
    "tailing": ("tail",),
    "lagging": ("lag",),
    "tracing": ("trace",),
    "parked": ("rejected",),
    "policies": ("policy",),
    "rebuilding": ("rebuild",),
    "whatif": ("whatif",),
    "exporting": ("export-decision",),
    "chaos": ("chaos",),
}
"""Commands by the module that registers them, in the order of the help page."""


def modules_for(words: Sequence[str]) -> list[str]:
    """The module of the command that was typed; all of them for help, completion or a slip."""
    named = [module for module, commands in MODULES.items() if words and words[0] in commands]
    return named or list(MODULES)


logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters to a person is raised

app = typer.Typer(
    help="Run, feed and look into Perennial.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)


@app.callback()
def _perennial() -> None:
    """Run, feed and look into Perennial."""


for _module in modules_for(sys.argv[1:]):
    import_module(f"perennial_cli.{_module}").register(app)

if __name__ == "__main__":
    app()
