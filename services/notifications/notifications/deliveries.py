"""The delivery worker: takes what is due, posts it, records the answer, and tells the door.

At least once. A post is never made inside a transaction; whoever dies between a post and its record
leaves a claim that runs out, and the same message goes out again under the same id. Telling the door
is a step of its own (`reported`), repeated until it is done, and done once: its id is the delivery's.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import asyncpg
import msgspec
from perennial.kit.ask import Answer as Answered
from perennial.kit.ask import Ask, Asks
from perennial.kit.ids import uuid7

from notifications import delivery_queue as queue
from notifications.bell import Bell, rung_within
from notifications.channels.webhook import Message, Webhooks
from notifications.delivery_queue import Claimed, Finished, Result, Target
from notifications.domain.alerting import ReportFailed, ReportSent
from notifications.domain.delivery import (
    Answer,
    admits,
    after,
    exhausted,
    judge,
    next_try,
)
from notifications.domain.endpoints import ChangeEndpoint, endpoint_key
from notifications.handlers import CUSTOMER, ENDPOINT
from notifications.policy import Delivery, span

log = logging.getLogger("perennial.deliveries")

PER_ENDPOINT = 50
"""Posts to one endpoint at a time; a slow one holds up nobody else."""
REPORTS = 500
LOOK_SECONDS = 1.0
PRINCIPAL = "notifications.deliveries"


class Noted(msgspec.Struct, frozen=True):
    """The door's answer to the worker."""

    noted: bool = True


class Deliveries:
    """Works through the deliveries of all endpoints; several processes may do so side by side."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        asks: Asks,
        webhooks: Webhooks,
        rule: Callable[[], Delivery],
        clock: Callable[[], datetime],
        bell: Bell,
    ) -> None:
        self._pool = pool
        self._asks = asks
        self._webhooks = webhooks
        self._rule = rule
        self._clock = clock
        self._bell = bell
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Runs as long as the service; any error of ours ends it, and with it the process.

        Told to stop, it claims nothing more and records what is on its way.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_reporting(stopping))
            while not stopping.is_set():
                ring = self._bell.next_ring()
                await self._start_rounds(tasks)
                await rung_within(ring, await self._until_next())

    async def settle(self) -> None:
        """Work until nothing is due and all is told; for tests and for a stop in order."""
        while True:
            async with asyncio.TaskGroup() as tasks:
                started = await self._start_rounds(tasks)
            if not started and not await self.report():
                return

    async def report(self) -> int:
        """Tell the door what came to its end; how many were told."""
        finished = await queue.unreported(self._pool, REPORTS)
        if not finished:
            return 0
        answers = await self._asks.ask_all([_told(one) for one in finished])
        told = [one for one, answer in zip(finished, answers, strict=True) if _is_final(answer)]
        await queue.mark_reported(self._pool, told)
        return len(told)

    async def _keep_reporting(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            ring = self._bell.next_ring()
            if await self.report() < REPORTS:
                await rung_within(ring, LOOK_SECONDS)

    async def _start_rounds(self, tasks: asyncio.TaskGroup) -> int:
        """One round per endpoint that has work due and none in hand."""
        now, rule = self._clock(), self._rule()
        due = [
            one for one in await queue.targets(self._pool, now) if one.endpoint not in self._busy
        ]
        await self._give_up([one.endpoint for one in due if not one.enabled], now)
        open_ones = {
            one.endpoint: one
            for one in due
            if one.enabled and admits(one.circuit, rule.breaker, PER_ENDPOINT, now)
        }
        if not open_ones:
            return 0
        most = {
            name: admits(one.circuit, rule.breaker, PER_ENDPOINT, now)
            for name, one in open_ones.items()
        }
        token = uuid7()
        rounds: dict[str, list[Claimed]] = {}
        for claimed in await queue.claim(self._pool, most, token, now):
            rounds.setdefault(claimed.endpoint, []).append(claimed)
        for name, deliveries in rounds.items():
            task = tasks.create_task(self._round(open_ones[name], deliveries, token, rule))
            self._busy[name] = task
        return len(rounds)

    async def _give_up(self, disabled: list[str], now: datetime) -> None:
        if disabled:
            await queue.give_up(self._pool, disabled, now)
            self._bell.ring()

    async def _round(
        self, target: Target, deliveries: list[Claimed], token: str, rule: Delivery
    ) -> None:
        """Post what was claimed for one endpoint, all at once, and record it in one transaction."""
        try:
            now = self._clock()
            secrets = await queue.secrets(self._pool, [target.endpoint], now)
            keys = secrets.get(target.endpoint, [])
            posts = (self._post(target.url, one, keys, rule) for one in deliveries)
            answers = await asyncio.gather(*posts)
            await self._record(target, deliveries, answers, token, rule)
        finally:
            del self._busy[target.endpoint]
            self._bell.ring()

    async def _post(self, url: str, one: Claimed, secrets: list[str], rule: Delivery) -> Answer:
        if not secrets:
            return Answer(error="the endpoint has no secret; rotate it")
        message = Message(one.id, one.body)
        return await self._webhooks.post(url, message, secrets, self._clock(), span(rule.timeout))

    async def _record(
        self,
        target: Target,
        deliveries: list[Claimed],
        answers: list[Answer],
        token: str,
        rule: Delivery,
    ) -> None:
        now = self._clock()
        results = [
            result_of(one, answer, rule, now)
            for one, answer in zip(deliveries, answers, strict=True)
        ]
        async with self._pool.acquire() as connection, connection.transaction():
            circuit = await queue.lock_circuit(connection, target.endpoint)
            circuit = after(circuit, answers, rule, now)
            await queue.record(connection, token, target.endpoint, circuit, results, now)
        if any(judge(answer) == "gone" for answer in answers):
            await self._disable(target.endpoint, deliveries[0].id)

    async def _disable(self, endpoint: str, delivery: str) -> None:
        """410: nobody is there any more. What still waits for it is given up in the next round."""
        log.warning("endpoint %s answered 410 Gone and is disabled", endpoint)
        wish = ChangeEndpoint(endpoint_id=endpoint, enabled=False, reason="410 Gone")
        await self._asks.ask(
            Ask(
                subject=ENDPOINT,
                key=endpoint_key(endpoint),
                data=wish,
                id=f"{PRINCIPAL}:gone:{delivery}:{uuid7()}",
                fingerprint=_fingerprint(wish),
                principal=PRINCIPAL,
                respond=lambda _state, _events: (200, Noted()),
            )
        )

    async def _until_next(self) -> float:
        """Seconds to the next attempt due, but no longer than the slow look."""
        now = self._clock()
        moment = await queue.next_due(self._pool, now)
        wait = (moment - now) if moment else timedelta(seconds=LOOK_SECONDS)
        return min(wait.total_seconds(), LOOK_SECONDS)


def result_of(one: Claimed, answer: Answer, rule: Delivery, now: datetime) -> Result:
    """Sent, tried again later, or failed for good."""
    verdict = judge(answer)
    tries = one.attempts + 1 - one.spent
    if verdict == "sent":
        return Result(one, answer, "sent")
    if verdict in ("gone", "refused") or exhausted(tries, rule):
        return Result(one, answer, "failed")
    return Result(one, answer, "pending", next_try(one.id, tries, answer, rule, now))


def _told(one: Finished) -> Ask:
    """The door's idempotency key is the delivery and its attempt, so that telling twice is once."""
    wish: ReportSent | ReportFailed
    if one.state == "sent":
        wish = ReportSent(
            alert_id=one.alert, endpoint=one.endpoint, attempt=one.attempts, status=one.status
        )
    else:
        wish = ReportFailed(
            alert_id=one.alert, endpoint=one.endpoint, attempts=one.attempts, error=one.error
        )
    return Ask(
        subject=CUSTOMER,
        key=one.customer,
        data=wish,
        id=f"{PRINCIPAL}:{one.state}:{one.id}:{one.attempts}",
        fingerprint=_fingerprint(wish),
        principal=PRINCIPAL,
        respond=lambda _state, _events: (200, Noted()),
    )


def _is_final(answer: Answered) -> bool:
    """A refusal is final too (the alert is not known); a defect of ours is tried again."""
    return answer.status < 500


def _fingerprint(wish: msgspec.Struct) -> bytes:
    return hashlib.sha256(msgspec.json.encode(wish)).digest()
