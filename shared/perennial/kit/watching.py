"""Watches an adopted version that has bounds: the former one judges on beside it, and both are counted.

Once a bound is broken, the policy is told what was counted, and the rules of the policy bring the former
version back. Whatever happens to this process, the next one counts anew from the recorded facts.
"""

import asyncio
import logging
from contextlib import aclosing
from typing import Any

import msgspec

from perennial.kit.bounds import Tally, broken
from perennial.kit.jobs import asking
from perennial.kit.policies import Adoption, NoteWatch
from perennial.kit.trials import TryPolicy
from perennial.kit.waking import set_within
from perennial.kit.whatif_process import BrokeOffError, lines, wish_of
from perennial.kit.whatif_words import Line

log = logging.getLogger("perennial.watching")

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 30.0
"""After the other process broke off."""
_KEEP = """
    INSERT INTO trial (id, asked, by_whom, state, report, fault) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (id) DO UPDATE
    SET state = excluded.state, report = excluded.report, fault = excluded.fault
"""
_IS_OVER = "SELECT EXISTS (SELECT 1 FROM trial WHERE id = $1 AND state <> 'watching')"


async def work(runtime: Any, stopping: asyncio.Event) -> None:
    """Watch whatever is to be watched, until told to stop."""
    while not stopping.is_set():
        pause = LOOK_SECONDS
        try:
            if (watched := await _to_watch(runtime)) is not None:
                await _Watch(runtime, watched).run(stopping)
        except BrokeOffError as error:
            log.warning("%s; the watch begins anew", error)
            pause = AGAIN_SECONDS
        await set_within(stopping, pause)


async def _to_watch(runtime: Any) -> Adoption | None:
    watched: Adoption | None = runtime.door.worlds.policy.watched
    if watched is None or watched.effective_at > runtime.now():
        return None
    return None if await runtime.pool.fetchval(_IS_OVER, _number(runtime)) else watched


class _Watch:
    """One adoption, watched until a bound is broken, its time is over, or another version follows."""

    def __init__(self, runtime: Any, watched: Adoption) -> None:
        self._runtime, self._watched = runtime, watched
        policy = runtime.door.worlds.policy
        self._id, self._late = _number(runtime), False
        self._tried = TryPolicy(
            version=policy.former,
            starts=watched.effective_at,
            ends=watched.watched_until,
            shadow=True,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        wish = wish_of(self._runtime, **msgspec.structs.asdict(self._tried), counting=True)
        async with aclosing(lines(wish, stopping)) as said:
            async for line in said:
                state = self._standing(line)
                if state == "broken":
                    await self._go_back(line.tally or {})
                if state:
                    await self._keep(state, line)
                if state not in ("", "watching"):
                    return

    def _standing(self, line: Line) -> str:
        """What is to be thought of the watch by now; "" while nothing was counted."""
        if line.fault:
            return "failed"
        if self._runtime.door.worlds.policy.watched != self._watched:
            return "ended"
        if line.tally is None:
            return ""
        if broken(self._watched.bounds, line.tally):
            return "broken"
        was_late, self._late = self._late, self._runtime.now() >= self._watched.watched_until
        return "done" if was_late else "watching"  # the last facts are in the next look

    async def _go_back(self, tally: Tally) -> None:
        subject, name = self._runtime.service.policy_subject, self._runtime.service.name
        noted = NoteWatch(effective_at=self._watched.effective_at, tally=dict(tally))
        log.warning("%s", broken(self._watched.bounds, tally))
        await self._runtime.asks.ask(asking(subject, name, noted, "watched", name))

    async def _keep(self, state: str, line: Line) -> None:
        asked, told = (msgspec.json.encode(one).decode() for one in (self._tried, line.tally or {}))
        words = self._id, asked, self._watched.by, state, told, line.fault
        await self._runtime.pool.execute(_KEEP, *words)


def _number(runtime: Any) -> str:
    """Where it stands: `GET /v1/whatif/watch-3` is about the third adoption."""
    return f"watch-{len(runtime.door.worlds.policy.adoptions)}"
