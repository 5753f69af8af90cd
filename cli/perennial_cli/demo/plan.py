"""What the simulated service team decides on a working day: pure, drawn from a recorded seed.

The data say when customers bought, not why they left. So root causes here are invented; what
follows from them (owners, deadlines, win-backs, losses) is the system's own doing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perennial_cli.demo.drawing import drawn

DIAGNOSES_A_DAY = 20
ACKNOWLEDGEMENTS_A_DAY = 12
CAUSES = {
    "product-mismatch": 30,
    "operations": 20,
    "relationship": 20,
    "price": 20,
    "competitor": 10,
}
"""Root causes and how often each is found, in a hundred cases."""
ACTIONS = {
    "product-mismatch": ["ask what they listen to now", "send three matching albums"],
    "operations": ["apologise for the late parcel", "refund the postage"],
    "relationship": ["call in person", "invite to the listening evening"],
    "price": ["offer the bundle", "explain the price"],
    "competitor": ["compare the offers together", "match the delivery time"],
}
COMPETITORS = ("N2K", "Music Boulevard", "the shop round the corner")


@dataclass(frozen=True)
class Diagnosis:
    """One root cause, as the owner of the case records it."""

    customer: str
    by: str
    cause: str
    actions: list[str]
    competitor: str = ""

    def wish(self) -> dict[str, Any]:
        return {"cause": self.cause, "actions": self.actions, "competitor": self.competitor}


def diagnoses(
    customers: Sequence[dict[str, Any]], now: datetime, most: int = DIAGNOSES_A_DAY
) -> list[Diagnosis]:
    """Of declining customers, those with the most at risk first: the cases that are looked into
    today. Finding a cause takes a day or two, so a case of today waits."""
    ripe = [one for one in customers if one["case"] and _is_ripe(one["case"], now)]
    return [_diagnosis(one) for one in ripe[:most]]


def answers(
    alerts: Sequence[dict[str, Any]], most: int = ACKNOWLEDGEMENTS_A_DAY
) -> list[tuple[str, str]]:
    """Which open alerts are acknowledged today, and by whom: the most urgent, oldest first."""
    ranks = {"critical": 0, "warning": 1, "info": 2}
    urgent = sorted(alerts, key=lambda one: (ranks[one["severity"]], one["raised_at"], one["id"]))
    return [(one["id"], one["person"]) for one in urgent[:most]]


def _is_ripe(case: dict[str, Any], now: datetime) -> bool:
    days = 1 + drawn("delay", case["case_id"]).randrange(2)
    return now >= datetime.fromisoformat(case["opened_at"]) + timedelta(days=days)


def _diagnosis(customer: dict[str, Any]) -> Diagnosis:
    case = customer["case"]
    draw = drawn("cause", case["case_id"])
    cause = draw.choices(list(CAUSES), list(CAUSES.values()))[0]
    rival = draw.choice(COMPETITORS) if cause == "competitor" else ""
    return Diagnosis(customer["customer_id"], case["owner"], cause, ACTIONS[cause], rival)
