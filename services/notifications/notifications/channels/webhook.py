"""Posts one signed message (Standard Webhooks) to one endpoint, and says what came of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
from standardwebhooks import Webhook

from notifications.channels.egress import CheckedResolver, fault_in
from notifications.domain.delivery import Answer

_MOST_READ = 4096
"""Bytes of an answer's body taken, so that its connection can be used again."""
_DNS_SECONDS = 10


@dataclass(frozen=True)
class Message:
    """What is posted. The id is the receiver's key to know a repeat."""

    id: str
    body: str


class Webhooks:
    """One session for all endpoints: aiohttp, since httpx slows down under concurrency."""

    def __init__(self, session: aiohttp.ClientSession, allow_private: bool) -> None:
        self._session = session
        self._allow_private = allow_private

    async def post(
        self, url: str, message: Message, secrets: Sequence[str], now: datetime, wait: timedelta
    ) -> Answer:
        """Any trouble on the way is an answer too: the schedule decides what follows."""
        fault = fault_in(url, self._allow_private)
        if fault:
            return Answer(error=fault)
        try:
            return await self._post(url, message, secrets, now, wait)
        except TimeoutError:
            return Answer(error=f"no answer within {wait.total_seconds():g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(error=f"{type(error).__name__}: {error}"[:500])

    async def _post(
        self, url: str, message: Message, secrets: Sequence[str], now: datetime, wait: timedelta
    ) -> Answer:
        async with asyncio.timeout(wait.total_seconds()):
            async with self._session.post(
                url,
                data=message.body.encode(),
                headers=signed(message, secrets, now),
                allow_redirects=False,
            ) as response:
                await response.content.read(_MOST_READ)
                asked = retry_after(response.headers.get("retry-after", ""), now)
                return Answer(response.status, _error(response), asked)


@asynccontextmanager
async def webhooks(allow_private: bool, connections: int = 200) -> AsyncIterator[Webhooks]:
    """Opens what posts; an endpoint that answers keeps its connection."""
    connector = aiohttp.TCPConnector(
        limit=connections,
        resolver=CheckedResolver(allow_private),
        ttl_dns_cache=_DNS_SECONDS,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        yield Webhooks(session, allow_private)


def signed(message: Message, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """Headers with one signature per living secret, so that a rotation breaks nobody."""
    moment = now.astimezone(UTC)
    signatures = [Webhook(one).sign(message.id, moment, message.body) for one in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "perennial-webhooks/1",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def retry_after(header: str, now: datetime) -> timedelta | None:
    """The pause an endpoint asks for, in seconds or as a date; nonsense asks for none."""
    if header.isascii() and header.isdigit():
        return timedelta(seconds=min(int(header), 10**9))
    try:
        return parsedate_to_datetime(header) - now
    except (ValueError, TypeError):
        return None


def _error(response: aiohttp.ClientResponse) -> str:
    return "" if response.ok and response.status < 300 else f"{response.status} {response.reason}"
