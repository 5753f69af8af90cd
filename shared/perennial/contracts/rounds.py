"""Matching rounds: one decision over many leads and sellers, written by lead-intake, keyed by market."""

from typing import ClassVar

import msgspec

from perennial.contracts.base import Count, Event, Fraction, Id, Minor, Topic
from perennial.contracts.holdings import Grade


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lead that waited for this round, and who it went to."""

    customer_id: Id
    lead_id: Id
    grade: Grade
    holder: str = ""
    """Empty where nobody could take it."""
    win_chance: Fraction | None = None
    value: Minor = 0


class RoundHeld(Event, frozen=True, kw_only=True):
    """One decision over many leads and sellers; `assigned` follows on each lead's own key."""

    TYPE: ClassVar[str] = "perennial.round.held.v1"
    round_id: Id
    market: Id
    seed: str
    waiting: Count
    assigned: Count
    sellers: Count
    free: Count
    """Places free before the round, over all sellers."""
    objective: float
    """Sum of win chance × expected value of what was assigned."""
    candidates: list[Candidate] = []
    shares: dict[str, Count] = {}
    """How many each seller got."""


ROUNDS = Topic("rounds.v1", "lead-intake", [RoundHeld], partitions=1)
