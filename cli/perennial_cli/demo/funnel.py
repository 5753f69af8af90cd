"""What became of the leads: turnover, pool, funnel, grades and fairness, worked out from REST's rows.

Pure: a lead is a row of `GET /v1/leads`, a move one of `GET /v1/leads/{lead}/moves`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import sqrt
from typing import Any

import msgspec
from perennial.contracts.holdings import Grade

from perennial_cli.demo.sales_force import SELLERS, works

GRADES: tuple[Grade, ...] = ("1A", "2A", "3A", "4A", "5A")
LOWEST: dict[Grade, int] = {"1A": 1, "2A": 1, "3A": 2, "4A": 3, "5A": 4}
"""Lowest level that may take a lead of the grade, by the policy that lead-intake is shipped with."""
OVER = ("turned-over", "released")
SPREADS = 3.0
"""So many standard deviations from an even share count as chance."""
Row = Mapping[str, Any]


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    pass


class SellerHeld(Struct, frozen=True, kw_only=True):
    """One seller's holdings, however they came and ended."""

    person: str
    team: str
    level: int
    held: int
    turned_over: int
    released: int
    won: int
    lost: int
    turnover: float
    """Turned over / held."""


class Pool(Struct, frozen=True, kw_only=True):
    entered: int
    claimed: int
    back_to_nurture: int
    lying: int
    won_after_claim: int


class Turnover(Struct, frozen=True, kw_only=True):
    assignments: int
    by_way: dict[str, int]
    """`matched`, `claimed`, `re-held`, …"""
    turned_over: int
    rate: float
    by_clock: dict[str, int]
    """Which clock ran out."""
    by_seller: list[SellerHeld]
    second_holders: int
    """Leads that had a second holder, or more."""
    won_by_later_holders: int
    pool: Pool
    fairness: list["Fairness"]


class Fairness(Struct, frozen=True, kw_only=True):
    """Whether sellers of one level got their even share of what rounds gave that level."""

    grade: str
    assigned: int
    lowest_level: int
    """How many went to the lowest level that may take them."""
    worst: str
    """Who is farthest from an even share."""
    expected: float
    actual: int
    bound: float
    """How far off may be chance."""
    within: bool


class Stretch(Struct, frozen=True, kw_only=True):
    """One channel's leads; money in minor units of the reporting currency."""

    channel: str
    captured: int
    ready: int
    assigned: int
    won: int
    lost: int
    cost: int
    conversion: float
    """Won / captured."""
    cost_per_win: int | None


class Funnel(Struct, frozen=True, kw_only=True):
    by_channel: list[Stretch]
    everything: Stretch
    stages: dict[str, int]
    """Where the leads stand at the end."""
    days_to_win: float | None
    """Median from the first readiness to the win."""


def turnover(leads: Sequence[Row], moves: Sequence[Row]) -> Turnover:
    holdings = [held for lead in leads for held in lead.get("holdings", ())]
    ended = Counter(held.get("ended", "") for held in holdings)
    later = [lead for lead in leads if len(lead.get("holdings", ())) > 1]
    return Turnover(
        assignments=len(holdings),
        by_way=dict(sorted(Counter(held["how"] for held in holdings).items())),
        turned_over=ended["turned-over"],
        rate=_share(ended["turned-over"], len(holdings)),
        by_clock=dict(
            sorted(
                Counter(m.get("reason", "") for m in moves if m["what"] == "turned-over").items()
            )
        ),
        by_seller=[_seller(person, holdings) for person in SELLERS],
        second_holders=len(later),
        won_by_later_holders=sum(_won_by_holder(lead) for lead in later),
        pool=_pool(leads, moves),
        fairness=[one for grade in GRADES if (one := fairness(leads, grade))],
    )


def funnel(leads: Sequence[Row]) -> Funnel:
    channels = Counter(lead["channel"] for lead in leads)
    cycles = sorted(_days_to_win(lead) for lead in leads if _is_timed(lead))
    return Funnel(
        by_channel=[
            _stretch(channel, [lead for lead in leads if lead["channel"] == channel])
            for channel, _ in channels.most_common()
        ],
        everything=_stretch("all", leads),
        stages=dict(sorted(Counter(lead["stage"] for lead in leads).items())),
        days_to_win=round(cycles[len(cycles) // 2], 2) if cycles else None,
    )


def fairness(leads: Iterable[Row], grade: Grade) -> Fairness | None:
    """An even share: each gain of a level is expected of everybody of that level who works that day."""
    gains = [
        (held["person"], datetime.fromisoformat(held["since"]))
        for lead in leads
        if lead["grade"] == grade
        for held in lead.get("holdings", ())
        if held["how"] == "matched" and held["person"] in SELLERS
    ]
    if not gains:
        return None
    expected: dict[str, float] = defaultdict(float)
    variance: dict[str, float] = defaultdict(float)
    for person, at in gains:
        peers = _peers(SELLERS[person].level, at)
        for peer in peers:
            expected[peer] += 1 / len(peers)
            variance[peer] += (1 - 1 / len(peers)) / len(peers)
    actual = Counter(person for person, _ in gains)
    bounds = {person: max(1.0, SPREADS * sqrt(variance[person])) for person in expected}
    worst = max(
        expected, key=lambda person: abs(actual[person] - expected[person]) / bounds[person]
    )
    lowest = LOWEST[grade]
    return Fairness(
        grade=grade,
        assigned=len(gains),
        lowest_level=sum(SELLERS[person].level == lowest for person, _ in gains),
        worst=worst,
        expected=round(expected[worst], 2),
        actual=actual[worst],
        bound=round(bounds[worst], 2),
        within=abs(actual[worst] - expected[worst]) <= bounds[worst],
    )


def _peers(level: int, at: datetime) -> list[str]:
    """Who of that level could have got it; absences and the leaver's going are of the register."""
    found = [name for name, one in SELLERS.items() if one.level == level]
    return [name for name in found if works(name, at.date())] or found


def _seller(person: str, holdings: Iterable[Row]) -> SellerHeld:
    theirs = [held for held in holdings if held["person"] == person]
    ended = Counter(held.get("ended", "") for held in theirs)
    return SellerHeld(
        person=person,
        team=SELLERS[person].team,
        level=SELLERS[person].level,
        held=len(theirs),
        turned_over=ended["turned-over"],
        released=ended["released"],
        won=ended["won"],
        lost=ended["lost"] + ended["closed"],
        turnover=_share(ended["turned-over"], len(theirs)),
    )


def _pool(leads: Sequence[Row], moves: Sequence[Row]) -> Pool:
    told = Counter(move["what"] for move in moves)
    claimed = {move["lead_id"] for move in moves if move["what"] == "claimed"}
    unclaimed = [m for m in moves if m["what"] == "nurtured" and m.get("reason") == "unclaimed"]
    return Pool(
        entered=told["pooled"],
        claimed=told["claimed"],
        back_to_nurture=len(unclaimed),
        lying=sum(lead["stage"] == "pooled" for lead in leads),
        won_after_claim=sum(
            lead["lead_id"] in claimed and lead["stage"] == "won" for lead in leads
        ),
    )


def _stretch(channel: str, leads: Sequence[Row]) -> Stretch:
    stages = Counter(lead["stage"] for lead in leads)
    cost = sum(touch.get("cost", 0) for lead in leads for touch in lead.get("touches", ()))
    return Stretch(
        channel=channel,
        captured=len(leads),
        ready=sum("ready_at" in lead for lead in leads),
        assigned=sum(bool(lead.get("holdings")) for lead in leads),
        won=stages["won"],
        lost=stages["lost"] + stages["closed"],
        cost=cost,
        conversion=_share(stages["won"], len(leads)),
        cost_per_win=round(cost / stages["won"]) if stages["won"] else None,
    )


def _won_by_holder(lead: Row) -> bool:
    return bool(lead["stage"] == "won" and lead["holdings"][-1].get("ended") == "won")


def _is_timed(lead: Row) -> bool:
    return lead["stage"] == "won" and bool(lead.get("ready_at"))


def _days_to_win(lead: Row) -> float:
    began, won = (datetime.fromisoformat(lead[name]) for name in ("ready_at", "since"))
    return (won - began).total_seconds() / 86_400


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
