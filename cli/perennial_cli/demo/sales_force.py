"""Who sells in the demo: fifteen sellers in three teams, what each is like, who is away, who leaves."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from perennial_cli.demo.office import is_working_day

HEAD = "sena"
TEAMS = {"north": "nora", "south": "simon", "harbour": "hilde"}
"""Each team, and its manager."""


@dataclass(frozen=True)
class Conduct:
    """What a seller is like; how it shows is drawn lead by lead."""

    diligence: float
    """In how many of a hundred holdings the seller stays with it; others are forgotten."""
    skill: float
    """How many times as often as usual the seller wins."""
    claims: bool = False
    """Looks into the public pool in the morning."""


@dataclass(frozen=True)
class Seller:
    team: str
    level: int
    conduct: Conduct
    languages: tuple[str, ...] = ("en",)
    skills: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    substitute: str = ""

    def entry(self) -> dict[str, Any]:
        """As the register of people has it."""
        return {
            "role": "seller",
            "department": "sales",
            "team": self.team,
            "manager": TEAMS[self.team],
            "level": self.level,
            "region": self.team,
            "languages": list(self.languages),
            "skills": list(self.skills),
            "substitute": self.substitute,
        }


def _seller(team: str, level: int, conduct: Conduct, **more: Any) -> Seller:
    return Seller(team=team, level=level, conduct=conduct, **more)


SELLERS: dict[str, Seller] = {
    "carl": _seller("north", 5, Conduct(0.95, 1.4), skills=("entertainment",), substitute="ida"),
    "ida": _seller("north", 4, Conduct(0.92, 1.2), languages=("en", "de"), substitute="jon"),
    "jon": _seller("north", 3, Conduct(0.75, 1.0), substitute="ida"),
    "kim": _seller("north", 2, Conduct(0.9, 0.9, claims=True), substitute="lars"),
    "lars": _seller("north", 1, Conduct(0.6, 0.7), substitute="kim"),
    "mei": _seller("south", 5, Conduct(0.97, 1.3), languages=("en", "zh"), substitute="pia"),
    "pia": _seller("south", 4, Conduct(0.9, 1.15), skills=("retail",), substitute="quentin"),
    "quentin": _seller("south", 3, Conduct(0.4, 1.1), substitute="pia"),
    "rosa": _seller(
        "south", 2, Conduct(0.93, 1.0, claims=True), languages=("en", "es"), substitute="sven"
    ),
    "sven": _seller("south", 1, Conduct(0.75, 0.8, claims=True), substitute="rosa"),
    "tara": _seller(
        "harbour", 5, Conduct(0.9, 1.35), certificates=("collector",), substitute="udo"
    ),
    "udo": _seller("harbour", 4, Conduct(0.94, 1.1), languages=("en", "de"), substitute="vera"),
    "vera": _seller(
        "harbour", 3, Conduct(0.95, 1.05, claims=True), skills=("education",), substitute="udo"
    ),
    "will": _seller("harbour", 2, Conduct(0.45, 0.85), substitute="yara"),
    "yara": _seller("harbour", 1, Conduct(0.9, 0.75, claims=True), substitute="will"),
}


@dataclass(frozen=True)
class Absence:
    person: str
    first: date
    last: date
    """Of the days away."""
    reason: str = "leave"

    def wish(self) -> dict[str, Any]:
        ends = datetime(self.last.year, self.last.month, self.last.day, 23, 59, tzinfo=UTC)
        starts = datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)
        return {"starts": starts.isoformat(), "ends": ends.isoformat(), "reason": self.reason}


ABSENCES = (
    Absence("pia", date(1997, 2, 10), date(1997, 2, 21)),
    Absence("kim", date(1997, 3, 3), date(1997, 3, 7), "illness"),
    Absence("udo", date(1997, 3, 17), date(1997, 3, 28)),
    Absence("carl", date(1997, 7, 7), date(1997, 7, 25)),
    Absence("mei", date(1997, 8, 4), date(1997, 8, 15)),
    Absence("vera", date(1997, 9, 8), date(1997, 9, 12), "illness"),
    Absence("tara", date(1997, 12, 22), date(1998, 1, 2)),
    Absence("rosa", date(1998, 2, 2), date(1998, 2, 13)),
)
LEAVER, LEAVES, SUCCESSOR = "jon", date(1997, 3, 12), "vera"
"""Leaves with leads in hand, which are handed on in one call."""


def works(person: str, day: date) -> bool:
    """On that day, by calendar, absences and employment."""
    if not is_working_day(day) or (person == LEAVER and day >= LEAVES):
        return False
    return not any(one.person == person and one.first <= day <= one.last for one in ABSENCES)
