"""Whose doing a win is: its value shared over the touches that led to it, exact to the minor unit (I4)."""

from collections.abc import Sequence
from fractions import Fraction

from perennial.contracts.touches import Touch, TouchCredit

from lead_intake.policy import Credit


def credit(value: int | None, touches: Sequence[Touch], model: Credit) -> list[TouchCredit]:
    """What each touch has of the value, in their order; nothing where the value is unknown."""
    if value is None or not touches:
        return []
    shares = apportion(value, _weights(len(touches), model))
    return [
        TouchCredit(channel=one.channel, campaign=one.campaign, source=one.source, value=share)
        for one, share in zip(touches, shares, strict=True)
    ]


def apportion(whole: int, weights: Sequence[int]) -> list[int]:
    """The whole in parts as the weights stand to each other, by largest remainder; the earlier of
    equals has the odd unit. The parts add up to the whole."""
    total = sum(weights)
    exact = [Fraction(abs(whole) * weight, total) for weight in weights]
    parts = [int(part) for part in exact]
    odd = abs(whole) - sum(parts)
    for place in sorted(range(len(parts)), key=lambda one: parts[one] - exact[one])[:odd]:
        parts[place] += 1
    return parts if whole >= 0 else [-part for part in parts]


def _weights(count: int, model: Credit) -> list[int]:
    if model == "linear":
        return [1] * count
    chosen = 0 if model == "first" else count - 1
    return [int(place == chosen) for place in range(count)]
