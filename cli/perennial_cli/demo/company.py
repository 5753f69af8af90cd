"""The company of the demo: sixteen people and their working days, registered over REST."""

from typing import Any

from perennial_cli.rest import Services
from perennial_cli.starting_set import CALENDAR, OWNER

EAST: dict[str, Any] = {"department": "service", "team": "east", "manager": "hanna"}
WEST: dict[str, Any] = {"department": "service", "team": "west", "manager": "hugo"}
SALES: dict[str, Any] = {"department": "sales", "team": "sales", "manager": "sena"}
STAFF: dict[str, dict[str, Any]] = {
    "dora": {"role": "director", "department": "service", "substitute": "dirk"},
    "dirk": {"role": "director", "department": "service", "manager": "dora"},
    "hanna": {**EAST, "role": "head", "manager": "dora", "substitute": "hugo"},
    "hugo": {**WEST, "role": "head", "manager": "dora", "substitute": "hanna"},
    "sena": {**SALES, "role": "head", "manager": "dora", "substitute": "dirk"},
    "anna": {**EAST, "role": "service", "substitute": "ben"},
    "ben": {**EAST, "role": "service", "substitute": "chloe"},
    "chloe": {**EAST, "role": "service", "substitute": "anna"},
    "emil": {**WEST, "role": "service", "substitute": "fay"},
    "fay": {**WEST, "role": "service", "substitute": "gina"},
    "gina": {**WEST, "role": "service", "substitute": "emil"},
    "carl": {**SALES, "role": "seller", "substitute": "mei"},
    "mei": {**SALES, "role": "seller", "substitute": "carl", "languages": ["zh", "en"]},
    "marta": {"role": "market", "department": "market", "manager": "dora"},
    "otto": {"role": "operations", "department": "operations", "manager": "dora"},
    "tom": {"role": "support", "department": "technical-support", "manager": "dora"},
}


def team_of(person: str) -> str:
    """Empty for who stands in no team, or in no register."""
    team: str = STAFF.get(person, {}).get("team", "")
    return team


def register_company(services: Services) -> int:
    """How many people work here from now on."""
    services.put(OWNER, "/v1/registers/calendars/default", CALENDAR)
    for person, entry in STAFF.items():
        services.put(OWNER, f"/v1/registers/people/{person}", entry)
    return len(STAFF)
