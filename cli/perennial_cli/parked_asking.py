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
