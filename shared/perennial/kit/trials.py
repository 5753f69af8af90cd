"""What-if over REST: asked for, run in a process of its own, kept with its report.

One at a time and one shadow beside it, at low priority; what a restart cut short is run again. A shadow
is a what-if that goes on: the draft judges the facts as they come, and decides nothing.
"""

import asyncio
import logging
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec

from perennial.kit.ask import Ask
from perennial.kit.ids import uuid7
from perennial.kit.jobs import asking
from perennial.kit.outcomes import Report
from perennial.kit.policies import NoteTrial
from perennial.kit.waking import set_within
from perennial.kit.whatif_process import BrokeOffError, lines, wish_of
from perennial.kit.whatif_words import Line, Wish

log = logging.getLogger("perennial.trials")

LOOK_SECONDS = 1.0
NOTHING = "no decision was recorded within this time: it says nothing about the draft"
_OPEN = ("asked", "running", "shadowing")

_ASK = "INSERT INTO trial (id, state, asked, by_whom) VALUES ($1, 'asked', $2, $3)"
_NEXT = """
    SELECT id, asked FROM trial
    WHERE state = ANY($1::text[]) AND (asked::jsonb->'shadow')::bool = $2 ORDER BY at LIMIT 1
"""
_GO_ON = (
    "UPDATE trial SET state = $2, facts = $3, of = $4 WHERE id = $1 AND state = ANY($5::text[])"
)
_KEEP = """
    UPDATE trial SET state = $2, report = $3, fault = $4, facts = of
    WHERE id = $1 AND state = ANY($5::text[])
"""
_END = "UPDATE trial SET state = 'ended' WHERE id = $1 AND state = ANY($2::text[])"
_STANDING = """
    SELECT t.*, (
        SELECT count(*) FROM trial other WHERE t.state = 'asked' AND other.state = ANY($1::text[])
        AND other.asked::jsonb->'shadow' = t.asked::jsonb->'shadow' AND other.at < t.at
    ) AS before
    FROM trial t
"""
_ROW = f"{_STANDING} WHERE id = $2"
_LIST = f"{_STANDING} ORDER BY at DESC LIMIT $2"


class TryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried: a drafted version, or a document that nobody has drafted yet."""

    version: int | None = None
    document: dict[str, Any] | None = None
    starts: datetime | None = None
    """From when on it would have judged; default: always."""
    ends: datetime | None = None
    shadow: bool = False
    """Go on beside the living policy until it is ended."""


def fault_in(wish: TryPolicy, versions: int, now: datetime) -> tuple[int, str, str] | None:
    """Why there is nothing to try: status, path, and what to say instead."""
    if wish.version is not None and wish.document is not None:
        return 422, "/document", "give a version or a document, not both"
    if wish.version is not None and not 0 <= wish.version <= versions:
        return 404, "/version", f"there is no version {wish.version}; draft it first"
    if wish.starts is not None and wish.ends is not None and wish.ends <= wish.starts:
        return 422, "/ends", "it must come after starts"
    if wish.shadow and wish.ends is not None and wish.ends <= now:
        return 422, "/ends", "a shadow judges what is still to come: give a later moment, or none"
    if not wish.shadow and wish.starts is not None and wish.starts >= now:
        return 422, "/starts", "nothing is recorded from then on: give an earlier moment, or none"
    return None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a what-if has come, and what came of it."""

    id: str
    state: str
    asked: Any
    by: str
    at: datetime
    facts: int
    of: int
    before: int = 0
    """While it is only asked for: how many are run, or followed as a shadow, before it is its turn."""
    fault: str = ""
    report: Any = None


async def ask(pool: Any, wish: TryPolicy, by: str) -> Standing:
    """Noted; it runs as soon as those before it are done."""
    number = uuid7()
    await pool.execute(_ASK, number, msgspec.json.encode(wish).decode(), by)
    found = await standing(pool, number)
    assert found is not None
    return found


async def standing(pool: Any, number: str) -> Standing | None:
    row = await pool.fetchrow(_ROW, list(_OPEN), number)
    return _standing(row, whole=True) if row else None


async def listed(pool: Any, most: int = 50) -> list[Standing]:
    """Newest first, without their reports."""
    return [_standing(row, whole=False) for row in await pool.fetch(_LIST, list(_OPEN), most)]


async def end(pool: Any, number: str) -> Standing | None:
    """Stop it, whatever it has come to."""
    await pool.execute(_END, number, list(_OPEN))
    return await standing(pool, number)


async def work(runtime: Any, stopping: asyncio.Event) -> None:
    """Run what is asked for, until told to stop; shadows go on and on, and keep nothing else waiting."""
    async with asyncio.TaskGroup() as lanes:
        for shadows in (False, True):
            lanes.create_task(_lane(runtime, stopping, shadows))


async def _lane(runtime: Any, stopping: asyncio.Event, shadows: bool) -> None:
    while not stopping.is_set():
        row = await runtime.pool.fetchrow(_NEXT, list(_OPEN), shadows)
        if row is not None:
            await _run(runtime, row["id"], row["asked"], stopping)
            continue
        await set_within(stopping, LOOK_SECONDS)


async def _run(runtime: Any, number: str, asked: str, stopping: asyncio.Event) -> None:
    wish = msgspec.json.decode(asked, type=TryPolicy)
    try:
        await _hear(runtime, number, wish, stopping)
    except BrokeOffError as error:
        fault = f"{error}; see the service's log"
        await runtime.pool.execute(_KEEP, number, "failed", "", fault, list(_OPEN))


async def _hear(runtime: Any, number: str, wish: TryPolicy, stopping: asyncio.Event) -> None:
    async with aclosing(lines(_whole(runtime, wish), stopping)) as said:
        async for line in said:
            if await _noted(runtime, number, wish, line) == "UPDATE 0":
                return  # nobody wants it any more


async def _noted(runtime: Any, number: str, wish: TryPolicy, line: Line) -> str:
    """What the process says, kept while the what-if is wanted."""
    if line.report is not None:
        return await _keep(runtime, number, wish, line.report)
    if line.fault:
        words: tuple[Any, ...] = _KEEP, number, "failed", "", line.fault
    else:
        state = "shadowing" if line.doing == "shadowing" else "running"
        words = _GO_ON, number, state, line.facts, line.of
    return str(await runtime.pool.execute(*words, list(_OPEN)))


async def _keep(runtime: Any, number: str, wish: TryPolicy, report: Report) -> str:
    """The report is stored first; then the policy is told that this version was tried."""
    text = msgspec.json.encode(report).decode()
    state = "shadowing" if wish.shadow else "done"
    windowed = wish.starts is not None or wish.ends is not None
    told = NOTHING if windowed and not report.judged and not wish.shadow else ""
    kept: str = await runtime.pool.execute(_KEEP, number, state, text, told, list(_OPEN))
    if wish.version and not wish.shadow and not told:
        service = runtime.service
        decisions = sum(one.decisions for one in report.services)
        noted = NoteTrial(
            version=wish.version, trial=number, decisions=decisions, otherwise=report.otherwise
        )
        asked: Ask = asking(
            service.policy_subject, service.name, noted, f"tried:{number}", service.name
        )
        await runtime.asks.ask(asked)
    return kept


def _whole(runtime: Any, wish: TryPolicy) -> Wish:
    return wish_of(
        runtime,
        document=wish.document,
        version=wish.version,
        starts=wish.starts or (runtime.now() if wish.shadow else None),
        ends=wish.ends,
        shadow=wish.shadow,
    )


def _standing(row: Any, *, whole: bool) -> Standing:
    report = msgspec.json.decode(row["report"]) if whole and row["report"] else None
    return Standing(
        id=row["id"],
        state=row["state"],
        asked=msgspec.json.decode(row["asked"]),
        by=row["by_whom"],
        at=row["at"],
        facts=row["facts"],
        of=row["of"],
        before=row["before"],
        fault=row["fault"],
        report=report,
    )
