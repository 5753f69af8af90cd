"""Asks lead-intake where a member of staff is written to: here no address is ever kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import msgspec

from notifications.domain.delivery import Answer, Verdict

_SECONDS = 10
_UNKNOWN = frozenset({404, 410, 422})


class Addressee(msgspec.Struct, frozen=True, kw_only=True):
    """Who is written to, and where."""

    email: str
    name: str = ""


@dataclass(frozen=True)
class Addresses:
    """lead-intake as we ask it, under the service's own token."""

    session: aiohttp.ClientSession
    url: str
    token: Path

    async def of(self, person: str) -> Addressee | Answer:
        """The address, or what is to be recorded instead: trouble on the way is tried again."""
        try:
            return await self._asked(person)
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
            told = f"no address of {person}: {type(error).__name__}: {error}"
            return Answer(error=told[:500], verdict="retry")

    async def _asked(self, person: str) -> Addressee | Answer:
        headers = {"authorization": f"Bearer {self.token.read_text().strip()}"}
        path = f"{self.url}/v1/people/{quote(person, safe='')}/address"
        async with self.session.get(path, headers=headers) as response:
            if response.status == 200:
                return msgspec.json.decode(await response.read(), type=Addressee)
            told = f"no address of {person}: lead-intake answers {response.status}"
            verdict: Verdict = "refused" if response.status in _UNKNOWN else "retry"
            return Answer(response.status, told, verdict=verdict)


@asynccontextmanager
async def addresses(url: str, token: Path) -> AsyncIterator[Addresses]:
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Addresses(session, url, token)
