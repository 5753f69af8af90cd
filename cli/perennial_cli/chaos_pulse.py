"""How fast the system is back after each fault: what every service takes, looked at once a second."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

import asyncpg
from perennial.contracts.platform import SERVICES
from perennial_embedded.state import Addresses

from perennial_cli.chaos_faults import Struck

EVERY, WINDOW = 1.0, 3
"""Seconds between looks, and looks over which a rate is measured."""
BACK_AT = 0.8
"""Of the rate before the fault."""
BEFORE = 30.0
"""Seconds whose rates are the pace."""
WITHIN = {"kafka": 60.0, "postgres": 60.0, "disk": 60.0}
WITHIN_ELSE = 30.0
TROUBLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""The last is what a connection says that was cut off in the middle of an answer."""
_TAKEN = "SELECT coalesce(sum(n), 0)::bigint FROM sent WHERE lane IN ('taken', 'requests')"


@dataclass
class Beats:
    """What each service had taken by each look, in seconds since the storm began."""

    at: list[float] = field(default_factory=list)
    taken: dict[str, list[int]] = field(default_factory=lambda: {one: [] for one in SERVICES})

    def rate(self, service: str, look: int) -> float:
        """Facts a second over the window that ends with this look."""
        before = max(look - WINDOW, 0)
        seconds = self.at[look] - self.at[before]
        counts = self.taken[service]
        return (counts[look] - counts[before]) / seconds if seconds else 0.0


class Pulse:
    """Looks until told to stop. A look that fails counts as standing still."""

    def __init__(self, addresses: Addresses, began: float) -> None:
        self.beats = Beats()
        self._addresses = addresses
        self._began = began
        self._open: dict[str, asyncpg.Connection] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            self.beats.at.append(time.monotonic() - self._began)
            counts = await asyncio.gather(*(self._look(service) for service in SERVICES))
            for service, count in zip(SERVICES, counts, strict=True):
                known = self.beats.taken[service]
                known.append(max(count, known[-1] if known else 0))
            await asyncio.sleep(EVERY)
        for connection in self._open.values():
            connection.terminate()

    async def _look(self, service: str) -> int:
        try:
            connection = self._open.get(service)
            if connection is None or connection.is_closed():
                dsn = self._addresses.dsn(service.replace("-", "_"))
                connection = self._open[service] = await asyncpg.connect(dsn, timeout=1)
            found: int = await connection.fetchval(_TAKEN, timeout=1)
        except TROUBLE:
            if service in self._open:
                self._open.pop(service).terminate()
            return 0
        return found


@dataclass(frozen=True)
class Recovery:
    """How long it took until every service was back at its pace; None if it never was."""

    kind: str
    whom: str
    seconds: float | None
    alone: bool
    """No other fault struck meanwhile, and the load went on long enough: only then the bound holds."""

    @property
    def late(self) -> bool:
        return self.alone and (self.seconds is None or self.seconds > within(self.kind))


def within(kind: str) -> float:
    """Seconds in which everybody must be back after such a fault."""
    return WITHIN.get(kind.split()[0], WITHIN_ELSE)


def recoveries(beats: Beats, struck: Sequence[Struck]) -> list[Recovery]:
    """Of every fault: from its end until all services have taken again what they took right before it."""
    return [_recovery(one, struck, beats) for one in struck]


def _pace(beats: Beats, service: str, until: float) -> float:
    """The usual rate of a service by then: the load changes as customers do, so none of long ago."""
    looks = [look for look, at in enumerate(beats.at) if until - BEFORE <= at <= until]
    return median([beats.rate(service, look) for look in looks if look >= WINDOW] or [0.0])


def _back(beats: Beats, service: str, one: Struck) -> float | None:
    """When a service was at its pace over a whole window after the fault."""
    pace = _pace(beats, service, one.began)
    for look, at in enumerate(beats.at[WINDOW:], WINDOW):
        after = beats.at[look - WINDOW] >= one.ended
        if after and beats.rate(service, look) >= BACK_AT * pace:
            return at
    return None


def _recovery(one: Struck, struck: Iterable[Struck], beats: Beats) -> Recovery:
    back = [_back(beats, service, one) for service in SERVICES]
    known = [at for at in back if at is not None]
    found = max(known) if len(known) == len(back) else None
    late = one.ended + within(one.kind)
    end = min(late, found if found is not None else late)
    others = (other for other in struck if other is not one)
    alone = not any(other.began < end and other.ended > one.began for other in others)
    seconds = None if found is None else found - one.ended
    return Recovery(one.kind, one.whom, seconds, alone and beats.at[-1] >= end)


def slowest(found: Iterable[Recovery]) -> list[dict[str, object]]:
    """A line for each kind of fault: how often it struck, and how long it took at most."""
    kinds: dict[str, list[Recovery]] = {}
    for one in found:
        kinds.setdefault(one.kind, []).append(one)
    return [
        {
            "fault": kind,
            "struck": len(all_),
            "median_seconds": _rounded(median(_seconds(all_))),
            "slowest_seconds": _rounded(max(_seconds(all_))),
            "alone": sum(one.alone for one in all_),
            "late": sum(one.late for one in all_),
        }
        for kind, all_ in sorted(kinds.items())
    ]


def _seconds(found: Iterable[Recovery]) -> list[float]:
    return [float("inf") if one.seconds is None else one.seconds for one in found]


def _rounded(seconds: float) -> float | None:
    return None if seconds == float("inf") else round(seconds, 1)
