"""A real HTTP server that receives webhooks as a partner would, and can be told how to answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

Reply = Callable[[str, int], web.Response]
"""(path, how manyth request) → what to answer."""


def ok(_path: str, _number: int) -> web.Response:
    return web.Response(status=204)


@dataclass
class Received:
    path: str
    id: str
    body: bytes
    headers: dict[str, str]

    def verified(self, secret: str) -> Any:
        """The body, once its signature has been checked as Standard Webhooks wants it."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    url: str = ""
    reply: Reply = ok
    delay: float = 0
    received: list[Received] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.path, headers["webhook-id"], body, headers))
        await asyncio.sleep(self.delay)
        return self.reply(request.path, len(self.received))


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
