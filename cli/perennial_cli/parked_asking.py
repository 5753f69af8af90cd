"""What a person on call means by the facts that they name, and what the services say of those."""

from collections.abc import Iterator, Sequence
from typing import Any

from perennial.contracts.platform import SERVICES

from perennial_cli.rest import Services
from perennial_cli.trouble import Trouble

PAGE = 1_000
OPEN = "parked,waiting"
Wanted = dict[str, str]
"""What is asked of a service: names of `Which` and what each must be."""


def wanted_by(reason: str, key: str, type: str, topic: str, partner: str) -> Wanted:
    told = {"reason": reason, "key": key, "type": type, "topic": topic, "principal": partner}
    return {name: value for name, value in told.items() if value}


def services_of(service: str) -> Sequence[str]:
    if service and service not in SERVICES:
        raise Trouble(f"no service {service}", f"There are {', '.join(SERVICES)}.")
    return [service] if service else SERVICES


def chosen(facts: list[str] | None, service: str, wanted: Wanted) -> dict[str, Wanted]:
    """Service → what is meant there."""
    if facts:
        ids: dict[str, list[str]] = {}
        for name, number in map(placed, facts):
            ids.setdefault(name, []).append(number)
        return {name: {**wanted, "ids": ",".join(numbers)} for name, numbers in ids.items()}
    if not (service or wanted):
        raise Trouble(
            "which ones?",
            "Name facts as SERVICE/ID, or choose by --service, --reason, --key, --type, --topic.",
        )
    return {name: wanted or {"reason": ANY} for name in services_of(service)}


ANY = " "
"""Part of every reason and error together: all that a service has."""


def placed(fact: str) -> tuple[str, str]:
    service, _, number = fact.rpartition("/")
    if service not in SERVICES or not number.isdecimal():
        raise Trouble(f"{fact!r} names no fact", "Write SERVICE/ID, from `rejected list --each`.")
    return service, number


def listed(services: Services, service: str, wanted: Wanted, most: int) -> Iterator[dict[str, Any]]:
    """Page after page, oldest first."""
    after, left = 0, most
    while left > 0:
        asked = {**wanted, "state": OPEN, "after": after, "limit": min(PAGE, left)}
        rows = services.get(service, "/v1/parked", **asked)["items"]
        for row in rows:
            yield {"fact": f"{service}/{row['id']}", "service": service, **row}
        if len(rows) < min(PAGE, left):
            return
        after, left = rows[-1]["id"], left - len(rows)


def causes_of(
    services: Services, service: str, wanted: Wanted, states: str
) -> list[dict[str, Any]]:
    rows = services.get(service, "/v1/parked/causes", state=states, **wanted)["items"]
    return [{"service": service, **row, "example": f"{service}/{row['example']}"} for row in rows]


def counted(services: Services, service: str, wanted: Wanted, states: str) -> int:
    return sum(one["facts"] for one in causes_of(services, service, wanted, states))


def in_states(causes: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many facts there are, and in which state."""
    told = {
        state: sum(one["facts"] for one in causes if one["state"] == state)
        for state in OPEN.split(",")
    }
    return {"facts": sum(told.values()), **told}


def handled(
    services: Services, verb: str, service: str, wanted: Wanted, **how: Any
) -> dict[str, int]:
    """How many were marked, how many of these only wait, and how many stand behind them."""
    ids = [int(one) for one in wanted.get("ids", "").split(",") if one]
    told: dict[str, int] = services.post(
        service, f"/v1/parked:{verb}", {"which": {**wanted, "ids": ids}, **how}
    )
    return told


def counted_as_handled(
    services: Services, verb: str, meant: dict[str, Wanted], most: int
) -> dict[str, int]:
    """What would be marked everywhere, no more than `most`; nothing is."""
    would = {"facts": 0, "parked": 0, "waiting": 0, "behind": 0}
    for service, wanted in meant.items():
        if most <= would["facts"]:
            break
        told = handled(services, verb, service, wanted, most=most - would["facts"], preview=True)
        told["parked"] = told["facts"] - told["waiting"]
        would = {name: would[name] + told[name] for name in would}
    return would


def preview_of(verb: str, would: dict[str, int], there: int) -> str:
    """What a redrive or discard would do, in words: what waits is not what was refused."""
    does = {"redrive": "would be tried again", "discard": "would be given up"}[verb]
    told = [f"{would['parked']:,} parked {does}"]
    if would["waiting"]:
        told.append(f"{would['waiting']:,} waiting too, though what they wait for is still unknown")
    if would["behind"]:
        told.append(f"{would['behind']:,} behind them would go on")
    if would["facts"] < there:
        told.append(f"{there - would['facts']:,} more are left for another time (--most)")
    return "; ".join(told)


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
