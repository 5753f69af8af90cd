"""REST calls of the demo's people, each under their own name."""

from typing import Any

import aiohttp
from perennial_embedded.state import Addresses

from perennial_cli.demo.company import STAFF, team_of
from perennial_cli.driving import token
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

ROLES = {"seller": "seller", "service": "service"}
"""By the role in the register; who leads others sees what a director sees."""
MARKET, MARKETS_OWN = "market", "lead-intake"
"""The market department's role, and where it has its scopes."""
CONFLICTS = (403, 409, 422)


class Calls:
    """Tokens are made once; `made` counts the calls."""

    def __init__(self, addresses: Addresses, session: aiohttp.ClientSession) -> None:
        self._addresses = addresses
        self._session = session
        self._tokens: dict[tuple[str, str, str], str] = {}
        self.made = 0

    async def get(self, service: str, path: str, person: str, **query: Any) -> list[dict[str, Any]]:
        """One page of a list."""
        url = f"{self._addresses.url(service)}{path}"
        async with self._session.get(
            url, params=query, headers=self._as(service, person)
        ) as response:
            self.made += 1
            items: list[dict[str, Any]] = (await _told(response, service))["items"]
            return items

    async def post(
        self, service: str, path: str, person: str, wish: Any = None, *, client: str = ""
    ) -> Any:
        """What the service answers; `client` is the app whose numbers the path speaks in."""
        async with self._posted(service, path, person, wish, client) as response:
            return await _told(response, service)

    async def attempt(
        self, service: str, path: str, person: str, wish: Any = None, *, client: str = ""
    ) -> bool:
        """Whether it was granted: by its rules a service may say no."""
        async with self._posted(service, path, person, wish, client) as response:
            if response.status in CONFLICTS:
                return False
            await _told(response, service)
            return True

    def _posted(self, service: str, path: str, person: str, wish: Any, client: str) -> Any:
        self.made += 1
        url = f"{self._addresses.url(service)}{path}"
        return self._session.post(url, json=wish, headers=self._as(service, person, client))

    def _as(self, service: str, person: str, client: str = "") -> dict[str, str]:
        role = _role(person, service)
        if (role, person, client) not in self._tokens:
            app = {"client": client} if client else {}
            self._tokens[role, person, client] = token(
                self._addresses, role, subject=person, person=person, team=team_of(person), **app
            )
        return {"authorization": f"Bearer {self._tokens[role, person, client]}"}


def _role(person: str, service: str) -> str:
    registered = STAFF.get(person, {}).get("role", "")
    if registered == MARKET and service == MARKETS_OWN:
        return MARKET
    return ROLES.get(registered, "director")


async def _told(response: aiohttp.ClientResponse, service: str) -> Any:
    if not response.ok:
        said = (await response.text())[:300]
        raise Trouble(f"{service} says {response.status} to the demo: {said}", code=ANSWER_IS_NO)
    return await response.json()
