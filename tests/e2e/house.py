"""The whole running system as its users have it: REST in a role, topics, the command line, the clock."""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec
from perennial.contracts.base import Event, Fact, Topic
from perennial.contracts.cloudevents import encode_data, headers
from perennial.contracts.partner import DEMO, PlaceOrder
from perennial.kit.kafka import Broker, Message, Outlet
from perennial.kit.reading import Reader
from perennial_cli.driving import Driver, History, token
from perennial_cli.events import Seen, seen
from perennial_cli.replaying import replay
from perennial_cli.topology import OBSERVER
from perennial_embedded.system import System

from tests.notifications.mailbox import Mailbox

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PERENNIAL = str(Path(sys.executable).parent / "perennial")
_numbers = count(1)


def fresh(name: str) -> str:
    """An id that no other test uses."""
    return f"{name}-{next(_numbers)}"


@dataclass(frozen=True)
class Told:
    """What a command answered."""

    code: int
    text: str
    errors: str

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.text.splitlines()]


class House:
    """One system with a played clock, shared by all tests: time only goes forward."""

    def __init__(
        self, system: System, driver: Driver, http: httpx.AsyncClient, box: Mailbox
    ) -> None:
        self.box = box
        """Where all letters arrive."""
        self.system, self.addresses = system, system.addresses
        self.driver, self.now = driver, START
        self._http = http
        self._tokens: dict[tuple[str, ...], str] = {}

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        body: Any = None,
        *,
        role: str = "admin",
        person: str = "",
        team: str = "",
        client: str = "front-end",
        query: dict[str, Any] | None = None,
        **more: str,
    ) -> httpx.Response:
        """A request in a role; `more` are headers."""
        sent = {name.replace("_", "-"): value for name, value in more.items()}
        sent["authorization"] = f"Bearer {self.token(role, person, team, client)}"
        content = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        if content is not None:
            sent.setdefault("content-type", "application/json")
        url = f"{self.addresses.url(service)}{path}"
        return await self._http.request(method, url, content=content, headers=sent, params=query)

    def token(self, role: str, person: str = "", team: str = "", client: str = "front-end") -> str:
        key = (role, person, team, client)
        if key not in self._tokens:
            claims = {"person": person, "team": team, "client": client, "subject": person or role}
            self._tokens[key] = token(self.addresses, role, **claims)
        return self._tokens[key]

    async def get(self, service: str, path: str, **how: Any) -> Any:
        answer = await self.ask("GET", service, path, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def items(
        self, service: str, path: str, role: str = "admin", client: str = "front-end", **query: Any
    ) -> list[Any]:
        """All pages of a list."""
        rows: list[Any] = []
        while True:
            asked = {"limit": 200, **query}
            page = await self.get(service, path, role=role, client=client, query=asked)
            rows += page["items"]
            if not page["next_cursor"]:
                return rows
            query["cursor"] = page["next_cursor"]

    async def order(self, customer: str, **more: Any) -> dict[str, Any]:
        """A paid order over REST, now unless told otherwise; the answer."""
        answer = await self.ask("POST", "lead-intake", "/v1/orders", self.body(customer, **more))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def body(self, customer: str, **more: Any) -> dict[str, Any]:
        default = {
            "order": fresh("A"),
            "customer": customer,
            "placed_at": self.now,
            "currency": "USD",
            "total": 100_00,
            "paid": True,
        }
        return {**default, **more}

    async def settle(self) -> None:
        await self.driver.settle()

    async def live_until(self, moment: datetime) -> None:
        """Let time pass, stopping at every day on which something is due."""
        await replay(self.driver, iter(()), DAY, until=moment)
        self.now = moment

    async def live(self, days: float) -> None:
        await self.live_until(self.now + days * DAY)

    async def replayed(self, facts: Sequence[History]) -> None:
        """Facts of a recorded history, in the order given, and all that follows from them."""
        await self.driver.publish(facts)
        await self.settle()

    async def publish(self, messages: Iterable[Message], topic: Topic = DEMO) -> None:
        """As that topic's writer; whatever it is, right or wrong."""
        login = self.addresses.credentials(topic.writer)
        outlet = Outlet(Broker(self.addresses.bootstrap, login.username, login.password), "test")
        await outlet.start()
        try:
            left = {message.place: message for message in messages}
            while left:
                for place in await outlet.send_wave(left.values()):
                    del left[place]
        finally:
            await outlet.stop()
        if topic is DEMO:
            await self.driver.count(DEMO)

    async def events(self, topic: str, key: str) -> list[Seen]:
        """What stands on a topic under a key, in its order."""
        login = self.addresses.credentials(OBSERVER)
        broker = Broker(self.addresses.bootstrap, login.username, login.password)
        found: list[Seen] = []
        async with Reader(broker) as reader:
            places = await reader.partitions([topic])
            starts, ends = await reader.starts(places), await reader.ends(places)
            async for polled in reader.between(starts, ends):
                found += [one for one in map(seen, polled) if one.key == key]
        return found

    async def perennial(self, *words: str) -> Told:
        """The command line, as a program uses it."""
        process = await asyncio.create_subprocess_exec(
            *(PERENNIAL, *words, "--home", str(self.system.stack.home.path)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        text, errors = await process.communicate()
        return Told(process.returncode or 0, text.decode(), errors.decode())


def message(place: int, fact: Event, *, id: str, key: str, source: str = "shop") -> Message:
    """A fact of the demo partner in binary mode."""
    now = datetime.now(UTC)
    told = Fact(data=None, id=id, key=key, now=now, time=now, type=fact.TYPE, source=source)
    said = [(name, value) for name, value in headers(told) if name != "ce_recordedtime"]
    return Message(place, DEMO.name, key, encode_data(fact), said)


def placed(customer: str, at: datetime, **more: Any) -> PlaceOrder:
    default = {"order": fresh("P"), "currency": "USD", "total": 100_00, "paid": True}
    return PlaceOrder(customer=customer, placed_at=at, **{**default, **more})
