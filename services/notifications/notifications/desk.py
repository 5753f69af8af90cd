"""What the REST rooms need of the running service, and the steps that are more than a translation."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from perennial.kit.ask import Answer, Ask, Asks, Respond
from perennial.kit.auth import Principal
from perennial.kit.http import Wish
from perennial.kit.ids import uuid7
from perennial.kit.problems import Fault, fault_at

from notifications import letter_queue, store
from notifications.bell import Bell
from notifications.channels.egress import fault_in
from notifications.channels.mail import CIRCUIT, MailSettings
from notifications.channels.stream import Broadcast
from notifications.domain.endpoints import endpoint_key
from notifications.domain.sight import Sight
from notifications.handlers import CUSTOMER, ENDPOINT
from notifications.policy import Policy
from notifications.views import ChannelView, EndpointView, SecretView


@dataclass(frozen=True)
class Desk:
    """One per running service: its tasks and its routes ring the same bells (running.py makes it)."""

    asks: Asks
    pool: asyncpg.Pool
    broadcast: Broadcast
    bell: Bell
    """Something is to be posted."""
    feed_bell: Bell
    """Something is to be shown."""
    policy: Callable[[], Policy]
    clock: Callable[[], datetime]
    allow_private_endpoints: bool = False
    mail: MailSettings = field(default_factory=MailSettings)

    async def channels(self) -> list[ChannelView]:
        """The ways out, and which of them is left alone for a while."""
        webhooks = [ChannelView(name="stream", on=True), ChannelView(name="webhook", on=True)]
        if not self.mail.on:
            cure = "no mail server is named: set PERENNIAL_SMTP_HOST and start anew"
            return [*webhooks, ChannelView(name="email", on=False, says=cure)]
        until = (await letter_queue.circuit(self.pool, CIRCUIT)).paused_until
        paused = until if until and until > self.clock() else None
        says = f"through {self.mail.host}:{self.mail.port}"
        return [*webhooks, ChannelView(name="email", on=True, paused_until=paused, says=says)]

    async def customer(
        self, alert_id: str, wish: Wish, data: Any, who: Principal, respond: Respond
    ) -> Answer:
        """Ask the customer that an alert belongs to, if the alert is in sight of who asks."""
        if await store.alert(self.pool, sight_of(who), alert_id, None) is None:
            raise unknown("alert", alert_id)
        customer = await store.customer_of(self.pool, alert_id) or ""
        ask = Ask(CUSTOMER, customer, data, wish.id, wish.fingerprint, who.subject, respond)
        return await self.asks.ask(ask)

    async def endpoint(
        self, endpoint_id: str, wish: Wish, data: Any, who: Principal, respond: Respond
    ) -> Answer:
        """Ask an endpoint to become or to change; an address that must not be is refused first."""
        fault = fault_in(data.url, self.allow_private_endpoints) if data.url is not None else ""
        if fault:
            raise fault_at(422, "url-forbidden", "/url", fault)
        key = endpoint_key(endpoint_id)
        ask = Ask(ENDPOINT, key, data, wish.id, wish.fingerprint, who.subject, respond)
        return await self.asks.ask(ask)

    async def with_secret(self, endpoint_id: str, answer: Answer) -> EndpointView:
        """What registering shows: the endpoint, and its secret this once.

        The secret is kept after the registration and outside its stored answer; a registration
        repeated under its key finds the one it made, so a lost answer costs nothing.
        """
        secret = await store.keep_secret(self.pool, endpoint_id, new_secret(), self.clock())
        shown = msgspec.json.decode(answer.body, type=EndpointView)
        return msgspec.structs.replace(shown, secret=secret)

    async def rotate(self, endpoint_id: str, overlap: Callable[[datetime], datetime]) -> SecretView:
        await self.known(endpoint_id)
        now, secret = self.clock(), new_secret()
        await store.rotate_secret(self.pool, endpoint_id, secret, now, overlap(now))
        return SecretView(secret=secret, old_until=overlap(now))

    async def test(self, endpoint_id: str) -> str:
        """Leave a test event for the worker; it takes the way of every delivery."""
        await self.known(endpoint_id)
        now = self.clock()
        delivery = f"msg-test-{uuid7()}"
        message = {"type": "perennial.endpoint.tested.v1", "timestamp": now, "id": delivery}
        body = msgspec.json.encode({**message, "data": {"endpoint_id": endpoint_id}}).decode()
        await store.add_test(self.pool, delivery, endpoint_id, body, now)
        self.bell.ring()
        return delivery

    async def known(self, endpoint_id: str) -> None:
        if all(row["endpoint_id"] != endpoint_id for row in await store.endpoints(self.pool)):
            raise unknown("endpoint", endpoint_id)


def sight_of(who: Principal) -> Sight:
    """Staff see their own alerts, their team's, or all; a customer's own token sees none."""
    match who.rows:
        case "all":
            return Sight(everything=True)
        case "team":
            return Sight(person=who.person, team=who.team)
        case "own":
            return Sight(person=who.person)
    return Sight()


def new_secret() -> str:
    """A Standard Webhooks secret: 32 random bytes."""
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def endpoint_id(wish: Wish) -> str:
    """The same request names the same endpoint, whenever and however often it arrives."""
    return f"ep-{hashlib.sha256(wish.id.encode()).hexdigest()[:20]}"


def unknown(what: str, name: str) -> Fault:
    return Fault(404, f"{what}-unknown", f"There is no {what} {name} that you may see.")
