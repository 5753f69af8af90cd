"""Sends facts in bulk over the public REST interface, and waits out what passes."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import httpx
import msgspec

CHUNK = 2_000
_ATTEMPTS = 8
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 30.0


class RowError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str
    detail: str = ""
    pointer: str = ""


class RowResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one line of a bulk request; the interface's own shape."""

    row: int
    status: str
    order_id: str = ""
    lead_id: str = ""
    waits_for: str = ""
    overpaid: int = 0
    error: RowError | None = None


class Sender(Protocol):
    """Whatever takes facts as lines of NDJSON and says what became of each, in order."""

    def send(self, lines: Sequence[bytes]) -> list[RowResult]: ...


class SendingError(Exception):
    """The service does not take anything; running the import again goes on where it stopped."""


class BulkSender:
    """`POST /v1/orders:bulk`. Sending a chunk twice is harmless: the service knows each order."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"},
            timeout=httpx.Timeout(120, connect=10),
            transport=transport,
        )
        self._pause = pause
        self._decoder = msgspec.json.Decoder(RowResult)

    def send(self, lines: Sequence[bytes]) -> list[RowResult]:
        response = self._post(b"\n".join(lines))
        if response.status_code != 200:
            raise SendingError(f"{response.status_code} {response.text[:500]}")
        results = self._decoder.decode_lines(response.content)
        if len(results) != len(lines):
            raise SendingError(f"{len(results)} answers to {len(lines)} facts")
        return results

    def close(self) -> None:
        self._client.close()

    def _post(self, body: bytes) -> httpx.Response:
        trouble = ""
        for attempt in range(_ATTEMPTS):
            wait = min(0.25 * 2**attempt, _LONGEST_PAUSE)
            try:
                response = self._client.post("/v1/orders:bulk", content=body)
            except httpx.TransportError as error:
                trouble = str(error) or type(error).__name__
            else:
                if response.status_code not in _PASSING:
                    return response
                trouble = f"{response.status_code} {response.text[:200]}"
                wait = _told_to_wait(response, wait)
            if attempt + 1 < _ATTEMPTS:
                self._pause(wait)
        raise SendingError(f"no luck in {_ATTEMPTS} attempts: {trouble}")


def _told_to_wait(response: httpx.Response, otherwise: float) -> float:
    told = response.headers.get("retry-after", "")
    return min(float(told), 2 * _LONGEST_PAUSE) if told.isdecimal() else otherwise
