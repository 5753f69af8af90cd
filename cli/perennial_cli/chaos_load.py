"""The load of a chaos run: orders and leads over REST and over a partner's topic, asked again until
answered."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import Any, Protocol

import httpx
import msgspec
from aiokafka.errors import KafkaError
from perennial.contracts.base import Event, Fact
from perennial.contracts.cloudevents import encode_data, headers
from perennial.contracts.partner import (
    DEMO,
    CancelOrder,
    CaptureLead,
    CloseLead,
    PlaceOrder,
    RecordActivity,
    RecordPayment,
    RecordReturn,
)
from perennial.kit.kafka import Broker, Message, Outlet
from perennial_embedded.state import Addresses

from perennial_cli.chaos_ledger import ABOUT_LEADS, Ledger, Said
from perennial_cli.driving import token

CLIENT = "chaos-shop"
"""The app through which the REST load speaks: its id space."""
DUPLICATES = 0.05
WAVE = 12
TIMEOUT = 6.0
AGAIN_AFTER = 0.2
KAFKA_TROUBLE = (KafkaError, OSError, TimeoutError)
"""What whoever talks to Kafka meets while it is struck."""
Tally = Counter[str]
_PATHS = {
    "order": "/v1/orders",
    "payment": "/v1/orders/{order}/payments",
    "return": "/v1/orders/{order}/returns",
    "cancel": "/v1/orders/{order}/cancellation",
    "lead": "/v1/leads",
    "activity": "/v1/leads/{lead}/activities",
    "close": "/v1/leads/{lead}/close",
}


class Load(Protocol):
    refused: list[str]

    async def run(self, stopping: asyncio.Event) -> None: ...


class Speaker(Protocol):
    """Somebody with something to say, one fact after the other."""

    def next(self) -> Said: ...


def saying_of(fact: Said) -> Event:
    """The fact in the published contract."""
    at = msgspec.convert(fact.at, datetime)
    if fact.kind in ABOUT_LEADS:
        return _of_lead(fact, at)
    match fact.kind:
        case "order":
            return PlaceOrder(
                order=fact.order,
                customer=fact.customer,
                placed_at=at,
                currency="USD",
                total=fact.amount,
                paid=fact.paid,
            )
        case "payment":
            return RecordPayment(
                payment=fact.own, order=fact.order, paid_at=at, amount=fact.amount, currency="USD"
            )
        case "return":
            return RecordReturn(
                return_=fact.own, order=fact.order, returned_at=at, amount=fact.amount
            )
    return CancelOrder(order=fact.order, cancelled_at=at)


def _of_lead(fact: Said, at: datetime) -> Event:
    what: Any = fact.what
    match fact.kind:
        case "activity":
            return RecordActivity(activity=fact.own, lead=fact.lead, at=at, kind=what)
        case "close":
            return CloseLead(lead=fact.lead, closed_at=at, outcome=what, reason="as it went")
    return CaptureLead(
        lead=fact.lead,
        party=fact.customer,
        captured_at=at,
        channel="referral",
        expected_value=fact.amount,
        currency="USD",
        wants_call=True,
        opportunity=fact.what == "opportunity",
        attributes={"size": "medium", "industry": "retail", "class": "chain", "region": "north"},
    )


class RestLoad:
    """One client that speaks for some customers, a fact after the other."""

    def __init__(
        self,
        addresses: Addresses,
        ledger: Ledger,
        speakers: Sequence[Speaker],
        rng: Random,
        rate: float,
        tally: Tally,
    ) -> None:
        self.refused: list[str] = []
        self._url = addresses.url("lead-intake")
        self._bearer = token(addresses, "admin", client=CLIENT, subject=CLIENT)
        self._ledger, self._speakers, self._rng, self._rate = ledger, speakers, rng, rate
        self._tally = tally

    async def run(self, stopping: asyncio.Event) -> None:
        authorised = {"authorization": f"Bearer {self._bearer}"}
        async with httpx.AsyncClient(
            base_url=self._url, headers=authorised, timeout=TIMEOUT
        ) as client:
            while not stopping.is_set():
                fact = self._rng.choice(self._speakers).next()
                self._ledger.say(fact)
                await self._tell(client, fact, fact.id)
                if self._rng.random() < DUPLICATES:
                    self._tally["duplicates said over REST"] += 1
                    await self._tell(client, fact, f"again:{fact.id}")
                await asyncio.sleep(self._rng.expovariate(self._rate))

    async def _tell(self, client: httpx.AsyncClient, fact: Said, key: str) -> None:
        url = _PATHS[fact.kind].format(order=fact.order, lead=fact.lead)
        body = encode_data(saying_of(fact))
        answer = await until_answered(lambda: post(client, url, body, key), self._tally)
        if answer.is_success:
            self._tally["answers replayed"] += "idempotent-replayed" in answer.headers
            told = answer.json()
            self._ledger.acknowledge(fact, told.get("order_id") or told["lead_id"])
        else:
            self.refused.append(f"{fact.id}: {answer.status_code} {answer.text[:200]}")


async def until_answered(
    ask: Callable[[], Awaitable[httpx.Response]], tally: Tally
) -> httpx.Response:
    """Ask until there is an answer; whatever else happens means: unknown, ask again."""
    while True:
        with suppress(httpx.TransportError):
            answer = await ask()
            if answer.status_code < 500:
                return answer
        tally["REST outcomes unknown"] += 1
        await asyncio.sleep(AGAIN_AFTER)


async def post(client: httpx.AsyncClient, url: str, body: bytes, key: str) -> httpx.Response:
    headers = {"idempotency-key": key, "content-type": "application/json"}
    return await client.post(url, content=body, headers=headers)


class PartnerLoad:
    """A partner that publishes in waves; after any trouble all of the wave is sent again."""

    def __init__(
        self,
        addresses: Addresses,
        ledger: Ledger,
        speakers: Sequence[Speaker],
        rng: Random,
        rate: float,
        tally: Tally,
    ) -> None:
        self.refused: list[str] = []
        login = addresses.credentials(DEMO.writer)
        self._broker = Broker(addresses.bootstrap, login.username, login.password)
        self._ledger, self._speakers, self._rng, self._rate = ledger, speakers, rng, rate
        self._tally = tally
        self._outlet: Outlet | None = None
        self._earlier: list[Said] = []

    async def run(self, stopping: asyncio.Event) -> None:
        try:
            while not stopping.is_set():
                facts = [self._rng.choice(self._speakers).next() for _ in range(WAVE)]
                for fact in facts:
                    self._ledger.say(fact)
                await self._deliver([*facts, *self._duplicates()])
                for fact in facts:
                    self._ledger.acknowledge(fact)
                self._earlier = facts
                await asyncio.sleep(self._rng.expovariate(self._rate / WAVE))
        finally:
            await self._give_up_outlet()

    def _duplicates(self) -> list[Said]:
        """Some of what was acknowledged already: as it was, or under another event id."""
        again = [fact for fact in self._earlier if self._rng.random() < DUPLICATES]
        self._tally["duplicates said on the topic"] += len(again)
        return [
            fact
            if self._rng.random() < 0.5
            else msgspec.structs.replace(fact, id=f"again:{fact.id}")
            for fact in again
        ]

    async def _deliver(self, facts: Sequence[Said]) -> None:
        left = {n: _message(n, fact) for n, fact in enumerate(facts)}
        while left:
            try:
                if self._outlet is None:
                    await self._open_outlet()
                assert self._outlet is not None
                for place in await self._outlet.send_wave(left.values(), TIMEOUT):
                    del left[place]
            except KAFKA_TROUBLE:
                self._tally["waves unknown"] += 1
                await self._give_up_outlet()
                await asyncio.sleep(AGAIN_AFTER)

    async def _open_outlet(self) -> None:
        outlet = Outlet(self._broker, DEMO.writer)
        try:
            await asyncio.wait_for(outlet.start(), TIMEOUT)
        except BaseException:
            await _stopped(outlet)
            raise
        self._outlet = outlet

    async def _give_up_outlet(self) -> None:
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            await _stopped(outlet)


async def _stopped(outlet: Outlet) -> None:
    """A producer that is given up may fail at stopping too; it is never used again."""
    try:
        await outlet.stop()
    except KAFKA_TROUBLE:
        return


def _message(place: int, said: Said) -> Message:
    fact = Fact(
        data=None,
        id=said.id,
        key=said.customer,
        now=msgspec.convert(said.at, datetime),
        time=msgspec.convert(said.at, datetime),
        topic=DEMO.name,
        type=saying_of(said).TYPE,
        source=DEMO.writer,
    )
    return Message(place, DEMO.name, said.customer, encode_data(saying_of(said)), headers(fact))
