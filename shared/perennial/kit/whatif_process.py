"""A what-if in a process of its own, at low priority: what it says, line by line."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from perennial.kit.whatif_words import House, Line, Wish

NICE = 5
"""Behind everything that lives."""
LINE_MOST = 64 * 1024 * 1024


class BrokeOffError(Exception):
    """It ended by itself without an answer."""


async def lines(wish: Wish, stopping: asyncio.Event) -> AsyncGenerator[Line, None]:
    """Until it ends, or we are told to stop, or nobody listens any more: then it is ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perennial.kit.whatif"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_MOST,
        preexec_fn=lambda: os.nice(NICE),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(wish))
    process.stdin.close()
    stopped = asyncio.ensure_future(stopping.wait())
    decode = msgspec.json.Decoder(Line).decode
    try:
        while text := await _unless(stopped, process.stdout.readline()):
            yield decode(text)
        if not stopped.done() and await process.wait():
            raise BrokeOffError(f"the what-if ended with {process.returncode}")
    finally:
        stopped.cancel()
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _unless(stopped: "asyncio.Future[Any]", reading: Any) -> bytes:
    """The next line; none once we are told to stop."""
    line = asyncio.ensure_future(reading)
    await asyncio.wait({line, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if line.done():
        return bytes(line.result())
    line.cancel()
    return b""


def wish_of(runtime: Any, **more: Any) -> Wish:
    """What is to be tried over the running service's own recorded life."""
    settings, name = runtime.settings, runtime.service.name
    return Wish(
        houses=[House(name=name, database_url=settings.database_url)],
        kafka_bootstrap=settings.kafka_bootstrap,
        kafka_user=settings.kafka_user,
        kafka_password=settings.kafka_password,
        service=name,
        **more,
    )
