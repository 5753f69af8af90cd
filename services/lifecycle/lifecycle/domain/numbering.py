"""Customer numbers: gap-free within a year of business time, with a check digit, never reused.

`C-1997-000001-24`: year, running number, and two check digits by ISO 7064 MOD 97-10 over year and
running number, which finds every single wrong digit and every swap of two neighbours. The running
number grows past six digits where a year needs it.
"""

import re
from datetime import datetime

from perennial.contracts.base import Event

_SHAPE = re.compile(r"C-(\d{4})-(\d{6,})-(\d{2})")


def scope(_event: Event, time: datetime) -> str:
    """The counter a number is drawn from."""
    return f"C-{time.year:04d}"


def number(counter: str, n: int) -> str:
    running = f"{n:06d}"
    return f"{counter}-{running}-{check_digits(counter.removeprefix('C-') + running)}"


def check_digits(digits: str) -> str:
    return f"{98 - int(digits) * 100 % 97:02d}"


def is_valid(text: str) -> bool:
    """Whether a number was copied without a slip; says nothing about its existence."""
    found = _SHAPE.fullmatch(text)
    return found is not None and int("".join(found.groups())) % 97 == 1
