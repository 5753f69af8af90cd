"""One way of rounding, used before a number is compared with a threshold or published."""

from math import isfinite


def round_to(value: float, digits: int = 6) -> float:
    """`value` to so many significant digits: the same bytes on every machine, and no negative zero.

    Deciding on the rounded number is what makes a decision repeatable from the published event.
    """
    if not isfinite(value):
        raise ValueError(f"{value} is not a number that can be published")
    return float(f"{value:.{digits}g}") + 0.0
