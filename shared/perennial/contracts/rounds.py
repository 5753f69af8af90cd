"""Matching rounds: one decision over many leads and sellers, written by lead-intake, keyed by market."""

from typing import ClassVar

import msgspec

from perennial.contracts.base import Count, Event, Fraction, Id, Minor, Topic
from perennial.contracts.holdings import Grade


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lead that this round gave to somebody."""

    customer_id: Id
    lead_id: Id
    grade: Grade
    holder: Id
    win_chance: Fraction
    value: Minor = 0
    reserved: bool = False
    """Kept for the lowest level that may take it, so that they learn."""


class Desk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A seller as the round saw them."""

    person: Id
    level: int
    free: Count
    """Places before the round: the smaller of open and inflow."""
    gained: Count = 0
    """Leads gained in the window before the round: who had fewer comes first among equals."""
    got: Count = 0
    away: bool = False
    chances: dict[str, Fraction] = {}
    """By grade, as matching went by them."""


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
    desks: list[Desk] = []


ROUNDS = Topic("rounds.v1", "lead-intake", [RoundHeld], partitions=1)
