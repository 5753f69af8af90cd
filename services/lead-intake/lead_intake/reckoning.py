"""The job that notes anew when holders' times end, once rules or calendars have changed.

The moment noted for a party is what its last fact made of the rules as they were known then. An
adopted version or an edited calendar moves it without any fact of the party's own.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from perennial.kit.jobs import asking, send

from lead_intake import holdings
from lead_intake.domain.clocks import ReckonClocks, basis
from lead_intake.handlers import CUSTOMER

JOB = "lead-intake"


async def _stored(running: Any) -> Sequence[str]:
    return await holdings.parties_of_held(running.pool)


class Reckoning:
    """Looks whether the rules moved; after a start once in any case."""

    def __init__(self, parties: Callable[[Any], Awaitable[Sequence[str]]] = _stored) -> None:
        self._parties = parties
        """Keys of the parties whose leads somebody holds."""
        self._noted = ""

    async def __call__(self, running: Any) -> int:
        """How many parties were reckoned anew."""
        now = basis(running.world())
        if now == self._noted:
            return 0
        parties = await self._parties(running)
        wish = ReckonClocks(basis=now)
        sent = await send(
            running.asks, [asking(CUSTOMER, key, wish, "reckon", JOB) for key in parties]
        )
        self._noted = now
        return sent
