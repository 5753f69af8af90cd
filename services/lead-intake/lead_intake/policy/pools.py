"""Public pools: which lead lies in which, who may claim how many, and how long it must lie."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from perennial.contracts.base import Count, Id
from perennial.contracts.calendar import WallClock

from lead_intake.policy.holding import Name, Rules, Scope
from lead_intake.policy.turnover import Combine


class Limit(Rules, frozen=True, kw_only=True):
    """How many claims and views a day a seller has; it applies to these levels and teams, or to all."""

    name: Name
    claims: Count = 3
    views: Count = 20
    levels: tuple[Count, ...] = ()
    teams: tuple[Id, ...] = ()

    def applies(self, level: int, team: str) -> bool:
        return (not self.levels or level in self.levels) and (not self.teams or team in self.teams)


class Pool(Scope, frozen=True, kw_only=True):
    """A lead lies in the first pool whose scope covers it."""

    name: Name
    timezone: str = "UTC"
    """Where its day begins."""
    limits: tuple[Limit, ...] = (Limit(name="all"),)
    combine: Combine = "min"
    """Of several limits that apply to a seller."""
    last_holder: WallClock = "30d"
    """An earlier holder may claim it after this, if another held it since or a new touch came."""
    everyone: WallClock = "1d"
    """Nobody may claim what a holder has just lost."""
    passive: WallClock = "7d"
    """Who lost it by a clock may not claim it before, whatever `last_holder` says."""
    hold_new: WallClock = "24h"
    """Nobody may claim what has just come in; counted from its coming in, whatever is edited."""
    unclaimed: WallClock = "30d"
    """Then it goes back to nurture."""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"timezone {self.timezone!r} is not a name as Europe/Berlin"
            ) from error
