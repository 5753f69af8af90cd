"""`perennial rejected`: what a service could not apply; looked at, tried again, or given up."""

import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from perennial.contracts.platform import SERVICES

from perennial_cli.desk import Desk, command
from perennial_cli.rest import Services
from perennial_cli.showing import Show
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

ROLE = "oncall"
PAGE = 1_000
OPEN = "parked,waiting"
TOLD_WITHIN = 20.0
app = typer.Typer(help="Facts that could not be applied.", no_args_is_help=True)

ServiceOption = Annotated[str, typer.Option(help="Of one service.")]
ReasonOption = Annotated[str, typer.Option(help="Part of the reason or error.")]
KeyOption = Annotated[str, typer.Option(help="Of one customer.")]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(help="As SERVICE/ID; else by the options.")
]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do it; without, only show what would be.")
]
NoteOption = Annotated[str, typer.Option(help="Why; kept with the fact.")]


def register(above: typer.Typer) -> None:
    for one in (list_, show, redrive, discard):
        command(app, one.__name__.rstrip("_"))(one)
    above.add_typer(app, name="rejected")


def list_(
    desk: Desk,
    service: ServiceOption = "",
    reason: ReasonOption = "",
    key: KeyOption = "",
    each: Annotated[
        bool, typer.Option("--each", help="One line a fact instead of a reason.")
    ] = False,
) -> None:
    """What is parked or waits, by service and reason. Exit 1 if anything is parked."""
    with Services(desk.addresses(), ROLE) as services:
        found = _chosen(desk.show, services, (), service, reason, key)
    if each or desk.show.as_json:
        desk.show.rows(
            map(brief, found), ("fact", "state", "reason", "error", "type", "key", "parked_at")
        )
    else:
        desk.show.rows(grouped(found), empty="nothing is parked")
    if any(one["state"] == "parked" for one in found):
        raise typer.Exit(ANSWER_IS_NO)


def show(
    desk: Desk, fact: Annotated[str, typer.Argument(help="As SERVICE/ID, from `list --each`.")]
) -> None:
    """One fact whole: what was said, by whom, and why it could not be applied."""
    with Services(desk.addresses(), ROLE) as services:
        found = _chosen(desk.show, services, [fact], "", "", "", states=f"{OPEN},behind,redrive")
    if not found:
        raise Trouble(
            f"no fact {fact} is set aside", "See `perennial rejected list --each`.", ANSWER_IS_NO
        )
    for one in found:
        if desk.show.as_json:
            desk.show.json(one)
        else:
            desk.show.rows(
                [{"field": name, "value": value} for name, value in one.items() if value]
            )


def redrive(
    desk: Desk,
    facts: IdsArgument = None,
    service: ServiceOption = "",
    reason: ReasonOption = "",
    key: KeyOption = "",
    note: NoteOption = "",
    yes: YesOption = False,
) -> None:
    """Fold them once more, with what stands behind the same keys, in order."""
    _handle(desk, "redrive", _named(facts, service, reason, key), note, yes)


def discard(
    desk: Desk,
    facts: IdsArgument = None,
    service: ServiceOption = "",
    reason: ReasonOption = "",
    key: KeyOption = "",
    note: NoteOption = "",
    yes: YesOption = False,
) -> None:
    """Give them up for good, with the reason why; what stands behind them goes on."""
    if yes and not note:
        raise Trouble("a discarded fact is gone for good", "Say why with --note.")
    _handle(desk, "discard", _named(facts, service, reason, key), note, yes)


Named = tuple[Sequence[str], str, str, str]


def _named(facts: list[str] | None, service: str, reason: str, key: str) -> Named:
    if not (facts or service or reason or key):
        raise Trouble(
            "which ones?", "Name facts as SERVICE/ID, or choose by --service, --reason, --key."
        )
    return facts or [], service, reason, key


def _handle(desk: Desk, verb: str, named: Named, note: str, yes: bool) -> None:
    with Services(desk.addresses(), ROLE) as services:
        found = _chosen(desk.show, services, *named)
        if not found:
            raise Trouble(
                "nothing parked is like that", "See `perennial rejected list`.", ANSWER_IS_NO
            )
        if not yes:
            desk.show.rows(map(brief, found), ("fact", "state", "reason", "type", "key"))
            desk.show.remark(f"{len(found)} facts; --yes does {verb} them")
            return
        rows = [_done(services, verb, service, ids, note) for service, ids in by_service(found)]
    desk.show.rows(rows)
    if any(row["parked_again"] for row in rows):
        raise typer.Exit(ANSWER_IS_NO)


def _done(services: Services, verb: str, service: str, ids: list[int], note: str) -> dict[str, Any]:
    """Mark them, and wait until the door has folded what was marked."""
    marked = services.post(service, f"/v1/parked:{verb}", {"ids": ids, "note": note})["facts"]
    deadline = time.monotonic() + TOLD_WITHIN
    while _listed(services, service, "redrive") and time.monotonic() < deadline:
        time.sleep(0.1)
    again = {one["id"] for one in _listed(services, service, "parked")} & set(ids)
    return {
        "service": service,
        "facts": marked,
        verb: len(ids) - len(again),
        "parked_again": len(again),
    }


def _chosen(
    out: Show,
    services: Services,
    facts: Iterable[str],
    service: str,
    reason: str,
    key: str,
    states: str = OPEN,
) -> list[dict[str, Any]]:
    if service and service not in SERVICES:
        raise Trouble(f"no service {service}", f"There are {', '.join(SERVICES)}.")
    asked = {name.rpartition("/")[0] for name in facts}
    wanted = set(facts)
    found: list[dict[str, Any]] = []
    for name in [service] if service else [s for s in SERVICES if not asked or s in asked]:
        listed = _listed(services, name, states)
        if len(listed) == PAGE:
            out.remark(f"{name}: only the oldest {PAGE:,} are listed")
        found += [one for one in listed if matches(one, wanted, reason, key)]
    return found


def _listed(services: Services, service: str, states: str) -> list[dict[str, Any]]:
    rows = services.get(service, "/v1/parked", state=states, limit=PAGE)["items"]
    return [{"fact": f"{service}/{row['id']}", "service": service, **row} for row in rows]


def matches(one: dict[str, Any], facts: set[str], reason: str, key: str) -> bool:
    if facts and one["fact"] not in facts:
        return False
    if reason and reason.lower() not in f"{one['reason']} {one['error']}".lower():
        return False
    return not key or one["key"] == key


def grouped(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each service, state and reason; most facts first."""
    groups: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in found:
        place = (one["service"], one["state"], one["reason"])
        group = groups.setdefault(
            place,
            {
                "service": one["service"],
                "state": one["state"],
                "reason": one["reason"],
                "facts": 0,
                "oldest": one["parked_at"],
                "example": one["fact"],
                "error": one["error"][:120],
            },
        )
        group["facts"] += 1
        group["oldest"] = min(group["oldest"], one["parked_at"])
    return sorted(groups.values(), key=lambda group: -group["facts"])


def by_service(found: Iterable[dict[str, Any]]) -> list[tuple[str, list[int]]]:
    ids: dict[str, list[int]] = {}
    for one in found:
        ids.setdefault(one["service"], []).append(one["id"])
    return sorted(ids.items())


def brief(one: dict[str, Any]) -> dict[str, Any]:
    told = (
        "fact",
        "service",
        "id",
        "state",
        "reason",
        "error",
        "topic",
        "type",
        "fact_id",
        "key",
        "ver",
    )
    return {name: one[name] for name in (*told, "attempts", "parked_at", "waits_for")}
