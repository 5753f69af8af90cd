"""How many stream clients one process serves: `python -m tests.notifications.bench_stream [clients] [events]`.

The server is a process of its own; the clients here read raw sockets, so that they cost little.
"""

import asyncio
import multiprocessing
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from notifications.channels.stream import Broadcast, EventStream, FeedRow, events
from notifications.domain.sight import Sight
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

BODY = '{"type":"perennial.alert.raised.v1","data":{"title":"' + "x" * 350 + '"}}'
EVERY = 0.05
BURST = 10
LAST_STAMP = b'"sent":'


def serve(listener: socket.socket, clients: int, total: int) -> None:
    rows: list[FeedRow] = []

    async def read(after: int, limit: int) -> list[FeedRow]:
        return rows[after : after + limit]

    broadcast = Broadcast(read)
    broadcast.start(0)

    async def feed() -> None:
        while broadcast.clients < clients:  # noqa: ASYNC110 - only the count tells
            await asyncio.sleep(0.05)
        while len(rows) < total:
            for _ in range(BURST):
                body = f'{{"sent":{time.monotonic():.6f},{BODY[1:]}'
                rows.append(FeedRow(len(rows) + 1, "alert", body, "", frozenset()))
            await broadcast.catch_up()
            await asyncio.sleep(EVERY)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        feeding = asyncio.create_task(feed())
        yield
        feeding.cancel()

    async def stream(_request: Request) -> Response:
        return EventStream(events(broadcast, 0, Sight(everything=True)))

    app = Starlette(routes=[Route("/", stream)], lifespan=lifespan)
    config = uvicorn.Config(app, log_config=None, access_log=False, backlog=4096)
    uvicorn.Server(config).run(sockets=[listener])


async def client(port: int, total: int, waits: list[float]) -> float:
    """Reads up to the last event; how long after it was made each chunk's last event arrived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
    last = f"id: {total}\n".encode()
    tail = b""
    while True:
        chunk = await reader.read(1 << 18)
        at = time.monotonic()
        start = chunk.rfind(LAST_STAMP)
        if start >= 0 and (end := chunk.find(b",", start)) > 0:
            waits.append(at - float(chunk[start + len(LAST_STAMP) : end]))
        if last in tail + chunk:
            writer.close()
            return at
        tail = chunk[-40:]


async def measure(clients: int, total: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    port = listener.getsockname()[1]
    server = multiprocessing.Process(target=serve, args=(listener, clients, total), daemon=True)
    server.start()
    waits: list[float] = []
    began = time.monotonic()
    ends = await asyncio.gather(*(client(port, total, waits) for _ in range(clients)))
    took = max(ends) - began
    server.terminate()
    waits.sort()
    print(
        f"{clients} clients, {total} events each: all in {took:.1f} s, "
        f"{clients * total / took:,.0f} deliveries/s; from event to client "
        f"p50 {waits[len(waits) // 2] * 1000:.0f} ms, p99 {waits[len(waits) * 99 // 100] * 1000:.0f} ms"
    )


if __name__ == "__main__":
    asyncio.run(measure(*(int(one) for one in (sys.argv[1:] or ["1000", "1000"]))))
