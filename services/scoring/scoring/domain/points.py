"""A lead's points at a moment (I6, S9): fit with a persona, and engagement.

Engagement of a group of signals grows by each signal's points up to the group's cap, and halves with
each half-life of silence. So a score at any moment follows from the moments of the signals alone, in
whatever order they were learned, and so does the moment at which silence will change it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp2, floor, log2
from typing import NamedTuple

from perennial.contracts.grades import Contribution, Signal
from perennial.contracts.holdings import Grade

from scoring.domain import grading
from scoring.domain.grading import SCALE, Readings, Weighed
from scoring.domain.personas import Match, best_match, looked_for
from scoring.policy import Group, Leads, Policy

DAY_SECONDS = 86400.0
HALF_A_HUNDREDTH = 0.005
"""Scores are compared as they are published, in hundredths."""


class Points(NamedTuple):
    """A lead at a moment."""

    score: float
    fit: float
    engagement: float
    levels: dict[str, float]
    """Engagement by group, before the cap on them all."""
    match: Match | None
    readings: Readings
    weighed: Weighed
    ready: bool
    grade: Grade
    """Expected grade: what the five dimensions make, as far as the lead is ready."""
    review_at: datetime | None
    """When silence alone will next change readiness or grade."""


def assessed(
    attributes: Mapping[str, str],
    signals: Sequence[Signal],
    expected_value: int | None,
    policy: Policy,
    now: datetime,
) -> Points:
    """A lead's points, readiness and expected grade; `signals` by business time."""
    rules = policy.leads
    match = best_match(attributes, rules.personas)
    fit = rules.fit_most * (rules.match_unknown / 100 if match is None else match.share)
    levels = {name: level(signals, group, rules, now) for name, group in rules.groups.items()}
    latent = sum(levels[name] for name in sorted(levels))
    engagement = min(rules.engagement_most, latent)
    score = round(fit + engagement, 2)
    if expected_value is not None:
        attributes = {**attributes, "expected_value": str(expected_value)}
    readings = grading.expected(attributes, match, policy.grades)
    found = grading.weighed(readings, policy.grades)
    ready, place, goal = _standing(score, found, policy)
    return Points(
        score=score,
        fit=fit,
        engagement=engagement,
        levels=levels,
        match=match,
        readings=readings,
        weighed=found,
        ready=ready,
        grade=SCALE[place],
        review_at=_crossing(goal - HALF_A_HUNDREDTH - fit, latent, rules, now),
    )


def level(signals: Sequence[Signal], group: Group, rules: Leads, now: datetime) -> float:
    """A group's engagement at a moment; what had not happened by then does not count."""
    points, last = 0.0, None
    for signal in signals:
        more = group.points.get(signal.what)
        if more is not None and signal.at <= now:
            kept = 0.0 if last is None else points * _decay(last, signal.at, rules)
            points, last = min(group.most, kept + more), signal.at
    return 0.0 if last is None else points * _decay(last, now, rules)


def earned(found: Points, policy: Policy) -> Weighed:
    """What the party's grade is judged by: its dimensions, as far as its lead is ready."""
    ready = min(1.0, found.score / policy.leads.ready_from)
    return found.weighed._replace(total=round(found.weighed.total * ready, 2))


def contributions(found: Points, rules: Leads) -> list[Contribution]:
    """Where each point comes from: attributes of the persona, then groups of signals."""
    latent = sum(found.levels.values())
    scale = found.engagement / latent if latent > 0 else 0.0
    return [
        *_of_fit(found, rules),
        *(
            Contribution(
                feature=name, points=round(points * scale, 2), most=rules.groups[name].most
            )
            for name, points in sorted(found.levels.items())
            if points > 0
        ),
    ]


def _of_fit(found: Points, rules: Leads) -> list[Contribution]:
    if found.match is None:
        return [Contribution(feature="persona", points=round(found.fit, 2), most=rules.fit_most)]
    known = sum(hit.asked.weight for hit in found.match.hits if hit.value)
    made = []
    for hit in found.match.hits:
        most = round(rules.fit_most * hit.asked.weight / known, 2) if hit.value else 0.0
        made.append(
            Contribution(
                feature=hit.asked.name,
                value=hit.value,
                points=most if hit.fits else 0.0,
                most=most,
                expected=looked_for(hit.asked),
            )
        )
    return made


def _standing(score: float, found: Weighed, policy: Policy) -> tuple[bool, int, float]:
    """Readiness, place on the scale, and the score below which silence changes one of them."""
    ready_from = policy.leads.ready_from
    ready, place = score >= ready_from, 0
    goal = ready_from if ready else 0.0
    for cutoff in policy.grades.cutoffs[: found.highest]:
        if found.total < cutoff:
            break
        needed = round(ready_from * cutoff / found.total, 2)
        if score < needed:
            break
        place, goal = place + 1, max(goal, needed)
    return ready, place, goal


def _crossing(needed: float, latent: float, rules: Leads, now: datetime) -> datetime | None:
    """The first whole second after now at which engagement falls below what is needed of it:
    latent · 2^(−t/half-life) = needed, so t = half-life · log2(latent / needed)."""
    if needed <= 0 or latent <= 0:
        return None
    seconds = rules.half_life_days * DAY_SECONDS * log2(max(1.0, latent / needed))
    return now + timedelta(seconds=floor(seconds + 0.001) + 1)


def _decay(since: datetime, until: datetime, rules: Leads) -> float:
    half_lives = (until - since).total_seconds() / (rules.half_life_days * DAY_SECONDS)
    return exp2(-half_lives)
