"""A small company's calendar and staff, so that a first alert has somebody to reach.

Registered over the public interface when the register is empty; a company's own replaces it there.
"""

from typing import Any

from perennial_cli.rest import Services

OWNER = "lead-intake"
CALENDAR = {"timezone": "UTC", "weekdays": [0, 1, 2, 3, 4], "opens": "09:00", "closes": "17:00"}
STAFF: dict[str, dict[str, Any]] = {
    "dora": {"role": "director", "department": "service"},
    "hugo": {"role": "head", "department": "service", "team": "care", "manager": "dora"},
    "anna": {"role": "service", "department": "service", "team": "care", "substitute": "ben"},
    "ben": {"role": "service", "department": "service", "team": "care", "substitute": "anna"},
    "sena": {"role": "head", "department": "sales", "team": "sales", "manager": "dora"},
    "carl": {"role": "seller", "department": "sales", "team": "sales", "substitute": "mei"},
    "mei": {"role": "seller", "department": "sales", "team": "sales", "languages": ["zh", "en"]},
    "tom": {"role": "support", "department": "technical-support", "team": "care"},
}
HEADS = {"care": "hugo", "sales": "sena"}


def register_if_empty(services: Services) -> int:
    """How many people were registered; 0 where the register has somebody already."""
    if services.get(OWNER, "/v1/registers/people", limit=1)["items"]:
        return 0
    services.put(OWNER, "/v1/registers/calendars/default", CALENDAR)
    for person, entry in STAFF.items():
        manager = entry.get("manager") or HEADS.get(entry.get("team", ""), "")
        manager = "" if manager == person else manager
        services.put(OWNER, f"/v1/registers/people/{person}", {**entry, "manager": manager})
    return len(STAFF)
