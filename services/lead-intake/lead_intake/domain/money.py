"""Money in minor units: how many a currency has, shares of it, and conversion by dated rates."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

_DIGITS = dict.fromkeys(
    (
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
        "XAF", "XOF", "XPF",
    ),
    0,
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)  # fmt: skip


def digits(currency: str) -> int:
    """Decimal places of the currency's minor unit (ISO 4217; two unless it is an exception)."""
    return _DIGITS.get(currency, 2)


def minor(amount: Decimal, currency: str) -> int:
    """An amount as written by people, in minor units, half to even."""
    return int(amount.scaleb(digits(currency)).to_integral_value(ROUND_HALF_EVEN))


def convert(amount: int, currency: str, to: str, rate: float) -> int:
    """Minor units of one currency in those of another; rounded once, exactly, half to even."""
    if currency == to:
        return amount
    exact = (
        Fraction(amount) * Fraction(repr(rate)) * Fraction(10) ** (digits(to) - digits(currency))
    )
    return round(exact)


def rate_on(history: Sequence[tuple[date, float]], day: date) -> float | None:
    """The latest rate that had started by `day`; `history` is sorted by its start."""
    found = None
    for starts, rate in history:
        if starts > day:
            break
        found = rate
    return found


def share(whole: int, part: int, of: int) -> int:
    """`whole × part / of`, half to even. Of running sums, so that pieces add up in any order."""
    return round(Fraction(whole * part, of)) if of else 0
