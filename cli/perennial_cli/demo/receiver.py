"""An app of the company: takes the alerts that are posted to it and checks who signed them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError


@dataclass
class Receiver:
    """What came, counted. Until it knows the secret it takes nothing."""

    url: str = ""
    secret: str = ""
    ids: set[str] = field(default_factory=set)
    repeats: int = 0
    """Messages that came again under the same id: delivery is at least once."""
    refused: int = 0
    """Messages whose signature was not ours."""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not self._is_signed(body, headers):
            self.refused += 1
            return web.Response(status=401)
        message = headers["webhook-id"]
        self.repeats += message in self.ids
        self.ids.add(message)
        return web.Response(status=204)

    def _is_signed(self, body: bytes, headers: dict[str, str]) -> bool:
        if not self.secret:
            return False
        try:
            Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError:
            return False
        return True


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/alerts", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/alerts"
        yield receiver
    finally:
        await runner.cleanup()
