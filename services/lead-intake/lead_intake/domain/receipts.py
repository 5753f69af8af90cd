"""Why a lead went to one seller and not to another: one sentence from what was recorded. Pure."""

from collections.abc import Collection, Mapping

from perennial.contracts.holdings import Grade, LeadAssigned
from perennial.contracts.rounds import Desk, RoundHeld

Levels = Mapping[Grade, tuple[int, int]]


def why_not(
    person: str,
    assigned: LeadAssigned,
    held: RoundHeld | None,
    before: Collection[str],
    levels: Levels,
) -> str:
    """The reason, as the round saw it; `before` are the lead's holders until then."""
    if person == assigned.holder:
        return f"{person} got it."
    if held is None:
        return f"No round decided it: it was {assigned.how}, by {assigned.by}."
    runner = next((one for one in assigned.runners_up if one.person == person), None)
    if runner is not None:
        return f"{person} was among the next: {runner.why}."
    desk = next((one for one in held.desks if one.person == person), None)
    if desk is None:
        return f"{person} did not sell here when round {held.round_id} was held."
    return _ruled_out(desk, assigned, before, levels) or _outbid(desk, assigned)


def _ruled_out(desk: Desk, assigned: LeadAssigned, before: Collection[str], levels: Levels) -> str:
    low, high = levels.get(assigned.grade, (desk.level, desk.level))
    if not low <= desk.level <= high:
        return (
            f"{desk.person} is of level {desk.level}; leads of grade {assigned.grade}"
            f" go to levels {low} to {high}."
        )
    if desk.away:
        return f"{desk.person} was away."
    if desk.person in before:
        return f"{desk.person} had held it before; it never goes back by itself."
    if not desk.free:
        return f"{desk.person} had no room left."
    return ""


def _outbid(desk: Desk, assigned: LeadAssigned) -> str:
    """Nothing that the round recorded spoke against this one: others were worth more."""
    mine, theirs = desk.chances.get(assigned.grade), assigned.win_chance
    compared = "" if mine is None or theirs is None else f" ({mine:.1%} against {theirs:.1%})"
    return (
        f"{desk.person} might have taken it: the round was worth more with {assigned.holder}"
        f"{compared}, or a certificate or language was missing."
    )
