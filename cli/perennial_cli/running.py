"""The life of a system: up, down, status, doctor, token."""

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import httpx
import typer
from perennial.contracts.platform import SERVICES
from perennial.kit.tokens import ROLES
from perennial_embedded import doctor as checks
from perennial_embedded import system
from perennial_embedded.finding import Finding, Verdict, ok, warn
from perennial_embedded.processes import Identity
from perennial_embedded.state import Addresses, State

from perennial_cli.desk import Desk, command, default_home, run
from perennial_cli.driving import token as signed
from perennial_cli.expected import in_one_line
from perennial_cli.rest import Services
from perennial_cli.starting_set import register_if_empty
from perennial_cli.topology import OBSERVER, access
from perennial_cli.trouble import ANSWER_IS_NO, CANNOT, Trouble

Role = StrEnum("Role", {name: name for name in ROLES})  # type: ignore[misc]  # from the one table


class Clock(StrEnum):
    WALL = "wall"
    TICKS = "ticks"


MARK = {Verdict.OK: "[green]ok[/]  ", Verdict.WARN: "[yellow]warn[/]", Verdict.FAIL: "[red]fail[/]"}


def register(app: typer.Typer) -> None:
    for one in (up, down, status, doctor, token):
        command(app)(one)


def up(
    desk: Desk,
    clock: Annotated[
        Clock, typer.Option(help="ticks: time stands until it is played.")
    ] = Clock.WALL,
) -> None:
    """Start everything here: real Kafka, real Postgres, all services. Ctrl-C ends it."""
    desk.show.say("starting; the first start takes half a minute …")
    whole = system.System(desk.path, access(), clock=clock.value)
    asyncio.run(system.serve(whole, lambda addresses: _announce(desk, addresses, clock)))
    desk.show.say("ended; the data stay in " + str(desk.path))


def _announce(desk: Desk, addresses: Addresses, clock: Clock) -> None:
    """Never raises: a system that runs must not be left behind by its own announcement."""
    try:
        with Services(addresses, "admin") as services:
            register_if_empty(services)
    except Exception as error:
        trouble = in_one_line(error, desk.path)
        desk.show.remark(f"no starting staff: {trouble or repr(error)}")
    if desk.show.as_json:
        told = {"status": "ready", "clock": clock.value, **_urls(addresses)}
        desk.show.json({**told, "login": _login(desk)})
        return
    desk.show.console.print("\n".join(_block(desk, addresses, clock)))


def _urls(addresses: Addresses) -> dict[str, str]:
    return {
        **{service: addresses.url(service) for service in SERVICES},
        "kafka": addresses.bootstrap,
        "postgres": f"127.0.0.1:{addresses.port('postgres')}",
    }


def _block(desk: Desk, addresses: Addresses, clock: Clock) -> list[str]:
    """Every address, a login that works, and three things to try."""
    me, where = "perennial", _where(desk)
    intake = addresses.url("lead-intake")
    lines = ["", "[bold green]Perennial is up.[/]", ""]
    lines += [f"  {service:<15}{addresses.url(service)}" for service in SERVICES]
    lines += [f"  {'API documents':<15}{intake}/openapi.json, and so for each service"]
    lines += [f"  {'Kafka':<15}{addresses.bootstrap}  SASL SCRAM-SHA-512, read as {OBSERVER}"]
    lines += [f"  {'Postgres':<15}127.0.0.1:{addresses.port('postgres')}  one role a service"]
    lines += [f"  {'passwords':<15}{desk.home.passwords}", ""]
    lines += [f"  Log in:  {_login(desk)}", "", "  Try:"]
    lines += [f'    curl -H "Authorization: Bearer $TOKEN" {intake}/v1/registers/people']
    lines += [f"    {me} {_bring_in(clock)}{where}", f"    {me} tail --follow{where}"]
    return [*lines, "", "  Ctrl-C ends everything; nothing is lost.", ""]


def _where(desk: Desk) -> str:
    return "" if desk.path == default_home() else f" --home {desk.path}"


def _login(desk: Desk) -> str:
    return f"TOKEN=$(perennial token --role director{_where(desk)})"


def _bring_in(clock: Clock) -> str:
    sample = "tests/data/CDNOW_sample.txt --mapping examples/cdnow.yaml"
    return f"replay {sample}" if clock is Clock.TICKS else f"import orders {sample}"


def down(desk: Desk) -> None:
    """End the system that runs here."""
    if not system.down(desk.path):
        raise Trouble(f"nothing runs at {desk.path}", "Name another with --home.")
    desk.show.say("ended")


def status(desk: Desk) -> None:
    """What runs, under which process id and where. Exit 3 if nothing does."""
    state = State.of(desk.home)
    if not state.is_running():
        raise Trouble(f"nothing runs at {desk.path}", "Start it with `perennial up`.", CANNOT)
    desk.show.say(f"{state.status} at {desk.path}")
    desk.show.rows(
        [_process(name, identity, state) for name, identity in sorted(state.processes.items())],
        ("process", "pid", "runs", "address"),
    )


def _process(name: str, identity: Identity, state: State) -> dict[str, object]:
    port = state.ports.get(name.removesuffix("-door"))
    return {
        "process": name,
        "pid": str(identity.pid),
        "runs": "yes" if identity.exists() else "no, being started again",
        "address": f"127.0.0.1:{port}" if port else "",
    }


def doctor(desk: Desk) -> None:
    """Check this machine and the running system; each fault with its cure. Exit 1 if any fails."""
    if run(_examined(desk)):
        raise typer.Exit(ANSWER_IS_NO)


async def _findings(desk: Desk) -> AsyncIterator[Finding]:
    async for finding in checks.examine(Path(desk.path), access()):
        yield finding
    if State.of(desk.home).is_running():
        yield await asyncio.to_thread(_mail, desk)


def _mail(desk: Desk) -> Finding:
    """Whether alerts can go out by e-mail: that they do not is a choice, no fault."""
    try:
        with Services(desk.addresses(), "oncall") as services:
            channels = services.get("notifications", "/v1/channels")["items"]
    except (Trouble, httpx.HTTPError) as error:
        return warn("e-mail", f"notifications cannot be asked: {error}", "See its log.")
    (mail,) = (one for one in channels if one["name"] == "email")
    if mail.get("paused_until"):
        says = f"{mail['says']} fails; tried again at {mail['paused_until']}"
        return warn("e-mail", says, "`GET /v1/deliveries?state=pending` names the error.")
    return ok("e-mail", mail["says"] if mail["on"] else f"off; {mail['says']}")


async def _examined(desk: Desk) -> int:
    failed = 0
    async for finding in _findings(desk):
        failed += finding.verdict is Verdict.FAIL
        if desk.show.as_json:
            desk.show.json(
                {
                    "check": finding.check,
                    "verdict": finding.verdict.value,
                    "says": finding.says,
                    "cure": finding.cure,
                }
            )
        else:
            cure = f"\n       {finding.cure}" if finding.cure else ""
            desk.show.console.print(
                f"{MARK[finding.verdict]}  {finding.check}: {finding.says}{cure}"
            )
    return failed


def token(
    desk: Desk,
    role: Annotated[Role, typer.Option(help="Whose scopes.")],
    person: Annotated[
        str, typer.Option(help="Id in the register of staff; a customer's id for `customer`.")
    ] = "",
    team: Annotated[str, typer.Option(help="The person's team.")] = "",
    client: Annotated[
        str, typer.Option(help="The app or partner that speaks, as `demo`: whose ids it uses.")
    ] = "development",
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="How long it is good for.")] = 8,
) -> None:
    """A development token, signed by this home's key, alone on its line."""
    who = {"subject": person, "person": person, "team": team, "client": client}
    made = signed(desk.addresses(), str(role), **who, lasts=hours * 3600)
    typer.echo(made)
