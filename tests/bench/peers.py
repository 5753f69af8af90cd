"""What the order endpoint is compared with: `python -m tests.bench.peers nothing|orm|ceiling`.

`nothing` and `orm` are lead-intake's own app, with its routes, validation and token check; behind
it stands nothing, or an ORM. `ceiling` answers every request at once, to see what the load can be.
"""

import asyncio
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import uvicorn
import uvloop
from lead_intake.main import SERVICE
from lead_intake.views import Taken
from perennial.kit.ask import Answer, Ask
from perennial.kit.auth import Tokens
from perennial.kit.http import build_app
from perennial.kit.ingest import asked
from perennial.kit.run import collect_rarely
from perennial.kit.tokens import load
from perennial.kit.worlds import Worlds

from tests.bench import orm
from tests.lead_intake.histories import SEALING

_DONE = msgspec.json.encode(Taken(status="accepted", order_id="o" + "0" * 24, customer_id="c"))


class Nothing:
    """Answers at once."""

    async def ask(self, ask: Ask) -> Answer:
        return Answer(201, _DONE)

    async def ask_all(self, asks: list[Ask]) -> list[Answer]:
        return [Answer(201, _DONE) for _ in asks]


class Orm:
    """One request, one transaction; the answer is kept under its idempotency key as ours is."""

    def __init__(self, dsn: str) -> None:
        self._engine, self._sessions = orm.sessions(dsn)
        self._worlds = Worlds(SERVICE, {})

    async def ask(self, ask: Ask) -> Answer:
        now = datetime.now(UTC)
        item = asked(SERVICE, ask, now)
        assert item.subject is not None
        fact = msgspec.structs.replace(item.fact, key=item.key)
        async with self._sessions.begin() as session:
            known = await session.get(orm.AnswerRow, ask.id)
            if known is not None:
                return Answer(known.status, known.body.encode(), replayed=True)
            world = self._worlds.at(now)
            state, events = await orm.fold(session, SERVICE, item.subject, fact, world)
            status, told = ask.respond(state, events)
            body = msgspec.json.encode(told)
            kept = {"fingerprint": ask.fingerprint, "status": status, "body": body.decode()}
            session.add(orm.AnswerRow(id=ask.id, **kept))
        return Answer(status, body)

    async def ask_all(self, asks: list[Ask]) -> list[Answer]:
        return [await self.ask(ask) for ask in asks]


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


async def _serve(asks: Any, port: int) -> None:
    tokens = Tokens(load(Path(os.environ["PERENNIAL_SECRETS"])))
    app = build_app(SERVICE.name, [SERVICE.router], tokens)
    app.state.runtime = SimpleNamespace(
        asks=asks, personal=SEALING, pool=None, service=SERVICE, now=lambda: datetime.now(UTC)
    )
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")
    await uvicorn.Server(config).serve()


async def main(peer: str) -> None:
    port = int(os.environ["PERENNIAL_HTTP_PORT"])
    match peer:
        case "nothing":
            await _serve(Nothing(), port)
        case "orm":
            await _serve(Orm(os.environ["PERENNIAL_DATABASE_URL"]), port)
        case "ceiling":
            server = await asyncio.get_running_loop().create_server(_Echo, "127.0.0.1", port)
            await server.serve_forever()


if __name__ == "__main__":
    logging.basicConfig(level="INFO")  # as the door: one line for each request
    collect_rarely()
    uvloop.run(main(sys.argv[1]))
