"""What another policy would have done to customers: the words of a what-if report."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from perennial.contracts.customers import (
    CustomerMoved,
    CustomerRecovered,
    RedLightCleared,
    RedLightLit,
    WinbackClosed,
    WinbackOpened,
    WinbackOverdue,
)
from perennial.contracts.orders import OrderPlaced
from perennial.contracts.teams import TeamChanged, TierChanged, VipChanged
from perennial.kit.outcomes import Both, Happened, Section

GONE = timedelta(days=180)
"""Who has not ordered for so long has been lost, for the measure of lights."""
FIGURES = (
    "lights lit",
    "judged",
    "followed by loss",
    "precision",
    "lost",
    "warned",
    "recall",
    "median days of warning",
)


def outcomes(both: Both) -> Sequence[Section]:
    """Lights and how right they were, segments, tiers and teams, cases."""
    return [
        _lights(both),
        both.counted("segments", "Moves by the segment they led to", _segment),
        both.counted("tiers", "Tiers, teams and VIPs changed", _served),
        both.counted("cases", "Win-back cases", _case),
        _service(both),
    ]


def _segment(one: Happened) -> str | None:
    return str(one.event.after) if isinstance(one.event, CustomerMoved) else None


def _served(one: Happened) -> str | None:
    match one.event:
        case TierChanged(after=after):
            return f"tier {after}"
        case TeamChanged(after=after):
            return f"team {after}"
        case VipChanged(vip=vip):
            return "VIP" if vip else "VIP no longer"
    return None


def _case(one: Happened) -> str | None:
    match one.event:
        case WinbackOpened():
            return "opened"
        case WinbackOverdue():
            return "escalated"
        case CustomerRecovered():
            return "recovered"
        case WinbackClosed(outcome=outcome):
            return f"closed: {outcome}"
        case RedLightCleared():
            return "light cleared"
    return None


def _lights(both: Both) -> Section:
    """Against the orders that came: whether who was called about had left, and how early it was said."""
    orders = defaultdict(list)
    for fact in both.facts(OrderPlaced):
        orders[fact.key].append(fact.time)
    for moments in orders.values():
        moments.sort()
    ends = max((one[-1] for one in orders.values()), default=None)
    figures = [_figures(side, orders, ends) for _, side in both.sides()]
    rows: list[list[Any]] = [[name, *(one[n] for one in figures)] for n, name in enumerate(FIGURES)]
    return Section(
        name="red-lights",
        title="Red lights against later loss",
        columns=["", "live", "draft"],
        rows=rows,
        note=f"lost: no order for {GONE.days} days; judged: lights with so much history after them;"
        " warned: a light stood between the last order and the loss; orders as they came",
    )


def _figures(
    side: Sequence[Happened], orders: Mapping[str, list[datetime]], ends: datetime | None
) -> list[float | int | None]:
    lit = defaultdict(list)
    for one in side:
        if isinstance(one.event, RedLightLit):
            lit[one.key].append(one.now)
    if ends is None:
        return [0, 0, 0, None, 0, 0, None, None]
    judged = [(key, at) for key, found in lit.items() for at in found if at + GONE <= ends]
    right = sum(not _ordered_within(orders.get(key, []), at) for key, at in judged)
    lost = {key: found[-1] for key, found in orders.items() if found[-1] + GONE <= ends}
    leads = []
    for key, last in lost.items():
        early = [at for at in lit.get(key, ()) if last <= at < last + GONE]
        if early:
            leads.append((last + GONE - early[0]).total_seconds() / 86_400)
    return [
        sum(map(len, lit.values())),
        len(judged),
        right,
        _share(right, len(judged)),
        len(lost),
        len(leads),
        _share(len(leads), len(lost)),
        round(median(leads), 1) if leads else None,
    ]


def _ordered_within(orders: Sequence[datetime], at: datetime) -> bool:
    place = bisect_right(orders, at)
    return place < len(orders) and orders[place] <= at + GONE


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _service(both: Both) -> Section:
    """Days on which somebody was there for a customer, by how it is served."""
    sizes = {name: one.size for name, one in both.policy.bindings.items()}
    ends = max((one.now for _, side in both.sides() for one in side), default=None)
    days = [_served_days(side, ends) for _, side in both.sides()]
    rows = [
        [binding, *(round(one.get(binding, 0.0) * sizes.get(binding, 1)) for one in days)]
        for binding in sorted({*days[0], *days[1]})
    ]
    return Section(
        name="service",
        title="Days of service, by team",
        columns=["", "live", "draft"],
        rows=rows,
        note="customer-days times the people of such a team under the draft; no hours are recorded",
    )


def _served_days(side: Sequence[Happened], ends: datetime | None) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    since: dict[str, tuple[str, datetime]] = {}
    for one in side:
        binding = getattr(one.event, "binding", None) or (
            one.event.after if isinstance(one.event, TeamChanged) else None
        )
        if binding is not None:
            _leave(found, since.get(one.key), one.now)
            since[one.key] = str(binding), one.now
    for left in since.values():
        _leave(found, left, ends or left[1])
    return found


def _leave(found: dict[str, float], left: tuple[str, datetime] | None, at: datetime) -> None:
    if left is not None:
        found[left[0]] += (at - left[1]).total_seconds() / 86_400
