"""Published estimates on the CDNOW sample, calibrated on weeks 1 to 39, and whether ours are those.

Fader, Hardie & Lee 2005 (BG/NBD and Pareto/NBD), lifetimes' tests (MBG/NBD), Fader & Hardie's note
025 (Gamma-Gamma).
"""

from collections.abc import Mapping
from decimal import Decimal

PUBLISHED: Mapping[str, Mapping[str, str]] = {
    "bg-nbd": {"r": ".243", "alpha": "4.414", "a": ".793", "b": "2.426", "log_likelihood": "-9582.4"},
    "pareto-nbd": {"r": ".553", "alpha": "10.578", "s": ".606", "beta": "11.669", "log_likelihood": "-9595.0"},
    "mbg-nbd": {"r": ".525", "alpha": "6.183", "a": ".891", "b": "1.614"},
    "gamma-gamma": {"p": "6.25", "q": "3.74", "gamma": "15.44", "log_likelihood": "-4055.92"},
}  # fmt: skip
"""As printed: the number of digits says how exactly they are known."""


def agrees(ours: float, printed: str) -> bool:
    """Whether a number rounds to what was printed, give or take one in its last digit."""
    digits = Decimal(printed)
    return abs(Decimal(str(ours)) - digits) <= Decimal((0, (1,), int(digits.as_tuple().exponent)))


def reproduced(family: str, ours: Mapping[str, float]) -> bool:
    """Whether all that was published of a model is found again."""
    printed = PUBLISHED[family]
    return all(name in ours and agrees(ours[name], value) for name, value in printed.items())
