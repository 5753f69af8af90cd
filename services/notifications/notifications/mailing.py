"""The letter carrier: takes letters that are due, asks for their addresses, and hands them over.

The same queue, schedule and records as webhooks (`deliveries`); the circuit is the mail server's, one
for all its letters. Letters of one person keep their order for each customer.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import asyncpg
from perennial.kit.ids import uuid7

from notifications import delivery_queue as queue
from notifications import letter_queue
from notifications.bell import Bell, rung_within
from notifications.channels.addresses import Addressee, Addresses
from notifications.channels.mail import CIRCUIT, Letter, Post
from notifications.deliveries import LOOK_SECONDS, result_of
from notifications.delivery_queue import Claimed
from notifications.domain.delivery import Answer, admits, after
from notifications.domain.people import People, entry
from notifications.domain.wording import MissingFieldError, language_of
from notifications.letters import written
from notifications.policy import Delivery, span

AT_ONCE = 16
"""Letters in one round: even if each takes its whole time, the claim holds till the last."""


class Mailing:
    """Works through the letters; several processes may do so side by side."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        post: Post,
        addresses: Addresses,
        rule: Callable[[], Delivery],
        people: Callable[[], People],
        clock: Callable[[], datetime],
        bell: Bell,
    ) -> None:
        self._pool = pool
        self._post = post
        self._addresses = addresses
        self._rule = rule
        self._people = people
        self._clock = clock
        self._bell = bell

    async def run(self, stopping: asyncio.Event) -> None:
        """Runs as long as the service; any error of ours ends it, and with it the process."""
        while not stopping.is_set():
            ring = self._bell.next_ring()
            if not await self.round():
                await rung_within(ring, LOOK_SECONDS)

    async def round(self) -> int:
        """Hand over what is due, and record what came of it; how many letters were tried."""
        now, rule, token = self._clock(), self._rule(), uuid7()
        circuit = await letter_queue.circuit(self._pool, CIRCUIT)
        most = admits(circuit, rule.breaker, AT_ONCE, now)
        people = await letter_queue.people_with_letters(self._pool, now, most) if most else []
        if not people:
            return 0
        claimed = await queue.claim(self._pool, dict.fromkeys(people, 1), token, now)
        answers = await self._sent(claimed, rule)
        await self._record(claimed, answers, token, rule)
        self._bell.ring()
        return len(claimed)

    async def _sent(self, claimed: Sequence[Claimed], rule: Delivery) -> list[Answer]:
        """An answer for each: some have no address or no words, the others are handed over."""
        letters = await asyncio.gather(*(self._letter(one) for one in claimed))
        ready = [one for one in letters if isinstance(one, Letter)]
        wait = span(rule.timeout).total_seconds()
        taken = iter(await self._post.send_all(ready, self._clock(), wait))
        return [one if isinstance(one, Answer) else next(taken) for one in letters]

    async def _letter(self, one: Claimed) -> Letter | Answer:
        source = await letter_queue.letter_source(self._pool, one.id)
        if source is None:
            return Answer(error="the alert is not here any more", verdict="refused")
        addressee = await self._addresses.of(source.person)
        if not isinstance(addressee, Addressee):
            return addressee
        known = entry(self._people(), source.person)
        language = language_of(known.language if known else "")
        try:
            return written(one.id, source, addressee, language)
        except MissingFieldError as error:
            return Answer(error=str(error), verdict="refused")

    async def _record(
        self, claimed: Sequence[Claimed], answers: Sequence[Answer], token: str, rule: Delivery
    ) -> None:
        now = self._clock()
        pairs = zip(claimed, answers, strict=True)
        results = [result_of(one, answer, rule, now) for one, answer in pairs]
        async with self._pool.acquire() as connection, connection.transaction():
            circuit = await queue.lock_circuit(connection, CIRCUIT)
            circuit = after(circuit, answers, rule, now)
            await queue.record(connection, token, CIRCUIT, circuit, results, now)
