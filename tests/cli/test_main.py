"""The command as a whole: every module registers what it promises, and nothing else is loaded."""

from importlib import import_module

import pytest
import typer
from perennial_cli.main import MODULES, modules_for


@pytest.mark.parametrize("module", MODULES)
def test_each_module_registers_the_commands_it_is_known_for(module: str) -> None:
    app = typer.Typer()
    import_module(f"perennial_cli.{module}").register(app)
    groups = [group.name for group in app.registered_groups]
    alone = [one.name for one in app.registered_commands]
    assert {*groups, *alone} == set(MODULES[module])


def test_only_the_module_of_the_command_is_loaded() -> None:
    assert modules_for(["lag", "--json"]) == ["lagging"]
    assert modules_for([]) == modules_for(["--help"]) == modules_for(["lagg"]) == list(MODULES)
