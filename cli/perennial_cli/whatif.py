"""`perennial whatif`: what a draft of a policy would have done, over all that was recorded."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from perennial.contracts.platform import SERVICES

from perennial_cli.desk import Desk, command
from perennial_cli.rest import Services
from perennial_cli.rules import ROLE, document_in, known
from perennial_cli.topology import OBSERVER
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

DIFFERING = 20


def register(app: typer.Typer) -> None:
    command(app)(whatif)


def whatif(
    desk: Desk,
    policy: Annotated[
        Path | None, typer.Option(help="The draft, YAML or JSON; without one the live rules again.")
    ] = None,
    service: Annotated[
        str, typer.Option(help="Whose policy it is, where the document does not tell.")
    ] = "",
    starts: Annotated[str, typer.Option("--from", help="It judges from then on, RFC 3339.")] = "",
    ends: Annotated[str, typer.Option("--to", help="And until then.")] = "",
    alone: Annotated[
        bool, typer.Option(help="That service alone; the others stay as they were.")
    ] = False,
    plots: Annotated[Path | None, typer.Option(help="A folder for pictures of the tables.")] = None,
) -> None:
    """Run the recorded facts through the same rules once more, under a draft, and compare.

    Without a policy the live ones judge again: then every decision must come out as it did, or the
    command ends with 1.
    """
    starts, ends = moment("--from", starts), moment("--to", ends)
    document = document_in(policy) if policy is not None else None
    whose = _whose(desk, document, service) if document is not None else service
    wish = {
        **wish_for(desk, [whose] if whose and (alone or document is None) else list(SERVICES)),
        **({"service": whose, "document": document} if document is not None else {}),
        **({"starts": starts} if starts else {}),
        **({"ends": ends} if ends else {}),
    }
    report = _run(desk, wish)
    tell(desk, report)
    if plots is not None:
        from perennial_cli.whatif_plots import draw

        for drawn in draw(plots, report):
            desk.show.remark(f"drawn: {drawn}")
    if document is None and any(one["decisions"] != one["same"] for one in report["services"]):
        raise typer.Exit(ANSWER_IS_NO)


def moment(option: str, text: str) -> str:
    """As it was given, if it is one."""
    try:
        known = not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        known = False
    if not known:
        raise Trouble(f"{option} {text} is no moment", "Write it as 2026-01-31T09:00:00Z.")
    return text


def tell(desk: Desk, report: Any) -> None:
    """As tables, or whole as JSON."""
    if desk.show.as_json:
        desk.show.json(report)
        return
    rate = report["facts"] / max(report["seconds"], 0.001) * 60
    desk.show.say(f"{report['facts']:,} facts in {report['seconds']} s ({rate:,.0f} a minute)")
    for one in report["services"]:
        _tell_one(desk, one)


def _tell_one(desk: Desk, one: Any) -> None:
    share = one["same"] / one["decisions"] if one["decisions"] else 1.0
    desk.show.say(
        f"\n[bold]{one['service']}[/]: {one['same']:,} of {one['decisions']:,} decisions"
        f" as they were ({share:.2%})"
    )
    for section in one["sections"]:
        if section["rows"]:
            desk.show.say(f"\n{section['title']} ({section['kind']})")
            columns = section["columns"]
            desk.show.rows([dict(zip(columns, row, strict=True)) for row in section["rows"]])
            if section["note"]:
                desk.show.say(f"  {section['note']}")
    if one["differing"]:
        desk.show.say("\nThe first that differ")
        desk.show.rows(one["differing"][:DIFFERING], ("at", "key", "type", "what", "id"))


def _whose(desk: Desk, document: Any, named: str) -> str:
    """The one service whose rules have these names."""
    if named:
        return known(named)
    with Services(desk.addresses(), ROLE) as services:
        rules = {name: services.get(name, "/v1/policy")["document"].keys() for name in SERVICES}
    fitting = [name for name, names in rules.items() if document.keys() <= names]
    if len(fitting) != 1:
        raise Trouble("the document does not tell whose policy it is", "Name it with --service.")
    return fitting[0]


def wish_for(desk: Desk, names: Sequence[str]) -> dict[str, Any]:
    addresses = desk.addresses()
    login = addresses.credentials(OBSERVER)
    return {
        "houses": [
            {"name": name, "database_url": addresses.dsn(name.replace("-", "_"))} for name in names
        ],
        "kafka_bootstrap": addresses.bootstrap,
        "kafka_user": login.username,
        "kafka_password": login.password,
    }


def _run(desk: Desk, wish: dict[str, Any]) -> Any:
    """In a process of its own, with each service's database role and the observer's eyes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "perennial.kit.whatif"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(wish, default=str))
    process.stdin.close()
    with desk.show.aside.status("reading") as status:
        for line in _lines(process):
            if "report" in line:
                return line["report"]
            if "fault" in line:
                raise Trouble(line["fault"], "Mend the draft.", code=ANSWER_IS_NO)
            status.update(_how_far(line))
    errors = process.stderr.read() if process.stderr else ""
    last = errors.strip().splitlines()[-1:] or [f"it ended with {process.wait()}"]
    raise Trouble(f"the what-if broke off: {last[0]}", "Run `perennial doctor`.")


def _lines(process: "subprocess.Popen[str]") -> Iterator[Any]:
    assert process.stdout is not None
    for text in process.stdout:
        yield json.loads(text)


def _how_far(line: Any) -> str:
    of = line.get("of", 0)
    return f"{line['doing']} {line.get('facts', 0):,} of {of:,}" if of else str(line["doing"])
