"""The sales department at work over REST, before the day's facts: the system is in the loop.

Each morning it is asked who holds what and what lies in the public pool; what is done about it
follows from that (`selling`), and is told like any partner's facts. So the model never knows
beforehand who will get a lead.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from perennial_cli.demo.calls import Calls
from perennial_cli.demo.drawing import SEED, drawn
from perennial_cli.demo.leads import Story
from perennial_cli.demo.office import is_working_day
from perennial_cli.demo.sales_force import HEAD, LEAVER, LEAVES, SELLERS, SUCCESSOR, works
from perennial_cli.demo.selling import Held, deeds, releases
from perennial_cli.driving import History

INTAKE, POOL = "lead-intake", "public"
MARKETER = POOLER = "marta"
"""Who says that leads are opportunities, and puts into the pool what nobody could take."""
POOLS_ON, WAITS_AT_MOST = 4, timedelta(days=4)
PAGE = "200"
LOOKS_IN = 0.5
"""On so many mornings somebody who claims at all looks into the pool."""


@dataclass
class Sold:
    """What the department has done so far."""

    asked: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    deeds: int = 0
    seconds: float = 0.0


class Sales:
    """People of the register, each under their own name; one after the other, so that luck decides nothing."""

    def __init__(self, calls: Calls, told: Sequence[Story]) -> None:
        self._calls = calls
        self._told = {(story.source, story.number): story for story in told}
        self._readied: dict[date, list[Story]] = {}
        for story in told:
            if story.readied_on is not None:
                self._readied.setdefault(story.readied_on, []).append(story)
        self._gone = False
        self.done = Sold()

    async def work(self, today: datetime) -> list[History]:
        """One morning's calls, and what the day's deeds will be."""
        day = today.date()
        if not is_working_day(day):
            return []
        began = time.monotonic()
        await self._leave(day)
        for story in self._readied.get(day, ()):
            await self._ask("ready", f"/v1/leads/{story.number}/ready", MARKETER, story.source)
        await self._claim(today)
        await self._pool(today)
        rows = await self._calls.get(INTAKE, "/v1/leads", HEAD, stage="held", limit=PAGE)
        held = self._holdings(rows)
        found = deeds(held, day)
        for one in releases(held, day):
            path = f"/v1/leads/{one.story.number}/release"
            await self._ask("release", path, one.person, one.story.source, {"reason": "no answer"})
        self.done.deeds += len(found)
        self.done.seconds += time.monotonic() - began
        return found

    async def _leave(self, day: date) -> None:
        """Somebody goes and names a successor, who has what that one held by the next tick."""
        if self._gone or day < LEAVES:
            return
        self._gone = True
        path = f"/v1/registers/people/{LEAVER}/leave"
        await self._calls.post(INTAKE, path, HEAD, {"successor": SUCCESSOR})

    async def _claim(self, today: datetime) -> None:
        hunters = claimers(today.date())
        if not hunters:
            return
        path = f"/v1/pools/{POOL}/leads"
        lying = claimable(await self._calls.get(INTAKE, path, HEAD, limit=PAGE), today)
        for person, lead in zip(hunters, lying, strict=False):
            await self._ask("claim", f"{path}/{lead}/claim", person)

    async def _pool(self, today: datetime) -> None:
        """On Fridays market lets whoever wants have what has waited too long."""
        if today.weekday() != POOLS_ON:
            return
        waiting = await self._calls.get(INTAKE, "/v1/leads", HEAD, stage="waiting", limit=PAGE)
        for row in waiting:
            if today - datetime.fromisoformat(row["since"]) > WAITS_AT_MOST:
                await self._ask("pool", f"/v1/leads/{row['lead_id']}/pool", POOLER)

    async def _ask(
        self, what: str, path: str, person: str, client: str = "", wish: Any = None
    ) -> None:
        granted = await self._calls.attempt(INTAKE, path, person, wish or {}, client=client)
        (self.done.asked if granted else self.done.refused)[what] += 1

    def _holdings(self, rows: Iterable[dict[str, Any]]) -> list[Held]:
        return [
            Held(self._told[row["source"], row["number"]], row["holder"], _since(row))
            for row in rows
            if (row["source"], row["number"]) in self._told and row["holder"] in SELLERS
        ]


def claimers(day: date, seed: int = SEED) -> list[str]:
    """Who looks into the pool today, in the order in which they come in."""
    luck = {
        person: drawn("pool", person, day.isoformat(), seed=seed).random()
        for person, seller in SELLERS.items()
        if seller.conduct.claims and works(person, day)
    }
    return sorted((person for person in luck if luck[person] < LOOKS_IN), key=luck.__getitem__)


def claimable(rows: Iterable[dict[str, Any]], now: datetime) -> list[str]:
    """Leads of the pool that have lain long enough, best first."""
    return [
        row["lead_id"]
        for row in rows
        if row.get("claimable_from") and datetime.fromisoformat(row["claimable_from"]) <= now
    ]


def _since(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["holdings"][-1]["since"])
