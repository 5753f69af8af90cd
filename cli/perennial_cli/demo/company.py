"""The company of the demo: its people and their working days, registered over REST."""

from typing import Any

from perennial_cli.demo.office import HOLIDAYS
from perennial_cli.demo.sales_force import ABSENCES, SELLERS, TEAMS
from perennial_cli.rest import Services
from perennial_cli.starting_set import CALENDAR, OWNER

EAST: dict[str, Any] = {"department": "service", "team": "east", "manager": "hanna"}
WEST: dict[str, Any] = {"department": "service", "team": "west", "manager": "hugo"}
SALES: dict[str, Any] = {"department": "sales", "role": "head"}
PEOPLE = "/v1/registers/people"
STAFF: dict[str, dict[str, Any]] = {
    "dora": {"role": "director", "department": "service", "substitute": "dirk"},
    "dirk": {"role": "director", "department": "service", "manager": "dora"},
    "hanna": {**EAST, "role": "head", "manager": "dora", "substitute": "hugo"},
    "hugo": {**WEST, "role": "head", "manager": "dora", "substitute": "hanna"},
    "sena": {**SALES, "team": "sales", "manager": "dora", "substitute": "dirk"},
    **{
        manager: {**SALES, "team": team, "manager": "sena", "substitute": "sena"}
        for team, manager in TEAMS.items()
    },
    "anna": {**EAST, "role": "service", "substitute": "ben"},
    "ben": {**EAST, "role": "service", "substitute": "chloe"},
    "chloe": {**EAST, "role": "service", "substitute": "anna"},
    "emil": {**WEST, "role": "service", "substitute": "fay"},
    "fay": {**WEST, "role": "service", "substitute": "gina"},
    "gina": {**WEST, "role": "service", "substitute": "emil"},
    **{person: seller.entry() for person, seller in SELLERS.items()},
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
    holidays = [day.isoformat() for day in HOLIDAYS]
    services.put(OWNER, "/v1/registers/calendars/default", {**CALENDAR, "holidays": holidays})
    for person, entry in STAFF.items():
        services.put(OWNER, f"{PEOPLE}/{person}", entry)
    for person, seller in SELLERS.items():
        for certificate in seller.certificates:
            wish = {"certificate": certificate}
            services.post(OWNER, f"{PEOPLE}/{person}/certificates", wish)
    for absence in ABSENCES:
        services.post(OWNER, f"{PEOPLE}/{absence.person}/absence", absence.wish())
    return len(STAFF)
