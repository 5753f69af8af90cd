"""`perennial rebuild SERVICE --check`: proves that a schema is what the service's own topics make of it."""

import json
import os
import subprocess
from typing import Annotated, Any

import typer
from perennial_embedded.home import Home
from perennial_embedded.services import Environment, Service
from perennial_embedded.state import Addresses
from perennial_embedded.system import SERVICES

from perennial_cli.desk import Desk, command
from perennial_cli.topology import OBSERVER
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

SHOWN = 20


def register(app: typer.Typer) -> None:
    command(app)(rebuild)


def rebuild(
    desk: Desk,
    service: Annotated[str, typer.Argument(help=", ".join(one.name for one in SERVICES))],
    check: Annotated[
        bool, typer.Option("--check", help="Compare only; the service goes on.")
    ] = False,
) -> None:
    """Fold a service's own topics anew and compare, row for row. Exit 1 on any difference."""
    if not check:
        raise Trouble("a service can't be rebuilt into empty tables yet", "Add --check to compare.")
    known = {one.name: one for one in SERVICES}
    if service not in known:
        raise Trouble(f"no service {service}", f"There are {', '.join(known)}.")
    with desk.show.aside.status("folding the topics"):
        found = compared(desk.home, desk.addresses(), known[service])
    _tell(desk, found)
    if found["differing"]:
        raise typer.Exit(ANSWER_IS_NO)


def compared(home: Home, addresses: Addresses, service: Service) -> dict[str, Any]:
    """In a process of its own, with the service's database role and the observer's eyes."""
    environment = Environment(home, addresses, SERVICES, "wall")
    env = dict(environment.of(service, "rebuild", service.schema)) | _observer(addresses)
    done = subprocess.run(
        [*service.command("rebuild"), "--check"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, ANSWER_IS_NO) or not done.stdout:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with {done.returncode}"]
        raise Trouble(f"{service.name} could not be compared: {last[0]}", "Run `perennial doctor`.")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _observer(addresses: Addresses) -> dict[str, str]:
    login = addresses.credentials(OBSERVER)
    return {"PERENNIAL_KAFKA_USER": login.username, "PERENNIAL_KAFKA_PASSWORD": login.password}


def _tell(desk: Desk, found: dict[str, Any]) -> None:
    if desk.show.as_json:
        desk.show.json(found)
        return
    counted = ", ".join(f"{count:,} {table}" for table, count in sorted(found["compared"].items()))
    verdict = "[red]differs[/]" if found["differing"] else "[green]equal, row for row[/]"
    desk.show.console.print(f"{found['service']}: {verdict} ({counted})")
    if found["differing"]:
        desk.show.console.print(f"{found['differing']:,} differences; the first:")
        desk.show.rows(
            found["differences"][:SHOWN], ("table", "key", "what", "table_says", "topics_say")
        )
