"""Puts load on an HTTP server from a process of its own, over connections that are kept alive.

Reads a `Load` from stdin, writes a `Told` to stdout. `python -m tests.bench.load`
"""

import asyncio
import sys
import time
from typing import Any

import msgspec
import uvloop

CUSTOMERS = 5_000


class Load(msgspec.Struct):
    """What is to be sent, and for how long."""

    port: int
    path: str
    token: str
    clients: int
    seconds: float
    name: str
    """Distinguishes the orders of this run from those of others."""
    rows: int = 0
    """Orders in one body; 0 is a single order as an object."""
    warm_up: float = 0.5
    leads: bool = False
    """Leads instead of orders, each of a party of its own."""


class Told(msgspec.Struct):
    """What was answered once warm, and what was accepted in all."""

    rate: float
    p50_ms: float
    p99_ms: float
    accepted: int
    refused: int
    revenue: int
    """Of all accepted orders."""


class _Count:
    """What all clients share."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.begins = time.perf_counter() + load.warm_up
        self.ends = self.last = self.begins + load.seconds
        self.waits: list[float] = []
        self.accepted = self.refused = self.made = self.revenue = 0

    def next(self) -> tuple[bytes, int]:
        """A request, and the revenue it brings."""
        rows = self.load.rows
        made = self._lead if self.load.leads else self._order
        orders = [made() for _ in range(rows or 1)]
        body = b"\n".join(body for body, _ in orders)
        form = "application/x-ndjson" if rows else "application/json"
        head = (
            f"POST {self.load.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {form}\r\n"
            f"Authorization: Bearer {self.load.token}\r\n"
            f"Idempotency-Key: {self.load.name}-{self.made}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body, sum(revenue for _, revenue in orders)

    def _order(self) -> tuple[bytes, int]:
        self.made += 1
        revenue = 500 + self.made % 20_000
        customer = self.made * 7919 % CUSTOMERS
        return (
            b'{"order":"%s-%d","customer":"customer-%d","placed_at":"2026-03-02T10:15:00Z",'
            b'"currency":"USD","total":%d,"paid":true,"units":2,"lines":[{"product":"tea-%d",'
            b'"quantity":2,"amount":%d,"cost":%d}],"channel":"shop"}'
            % (
                self.load.name.encode(),
                self.made,
                customer,
                revenue,
                customer % 400,
                revenue,
                revenue // 2,
            ),
            revenue,
        )

    def _lead(self) -> tuple[bytes, int]:
        self.made += 1
        name = self.load.name.encode()
        return (
            b'{"lead":"%s-%d","party":"%s-%d","captured_at":"2026-03-02T10:15:00Z",'
            b'"channel":"telephone","campaign":"spring","product":"tea-%d",'
            b'"expected_value":%d,"attributes":{"industry":"food","size":"small"}}'
            % (name, self.made, name, self.made, self.made % 400, 500 + self.made % 20_000),
            0,
        )


class _Client(asyncio.Protocol):
    """One connection: the next request leaves when the last is answered."""

    def __init__(self, count: _Count, done: asyncio.Future[None]) -> None:
        self._count, self._done = count, done
        self._buffer = b""
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._needed:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            self._needed = head + 4 + _length(self._buffer[:head])
        if len(self._buffer) >= self._needed:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("closed by the server"))

    def _send(self) -> None:
        request, self._revenue = self._count.next()
        self._sent = time.perf_counter()
        self._transport.write(request)

    def _answered(self) -> None:
        now, count = time.perf_counter(), self._count
        if self._buffer[9:10] == b"2":
            count.accepted += 1
            count.revenue += self._revenue
        else:
            count.refused += 1
            if count.refused == 1:
                print(self._buffer[:800], file=sys.stderr)
        if count.begins <= now:
            count.waits.append(now - self._sent)
            count.last = now
        self._buffer, self._needed = b"", 0
        if now < count.ends:
            self._send()
        elif not self._done.done():
            self._done.set_result(None)
            self._transport.close()


def _length(head: bytes) -> int:
    start = head.lower().index(b"content-length:") + 15
    return int(head[start:].split(b"\r\n", 1)[0])


async def run(load: Load) -> Told:
    loop = asyncio.get_running_loop()
    count = _Count(load)
    endings = [loop.create_future() for _ in range(load.clients)]
    for done in endings:
        await loop.create_connection(lambda done=done: _Client(count, done), "127.0.0.1", load.port)  # type: ignore[misc]
    await asyncio.gather(*endings)
    waits = sorted(count.waits)
    return Told(
        rate=len(waits) / (count.last - count.begins),
        p50_ms=_at(waits, 0.5),
        p99_ms=_at(waits, 0.99),
        accepted=count.accepted,
        refused=count.refused,
        revenue=count.revenue,
    )


def _at(waits: list[float], share: float) -> float:
    return waits[min(len(waits) - 1, int(share * len(waits)))] * 1000 if waits else 0.0


if __name__ == "__main__":
    told = uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Load)))
    sys.stdout.buffer.write(msgspec.json.encode(told))
