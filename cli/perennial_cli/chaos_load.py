"""The load of a chaos run: orders over REST and over a partner's topic, asked again until answered."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Protocol

import httpx
import msgspec
from aiokafka.errors import KafkaError
from perennial.contracts.base import Event, Fact
from perennial.contracts.cloudevents import encode_data, headers
from perennial.contracts.partner import (
    DEMO,
    CancelOrder,
    PlaceOrder,
    RecordPayment,
    RecordReturn,
)
from perennial.kit.kafka import Broker, Message, Outlet
from perennial_embedded.state import Addresses

from perennial_cli.chaos_ledger import Ledger, Said
from perennial_cli.chaos_shoppers import Shopper
from perennial_cli.driving import token

CLIENT = "chaos-shop"
"""The app through which the REST load speaks: its id space."""
DUPLICATES = 0.05
WAVE = 12
TIMEOUT = 6.0
AGAIN_AFTER = 0.2
Tally = Counter[str]
_PATHS = {"payment": "payments", "return": "returns", "cancel": "cancellation"}


class Load(Protocol):
    refused: list[str]

    async def run(self, stopping: asyncio.Event) -> None: ...


def saying_of(fact: Said) -> Event:
    """The fact in the published contract."""
    at = msgspec.convert(fact.at, datetime)
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


class RestLoad:
    """One client that speaks for some customers, a fact after the other."""

    def __init__(
        self,
        addresses: Addresses,
        ledger: Ledger,
        shoppers: Sequence[Shopper],
        rng: Random,
        rate: float,
        tally: Tally,
    ) -> None:
        self.refused: list[str] = []
        self._url = addresses.url("lead-intake")
        self._bearer = token(addresses, "seller", client=CLIENT, subject=CLIENT)
        self._ledger, self._shoppers, self._rng, self._rate = ledger, shoppers, rng, rate
        self._tally = tally

    async def run(self, stopping: asyncio.Event) -> None:
        authorised = {"authorization": f"Bearer {self._bearer}"}
        async with httpx.AsyncClient(
            base_url=self._url, headers=authorised, timeout=TIMEOUT
        ) as client:
            while not stopping.is_set():
                fact = self._rng.choice(self._shoppers).next()
                self._ledger.say(fact)
                await self._tell(client, fact, fact.id)
                if self._rng.random() < DUPLICATES:
                    self._tally["duplicates said over REST"] += 1
                    await self._tell(client, fact, f"again:{fact.id}")
                await asyncio.sleep(self._rng.expovariate(self._rate))

    async def _tell(self, client: httpx.AsyncClient, fact: Said, key: str) -> None:
        """Ask until there is an answer; whatever else happens means: unknown, ask again."""
        while (answer := await self._answer(client, fact, key)) is None:
            self._tally["REST outcomes unknown"] += 1
            await asyncio.sleep(AGAIN_AFTER)
        if answer.is_success:
            self._tally["answers replayed"] += "idempotent-replayed" in answer.headers
            self._ledger.acknowledge(fact, answer.json()["order_id"])
        else:
            self.refused.append(f"{fact.id}: {answer.status_code} {answer.text[:200]}")

    async def _answer(
        self, client: httpx.AsyncClient, fact: Said, key: str
    ) -> httpx.Response | None:
        path = _PATHS.get(fact.kind)
        url = f"/v1/orders/{fact.order}/{path}" if path else "/v1/orders"
        try:
            answer = await client.post(
                url,
                content=encode_data(saying_of(fact)),
                headers={"idempotency-key": key, "content-type": "application/json"},
            )
        except httpx.TransportError:
            return None
        return None if answer.status_code >= 500 else answer


class PartnerLoad:
    """A partner that publishes in waves; after any trouble all of the wave is sent again."""

    def __init__(
        self,
        addresses: Addresses,
        ledger: Ledger,
        shoppers: Sequence[Shopper],
        rng: Random,
        rate: float,
        tally: Tally,
    ) -> None:
        self.refused: list[str] = []
        login = addresses.credentials(DEMO.writer)
        self._broker = Broker(addresses.bootstrap, login.username, login.password)
        self._ledger, self._shoppers, self._rng, self._rate = ledger, shoppers, rng, rate
        self._tally = tally
        self._outlet: Outlet | None = None
        self._earlier: list[Said] = []

    async def run(self, stopping: asyncio.Event) -> None:
        try:
            while not stopping.is_set():
                facts = [self._rng.choice(self._shoppers).next() for _ in range(WAVE)]
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
            except (KafkaError, OSError, TimeoutError):
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
    except (KafkaError, OSError, TimeoutError):
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
