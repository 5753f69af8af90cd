"""Questions to the services over their public REST interface, as a named role of the house."""

import getpass
from types import TracebackType
from typing import Any, Self

import httpx
from perennial_embedded.state import Addresses

from perennial_cli.driving import token
from perennial_cli.trouble import ANSWER_IS_NO, Trouble


class Services:
    """Use as `with Services(addresses, role) as services`. Who asks is the person at the keyboard."""

    def __init__(self, addresses: Addresses, role: str) -> None:
        self._addresses = addresses
        bearer = token(addresses, role, subject=getpass.getuser())
        self._client = httpx.Client(headers={"authorization": f"Bearer {bearer}"}, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, service: str, path: str, **query: Any) -> Any:
        return _answer(service, self._client.get(self._url(service, path), params=query))

    def post(self, service: str, path: str, wish: Any) -> Any:
        return _answer(service, self._client.post(self._url(service, path), json=wish))

    def put(self, service: str, path: str, wish: Any) -> Any:
        return _answer(service, self._client.put(self._url(service, path), json=wish))

    def _url(self, service: str, path: str) -> str:
        return f"{self._addresses.url(service)}{path}"


def _answer(service: str, response: httpx.Response) -> Any:
    if response.is_success:
        return response.json() if response.content else None
    raise Trouble(f"{service} says {_problem(response)}", code=ANSWER_IS_NO)


def _problem(response: httpx.Response) -> str:
    """What the problem document says, with the place of each fault."""
    try:
        said = response.json()
    except ValueError:
        return f"{response.status_code} {response.text[:200]}"
    places = "; ".join(f"{one['pointer']}: {one['message']}" for one in said.get("errors", []))
    told = said.get("detail") or said.get("title", "")
    return f"{response.status_code} {told}{f' ({places})' if places else ''}"
