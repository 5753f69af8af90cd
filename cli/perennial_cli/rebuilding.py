"""`perennial rebuild SERVICE`: a service's tables made anew from its topics, and what differs."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Annotated, Any

import typer
from perennial_embedded.home import Home
from perennial_embedded.processes import tied
from perennial_embedded.services import Environment, Service
from perennial_embedded.state import Addresses
from perennial_embedded.system import SERVICES

from perennial_cli.desk import Desk, command
from perennial_cli.topology import OBSERVER
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

SHOWN = 20
Heard = Callable[[dict[str, Any]], None]


def register(app: typer.Typer) -> None:
    command(app)(rebuild)


def rebuild(
    desk: Desk,
    service: Annotated[str, typer.Argument(help=", ".join(one.name for one in SERVICES))],
    check: Annotated[
        bool, typer.Option("--check", help="Compare in memory only; no table is made.")
    ] = False,
    switch: Annotated[
        bool, typer.Option("--switch", help="Put it in the place of the living tables.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Switch although they differ; keeps the former tables.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Don't go on where an earlier one was cut short.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Keys in a transaction.")] = 500,
) -> None:
    """Make a service's tables anew from its topics and compare, row for row. The service goes on.

    Exit 1 on any difference; equal tables that were not switched are dropped again.
    """
    known = {one.name: one for one in SERVICES}
    if service not in known:
        raise Trouble(f"no service {service}", f"There are {', '.join(known)}.")
    if force and not switch:
        raise Trouble("--force says how to switch", "Add --switch.")
    if check and (switch or anew):
        raise Trouble("--check makes no tables", "Leave it out to --switch, or to begin --anew.")
    home, addresses, one = desk.home, desk.addresses(), known[service]
    with desk.show.aside.status("reading the topics") as status:
        if check:
            found = compared(home, addresses, one)
        else:
            wish = {"batch": batch, "anew": anew, "switch": switch, "force": force}
            found = made(home, addresses, one, wish, lambda line: status.update(_how_far(line)))
    _tell(desk, found)
    if found["differing"] and not found["switched"]:
        raise typer.Exit(ANSWER_IS_NO)


def compared(home: Home, addresses: Addresses, service: Service) -> dict[str, Any]:
    """In a process of its own, with the service's database role and the observer's eyes."""
    return _run(home, addresses, service, service.schema, [*service.command("check")])


def made(
    home: Home, addresses: Addresses, service: Service, wish: dict[str, Any], hear: Heard
) -> dict[str, Any]:
    """As the role that owns the schema."""
    command = [*service.command("rebuild"), json.dumps(wish)]
    return _run(home, addresses, service, f"{service.schema}_migrate", command, hear)


def _run(
    home: Home,
    addresses: Addresses,
    service: Service,
    role: str,
    command: list[str],
    hear: Heard = lambda _line: None,
) -> dict[str, Any]:
    """The last that the process says, which is what it found. Raises `Trouble` if it breaks off."""
    env = Environment(home, addresses, SERVICES, "wall").of(service, "rebuild", role, OBSERVER)
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            tied(command, None, signal.SIGKILL),
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdout is not None
        found: dict[str, Any] = {}
        for line in process.stdout:
            found = json.loads(line)
            hear(found)
        code = process.wait()
        if "compared" in found:
            return found
        if "fault" in found:
            raise Trouble(f"{service.name}: {found['fault']}", "Its tables are as they were.")
        errors.seek(0)
        last = errors.read().strip().splitlines()[-1:] or [f"ended with {code}"]
    raise Trouble(f"{service.name} could not be rebuilt: {last[0]}", "Run `perennial doctor`.")


def _how_far(line: dict[str, Any]) -> str:
    facts = f": {line['facts']:,} facts" if line.get("facts") else ""
    return f"{line['doing']}{facts}" if "doing" in line else "comparing"


def _tell(desk: Desk, found: dict[str, Any]) -> None:
    if desk.show.as_json:
        desk.show.json(found)
        return
    counted = ", ".join(f"{count:,} {table}" for table, count in sorted(found["compared"].items()))
    verdict = "[red]differs[/]" if found["differing"] else "[green]equal, row for row[/]"
    desk.show.console.print(f"{found['service']}: {verdict} ({counted})")
    if found["switched"]:
        desk.show.console.print("It lives on the tables that were made anew.")
    if found["differing"]:
        desk.show.console.print(f"{found['differing']:,} differences; the first:")
        desk.show.rows(
            found["differences"][:SHOWN], ("table", "key", "what", "table_says", "topics_say")
        )
