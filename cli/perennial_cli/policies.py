"""`perennial policy`: the rules a service judges by; drafted and adopted, never edited."""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from perennial.contracts.platform import SERVICES

from perennial_cli.desk import Desk, command
from perennial_cli.rest import Services
from perennial_cli.rules import ROLE, document_in, known
from perennial_cli.trouble import Trouble
from perennial_cli.whatif import tell

LOOK_SECONDS = 0.5
app = typer.Typer(help="The rules of each service.", no_args_is_help=True)
ServiceArgument = Annotated[str, typer.Argument(help=", ".join(SERVICES))]


def register(above: typer.Typer) -> None:
    for one in (show, draft, diff, adopt):
        command(app)(one)
    command(app, "try")(try_)
    above.add_typer(app, name="policy")


def show(desk: Desk, service: ServiceArgument) -> None:
    """The rules in force as YAML, on a pipe too, ready to be changed and drafted; --json tells all versions."""
    with Services(desk.addresses(), ROLE) as services:
        policy = services.get(known(service), "/v1/policy")
    if desk.show.wants_json:
        desk.show.json(policy)
        return
    typer.echo(f"# {policy['in_force']}")
    for one in policy["adoptions"]:
        typer.echo(f"# from {one['effective_at']}: @{one['version']}{_more(one)}")
    document = yaml.safe_dump(policy["document"], sort_keys=False, allow_unicode=True)
    typer.echo(document, nl=False)


def _more(adoption: dict[str, Any]) -> str:
    watched = adoption.get("watched_until")
    until = f", within bounds until {watched}" if watched else ""
    return f"{until}, {adoption['reason']}" if adoption.get("reason") else until


def draft(
    desk: Desk,
    service: ServiceArgument,
    file: Annotated[Path, typer.Argument(help="The whole document, YAML or JSON.")],
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Keep a document as a draft; refused with the path of the fault if it is none."""
    wish = {"document": document_in(file), "note": note}
    with Services(desk.addresses(), ROLE) as services:
        made = services.post(known(service), "/v1/policy/drafts", wish)
    desk.show.say(
        f"kept as {service}@{made['version']}; adopt it with: perennial policy adopt {service} {made['version']}"
    )
    if desk.show.as_json:
        desk.show.json({"service": service, "version": made["version"]})


def diff(
    desk: Desk,
    service: ServiceArgument,
    before: Annotated[int, typer.Argument(help="0 is what the service is shipped with.")],
    after: Annotated[int, typer.Argument(help="Another version.")],
) -> None:
    """Field by field, what one version says otherwise than another."""
    with Services(desk.addresses(), ROLE) as services:
        found = services.get(known(service), "/v1/policy/diff", before=before, after=after)
    desk.show.rows(found["items"], ("path", "before", "after"))


def try_(
    desk: Desk,
    service: ServiceArgument,
    version: Annotated[int, typer.Argument(help="A drafted version.")],
    shadow: Annotated[
        bool, typer.Option(help="Let it judge beside the living rules from now on.")
    ] = False,
) -> None:
    """See what a drafted version would have done in its service; the report is kept with it."""
    with Services(desk.addresses(), ROLE) as services:
        wish = {"version": version, "shadow": shadow}
        asked = services.post(known(service), "/v1/whatif", wish)
        found = _awaited(desk, services, service, asked["id"])
    if found["fault"]:
        raise Trouble(f"{service} says {found['fault']}", "Draft it anew.")
    desk.show.say(f"kept at {service} as GET /v1/whatif/{found['id']}: {found['state']}")
    if found["report"]:
        tell(desk, found["report"])


def _awaited(desk: Desk, services: Services, service: str, number: str) -> Any:
    """The what-if once it is over, or once it follows the living facts."""
    with desk.show.aside.status("waiting") as status:
        while True:
            found = services.get(service, f"/v1/whatif/{number}")
            if found["state"] not in ("asked", "running"):
                return found
            status.update(_how_far(found))
            time.sleep(LOOK_SECONDS)


def _how_far(trial: dict[str, Any]) -> str:
    if trial["before"]:
        return f"waiting for {trial['before']} before it"
    return f"{trial['state']} {trial['facts']:,} of {trial['of']:,}"


def adopt(
    desk: Desk,
    service: ServiceArgument,
    version: Annotated[int, typer.Argument(help="0 is what the service is shipped with.")],
    at: Annotated[str, typer.Option(help="From when on, RFC 3339; default: in a minute.")] = "",
    reason: Annotated[str, typer.Option(help="Why; needed where no what-if is kept.")] = "",
    bounds: Annotated[
        Path | None,
        typer.Option(help="YAML: watched_until and bounds; broken, the former returns."),
    ] = None,
) -> None:
    """Let a version judge from a moment on."""
    wish = {"version": version, "reason": reason, **({"effective_at": at} if at else {})}
    wish |= _bounds_in(bounds) if bounds is not None else {}
    with Services(desk.addresses(), ROLE) as services:
        made = services.post(known(service), "/v1/policy/adoptions", wish)
    desk.show.say(f"{service}@{version} judges from {made['effective_at']}")
    if desk.show.as_json:
        desk.show.json(
            {"service": service, "version": version, "effective_at": made["effective_at"]}
        )


def _bounds_in(file: Path) -> dict[str, Any]:
    """YAML reads a moment as one; it is sent as it was written."""
    found: dict[str, Any] = document_in(file)
    until = found.get("watched_until")
    return found | ({"watched_until": until.isoformat()} if isinstance(until, datetime) else {})
