"""What every command has at hand: which home, how to show, and one way of failing."""

import asyncio
import inspect
import os
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer
from perennial_embedded.home import Home
from perennial_embedded.state import Addresses, State

from perennial_cli.showing import Show
from perennial_cli.trouble import Trouble

if TYPE_CHECKING:
    from perennial.kit.kafka import Broker

HOME_VARIABLE = "PERENNIAL_HOME"
INTERRUPTED = 130
T = TypeVar("T")

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", envvar=HOME_VARIABLE, help="Folder of the system.", show_default=".perennial/home"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON lines, as on a pipe.")]


class Desk:
    """The choices that hold for the whole command line."""

    def __init__(self, home: Path | None, as_json: bool) -> None:
        self.path = home or default_home()
        self.show = Show(as_json)

    @property
    def home(self) -> Home:
        return Home(self.path)

    def addresses(self) -> Addresses:
        """Where the running system is; `Trouble` if none runs here."""
        state = State.of(self.home)
        if not state.is_running():
            cure = "Start it with `perennial up`, or name another with --home."
            raise Trouble(f"nothing runs at {self.path}", cure)
        if state.status != "ready":
            raise Trouble(f"the system at {self.path} is {state.status}", "Try again in a moment.")
        return Addresses(self.home)

    def observer(self) -> "Broker":
        """The Kafka login that may read everything and write nothing."""
        from perennial.kit.kafka import Broker

        from perennial_cli.topology import OBSERVER

        addresses = self.addresses()
        login = addresses.credentials(OBSERVER)
        return Broker(addresses.bootstrap, login.username, login.password)


def default_home() -> Path:
    """`.perennial/home` of the project we are in: the nearest folder above that has one, or here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".perennial" / "home" / "state.json").exists():
            return folder / ".perennial" / "home"
    return here / ".perennial" / "home"


def command(
    app: typer.Typer, name: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register `work(desk, …)`: it gets --home and --json, and expected faults become one line."""

    def register(work: Callable[..., None]) -> Callable[..., None]:
        @wraps(work)
        def told(*, home: Path | None, as_json: bool, **wishes: Any) -> None:
            desk = Desk(home, as_json)
            try:
                work(desk, **wishes)
            except KeyboardInterrupt:
                raise typer.Exit(INTERRUPTED) from None
            except BrokenPipeError:
                _let_the_pipe_go()
            except Exception as error:
                trouble = _expected(error, desk.path)
                if trouble is None:
                    raise
                desk.show.error(str(trouble))
                raise typer.Exit(trouble.code) from error

        _as_typer_sees_it(told, work)
        app.command(name or work.__name__.replace("_", "-"))(told)
        return work

    return register


def _expected(error: Exception, home: Path) -> Trouble | None:
    if isinstance(error, Trouble):
        return error
    from perennial_cli.expected import in_one_line  # every client library: only when one has failed

    return in_one_line(error, home)


def _as_typer_sees_it(told: Callable[..., None], work: Callable[..., None]) -> None:
    """The signature of `work` without the desk, and with the two options that all commands share."""
    hints = get_type_hints(work, include_extras=True)
    own = [
        one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for one in list(inspect.signature(work).parameters.values())[1:]
    ]
    shared = [
        _option("home", HomeOption, None),
        _option("as_json", JsonOption, False),
    ]
    signature = inspect.Signature([*own, *shared])
    told.__signature__ = signature  # type: ignore[attr-defined]  # what typer reads
    told.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}


def _option(name: str, kind: Any, default: Any) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=kind)


def _let_the_pipe_go() -> None:
    """The reader has seen enough (`| head`): that is no fault, and Python must not say so at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(work: Coroutine[Any, Any, T]) -> T:
    """The one place where a command enters asyncio."""
    return asyncio.run(work)
