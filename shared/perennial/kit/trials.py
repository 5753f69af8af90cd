"""What-if over REST: asked for, run in a process of its own, kept with its report.

One at a time, at low priority; what a restart cut short is run again. A shadow is a what-if that goes
on: the draft judges the facts as they come, beside the living policy, and decides nothing.
"""

import asyncio
import logging
import os
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from perennial.kit.ask import Ask
from perennial.kit.ids import uuid7
from perennial.kit.jobs import asking
from perennial.kit.outcomes import Report
from perennial.kit.policies import NoteTrial
from perennial.kit.whatif_words import House, Line, Wish

log = logging.getLogger("perennial.trials")

LOOK_SECONDS = 1.0
NICE = 5
"""Behind everything that lives."""
LINE_MOST = 64 * 1024 * 1024
_OPEN = ("asked", "running", "shadowing")

_ASK = "INSERT INTO trial (id, state, asked, by_whom) VALUES ($1, 'asked', $2, $3)"
_NEXT = "SELECT id, asked FROM trial WHERE state = ANY($1::text[]) ORDER BY at LIMIT 1"
_GO_ON = (
    "UPDATE trial SET state = $2, facts = $3, of = $4 WHERE id = $1 AND state = ANY($5::text[])"
)
_KEEP = """
    UPDATE trial SET state = $2, report = $3, fault = $4, facts = of
    WHERE id = $1 AND state = ANY($5::text[])
"""
_END = "UPDATE trial SET state = 'ended' WHERE id = $1 AND state = ANY($2::text[])"
_ROW = "SELECT * FROM trial WHERE id = $1"
_LIST = "SELECT * FROM trial ORDER BY at DESC LIMIT $1"


class TryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried: a drafted version, or a document that nobody has drafted yet."""

    version: int | None = None
    document: dict[str, Any] | None = None
    starts: datetime | None = None
    """From when on it would have judged; default: always."""
    ends: datetime | None = None
    shadow: bool = False
    """Go on beside the living policy until it is ended."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a what-if has come, and what came of it."""

    id: str
    state: str
    asked: Any
    by: str
    at: datetime
    facts: int
    of: int
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
    row = await pool.fetchrow(_ROW, number)
    return _standing(row, whole=True) if row else None


async def listed(pool: Any, most: int = 50) -> list[Standing]:
    """Newest first, without their reports."""
    return [_standing(row, whole=False) for row in await pool.fetch(_LIST, most)]


async def end(pool: Any, number: str) -> Standing | None:
    """Stop it, whatever it has come to."""
    await pool.execute(_END, number, list(_OPEN))
    return await standing(pool, number)


async def work(runtime: Any, stopping: asyncio.Event) -> None:
    """Run what is asked for, one after the other, until told to stop."""
    while not stopping.is_set():
        row = await runtime.pool.fetchrow(_NEXT, list(_OPEN))
        if row is not None:
            await _run(runtime, row["id"], row["asked"], stopping)
            continue
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)


async def _run(runtime: Any, number: str, asked: str, stopping: asyncio.Event) -> None:
    wish = msgspec.json.decode(asked, type=TryPolicy)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perennial.kit.whatif"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_MOST,
        preexec_fn=lambda: os.nice(NICE),
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(_whole(runtime, wish)))
    process.stdin.close()
    hearing = asyncio.create_task(_hear(runtime, number, wish, process))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait({hearing, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if process.returncode is None and not hearing.done():
        process.terminate()
    code = await process.wait()
    await hearing
    if code and not stopping.is_set():
        fault = f"the what-if ended with {code}; see the service's log"
        await runtime.pool.execute(_KEEP, number, "failed", "", fault, list(_OPEN))


async def _hear(runtime: Any, number: str, wish: TryPolicy, process: Any) -> None:
    """What the process says is noted; it is ended once nobody wants it any more."""
    decode = msgspec.json.Decoder(Line).decode
    async for text in process.stdout:
        line = decode(text)
        if line.report is not None:
            wanted = await _keep(runtime, number, wish, line.report)
        elif line.fault:
            wanted = await runtime.pool.execute(
                _KEEP, number, "failed", "", line.fault, list(_OPEN)
            )
        else:
            state = "shadowing" if line.doing == "shadowing" else "running"
            wanted = await runtime.pool.execute(
                _GO_ON, number, state, line.facts, line.of, list(_OPEN)
            )
        if wanted == "UPDATE 0" and process.returncode is None:
            process.terminate()


async def _keep(runtime: Any, number: str, wish: TryPolicy, report: Report) -> str:
    """The report is stored first; then the policy is told that this version was tried."""
    text = msgspec.json.encode(report).decode()
    state = "shadowing" if wish.shadow else "done"
    kept: str = await runtime.pool.execute(_KEEP, number, state, text, "", list(_OPEN))
    if wish.version and not wish.shadow:
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
    settings = runtime.settings
    return Wish(
        houses=[House(name=runtime.service.name, database_url=settings.database_url)],
        kafka_bootstrap=settings.kafka_bootstrap,
        kafka_user=settings.kafka_user,
        kafka_password=settings.kafka_password,
        service=runtime.service.name,
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
        fault=row["fault"],
        report=report,
    )
