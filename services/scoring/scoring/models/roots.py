"""Where a falling function crosses zero."""

from collections.abc import Callable
from math import inf

_MOST_STEPS = 80


def falling_root(f: Callable[[float], float], low: float, high: float, step: float = 0.5) -> float:
    """The root of a falling ``f`` between low and high, to about 1e-11: low if f is not positive
    there already, inf if f is still positive at high. Regula falsi with Illinois' correction,
    in a bracket grown from the low end, at first by ``step``."""
    f_low = f(low)
    if f_low <= 0.0:
        return low
    right, f_right = low, f_low
    while f_right > 0.0:
        if right >= high:
            return inf
        low, f_low = right, f_right
        right = min(high, right + step)
        step *= 2.0
        f_right = f(right)
    return _between(f, low, f_low, right, f_right)


def _between(
    f: Callable[[float], float], low: float, f_low: float, high: float, f_high: float
) -> float:
    kept = 0
    for _ in range(_MOST_STEPS):
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        value = f(middle)
        if abs(value) < 1e-12 or high - low < 1e-11:
            return middle
        if value > 0.0:
            low, f_low = middle, value
            f_high *= 0.5 if kept > 0 else 1.0
            kept = 1
        else:
            high, f_high = middle, value
            f_low *= 0.5 if kept < 0 else 1.0
            kept = -1
    return (low + high) / 2.0
