"""`GET /internal/settle`, answered before routing: a replay asks it thousands of times."""

from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from perennial.kit.auth import Tokens
from perennial.kit.problems import Fault
from perennial.kit.settle import Settlement

PATH = "/internal/settle"
SCOPE = "internal"
LONGEST_WAIT = 30.0


class Settling:
    """Plain ASGI in front of an app; whoever asks needs the scope `internal`, as on any route."""

    def __init__(self, app: ASGIApp, settlement: Settlement, tokens: Tokens) -> None:
        self._app = app
        self._settlement = settlement
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        status, body = await self._answer(scope)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope) -> tuple[int, bytes]:
        try:
            if SCOPE not in self._tokens.verify(_bearer(scope)).scopes:
                return 403, b'{"detail":"this needs the scope internal"}'
            asked = parse_qs(scope["query_string"].decode())
            until = msgspec.json.decode(asked.get("until", ["{}"])[0], type=dict[str, int])
            wait = min(float(asked.get("wait", ["10"])[0]), LONGEST_WAIT)
        except Fault as fault:
            return fault.status, msgspec.json.encode({"detail": fault.detail})
        except (ValueError, msgspec.MsgspecError) as error:
            return 422, msgspec.json.encode({"detail": f"until or wait: {error}"})
        return 200, msgspec.json.encode(await self._settlement.report(until, wait))


def _bearer(scope: Scope) -> str:
    headers: dict[bytes, Any] = dict(scope["headers"])
    return str(headers.get(b"authorization", b"").decode()).removeprefix("Bearer ")
