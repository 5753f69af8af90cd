"""Questions to a process: is it there, does it answer, does its heart beat? Never an exception."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from perennial_embedded.ports import LOOPBACK

Probe = Callable[[], Awaitable[bool]]
PATIENCE = 3.0


def answers(port: int, path: str) -> Probe:
    """A 200 from an HTTP server on loopback; spelled out so that probing costs no client library."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                return b" 200 " in await _status_line(port, path)
        except (OSError, TimeoutError):
            return False

    return probe


def accepts(port: int) -> Probe:
    async def probe() -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(LOOPBACK, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    return probe


def beats(heartbeat: Path, within: float) -> Probe:
    """The file was touched lately: a frozen event loop can't do that."""

    async def probe() -> bool:
        try:
            return time.time() - heartbeat.stat().st_mtime < within
        except FileNotFoundError:
            return False

    return probe


async def _status_line(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n".encode()
        )
        return await reader.readline()
    finally:
        writer.close()
