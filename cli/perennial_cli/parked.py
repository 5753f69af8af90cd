"""`perennial rejected`: what a service could not apply; looked at, mended, tried again, or given up."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from perennial_cli.desk import Desk, command
from perennial_cli.parked_asking import (
    OPEN,
    Wanted,
    brief,
    causes_of,
    chosen,
    counted,
    counted_as_handled,
    handled,
    in_states,
    listed,
    placed,
    preview_of,
    services_of,
    wanted_by,
)
from perennial_cli.rest import Services
from perennial_cli.showing import Show
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

ROLE = "oncall"
MOST = 1_000
STILL_WITHIN = 20.0
"""Seconds in which nothing of what was marked is folded: then it is told as it stands."""
SHOWN = 20
app = typer.Typer(help="Facts that could not be applied.", no_args_is_help=True)

ServiceOption = Annotated[str, typer.Option(help="Of one service.")]
ReasonOption = Annotated[str, typer.Option(help="Part of the reason or error.")]
KeyOption = Annotated[str, typer.Option(help="Of one customer.")]
TypeOption = Annotated[str, typer.Option(help="Of one type of fact.")]
TopicOption = Annotated[str, typer.Option(help="From one topic.")]
PartnerOption = Annotated[str, typer.Option(help="Said by one principal, as partner.demo.")]
MostOption = Annotated[int, typer.Option(min=1, max=100_000, help="No more than so many.")]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(help="As SERVICE/ID; else by the options.")
]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do it; without, only show what would be.")
]
NoteOption = Annotated[str, typer.Option(help="Why; kept with the fact.")]


def register(above: typer.Typer) -> None:
    for one in (list_, show, edit, redrive, discard):
        command(app, one.__name__.rstrip("_"))(one)
    above.add_typer(app, name="rejected")


def list_(
    desk: Desk,
    service: ServiceOption = "",
    reason: ReasonOption = "",
    key: KeyOption = "",
    type: TypeOption = "",
    topic: TopicOption = "",
    partner: PartnerOption = "",
    most: MostOption = MOST,
    each: Annotated[
        bool, typer.Option("--each", help="One line a fact instead of a cause.")
    ] = False,
) -> None:
    """What is parked or waits, by service and cause. Exit 1 if anything is parked."""
    wanted = wanted_by(reason, key, type, topic, partner)
    with Services(desk.addresses(), ROLE) as services:
        causes = [
            one for name in services_of(service) for one in causes_of(services, name, wanted, OPEN)
        ]
        if each or desk.show.as_json:
            found = [
                one for name in services_of(service) for one in listed(services, name, wanted, most)
            ]
            desk.show.rows(
                map(brief, found), ("fact", "state", "reason", "error", "type", "key", "parked_at")
            )
            _cut_off(desk.show, sum(one["facts"] for one in causes), len(found))
        else:
            found = []
            desk.show.rows(causes, empty="nothing is parked")
    if desk.show.as_json:
        desk.show.json({**in_states(causes), "listed": len(found)})
    if any(one["state"] == "parked" for one in causes):
        raise typer.Exit(ANSWER_IS_NO)


def show(
    desk: Desk, fact: Annotated[str, typer.Argument(help="As SERVICE/ID, from `list --each`.")]
) -> None:
    """One fact whole: what was said, by whom, why it could not be applied, and who did what about it."""
    service, number = placed(fact)
    with Services(desk.addresses(), ROLE) as services:
        try:
            found = services.get(service, f"/v1/parked/{number}")
        except Trouble as trouble:
            cure = "`perennial rejected list --each` names those that there are."
            raise Trouble(f"{fact}: {trouble.what}", cure, trouble.code) from trouble
    if desk.show.as_json:
        desk.show.json({"fact": fact, "service": service, **found})
    else:
        history = found.pop("history")
        desk.show.rows([{"field": name, "value": value} for name, value in found.items() if value])
        desk.show.rows(history)


def edit(
    desk: Desk,
    fact: Annotated[str, typer.Argument(help="As SERVICE/ID, from `list --each`.")],
    note: Annotated[str, typer.Option(help="Why; kept with the fact.")],
    file: Annotated[
        Path | None, typer.Option(help="The fact as it should be; else $EDITOR is opened.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do it even if it becomes another customer's.")
    ] = False,
) -> None:
    """Keep a mended copy beside the original; `redrive` folds it. Refused if it can't be read either."""
    service, number = placed(fact)
    with Services(desk.addresses(), ROLE) as services:
        found = services.get(service, f"/v1/parked/{number}")
        before = found["edited"] or found["raw"]
        after = file.read_text(encoding="utf-8") if file else _edited(before)
        if after.strip() == before.strip():
            raise Trouble("nothing was changed", "Change the fact, or leave it.", ANSWER_IS_NO)
        path, wish = f"/v1/parked/{number}/edit", {"data": _json(after), "note": note}
        _confirmed(desk.show, services.post(service, path, {**wish, "preview": True}), yes)
        kept = services.post(service, path, wish)
    desk.show.say(f"{fact} is mended; fold it with: perennial rejected redrive {fact} --yes")
    if desk.show.as_json:
        whose = {name: kept[name] for name in ("was", "will_be", "warning")}
        desk.show.json({"fact": fact, "before": before, "after": after, **whose})


def _confirmed(out: Show, preview: dict[str, Any], yes: bool) -> None:
    """A fact becomes another's only if a person means it."""
    if not preview["warning"]:
        return
    out.remark(preview["warning"])
    if yes or (sys.stdin.isatty() and typer.confirm("Is that meant?", err=True)):
        return
    raise Trouble("nothing was changed", "If it is meant, say --yes.", ANSWER_IS_NO)


def redrive(
    desk: Desk,
    facts: IdsArgument = None,
    service: ServiceOption = "",
    reason: ReasonOption = "",
    key: KeyOption = "",
    type: TypeOption = "",
    topic: TopicOption = "",
    partner: PartnerOption = "",
    most: MostOption = MOST,
    note: NoteOption = "",
    yes: YesOption = False,
) -> None:
    """Fold them once more, with what stands behind the same keys, in order."""
    wanted = wanted_by(reason, key, type, topic, partner)
    _handle(desk, "redrive", chosen(facts, service, wanted), most, note, yes)


def discard(
    desk: Desk,
    facts: IdsArgument = None,
    service: ServiceOption = "",
    reason: ReasonOption = "",
    key: KeyOption = "",
    type: TypeOption = "",
    topic: TopicOption = "",
    partner: PartnerOption = "",
    most: MostOption = MOST,
    note: NoteOption = "",
    yes: YesOption = False,
) -> None:
    """Give them up for good, with the reason why; what stands behind them goes on."""
    if yes and not note:
        raise Trouble("a discarded fact is gone for good", "Say why with --note.")
    wanted = wanted_by(reason, key, type, topic, partner)
    _handle(desk, "discard", chosen(facts, service, wanted), most, note, yes)


def _handle(
    desk: Desk, verb: str, meant: dict[str, Wanted], most: int, note: str, yes: bool
) -> None:
    with Services(desk.addresses(), ROLE) as services:
        causes = [
            one for name, wanted in meant.items() for one in causes_of(services, name, wanted, OPEN)
        ]
        count = sum(one["facts"] for one in causes)
        if not count:
            raise Trouble(
                "nothing parked is like that", "See `perennial rejected list`.", ANSWER_IS_NO
            )
        if not yes:
            _preview(desk.show, services, meant, causes)
            would = counted_as_handled(services, verb, meant, most)
            desk.show.remark(f"{preview_of(verb, would, count)}; --yes does it")
            if desk.show.as_json:
                desk.show.json(would)
            return
        rows = []
        for name, wanted in meant.items():
            if most > 0:
                rows.append(_done(services, verb, name, wanted, most, note))
                most -= rows[-1]["facts"]
    desk.show.rows(rows)
    if any(row["parked_again"] for row in rows):
        raise typer.Exit(ANSWER_IS_NO)


def _preview(
    out: Show, services: Services, meant: dict[str, Wanted], causes: Sequence[dict[str, Any]]
) -> None:
    """The causes with their numbers, and the first facts."""
    first = (one for name, wanted in meant.items() for one in listed(services, name, wanted, SHOWN))
    if out.as_json:
        out.rows(map(brief, first))
    else:
        out.rows(causes)
        out.rows(map(brief, first), ("fact", "state", "reason", "type", "key"))


def _done(
    services: Services, verb: str, service: str, wanted: Wanted, most: int, note: str
) -> dict[str, Any]:
    """Mark them, and wait until the door has folded what was marked."""
    before = counted(services, service, wanted, OPEN)
    told = handled(services, verb, service, wanted, most=most, note=note)
    left, since = counted(services, service, {}, "redrive"), time.monotonic()
    while left and time.monotonic() - since < STILL_WITHIN:
        time.sleep(0.1)
        now = counted(services, service, {}, "redrive")
        left, since = now, time.monotonic() if now != left else since
    stayed = before - told["facts"]
    again = max(counted(services, service, wanted, OPEN) - stayed, 0)
    return {
        "service": service,
        **told,
        verb: told["facts"] - again,
        "parked_again": again,
        "left": stayed,
    }


def _cut_off(out: Show, there: int, shown: int) -> None:
    if there > shown:
        out.remark(f"{shown:,} of {there:,} are listed; --most shows more")


def _edited(text: str) -> str:
    """What a person makes of it in their editor."""
    editor = os.environ.get("EDITOR", "")
    if not editor or not sys.stdin.isatty():
        raise Trouble("there is no editor here", "Give the mended fact with --file, or set EDITOR.")
    with tempfile.NamedTemporaryFile("w+", suffix=".json", encoding="utf-8") as draft:
        draft.write(text)
        draft.flush()
        subprocess.run([*shlex.split(editor), draft.name], check=True)
        return Path(draft.name).read_text(encoding="utf-8")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Trouble(f"the mended fact is no JSON: {error}", "Mend it, and try again.") from error
