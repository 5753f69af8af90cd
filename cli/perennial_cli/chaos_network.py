"""A bad network: everybody reaches Kafka and Postgres through a port of ours, where what passes can be
slowed, held in one direction, or cut off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from random import Random
from types import TracebackType
from typing import Literal, Self

from perennial_embedded.ports import LOOPBACK

from perennial_cli.chaos_faults import SERVERS, Fault

Direction = Literal["there", "back"]
CHUNK = 65_536
LATENCY, PER_SECOND = 0.15, 200_000.0
"""Of a slow network: seconds for each chunk, and bytes a second."""
SHORTEST, LONGEST = 2.0, 12.0


class Detour:
    """A port before a server's own. Use as `async with Detour(port_of_the_server) as detour`."""

    def __init__(self) -> None:
        self.target: Callable[[], int] = lambda: 0
        self.port = 0
        self._open: dict[Direction, asyncio.Event] = {
            "there": asyncio.Event(),
            "back": asyncio.Event(),
        }
        for event in self._open.values():
            event.set()
        self._slow = False
        self._shut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        self._cut()

    async def slow(self, seconds: float) -> None:
        """Everything passes, late and little by little."""
        self._slow = True
        await asyncio.sleep(seconds)
        self._slow = False

    async def half_open(self, direction: Direction, seconds: float) -> None:
        """In one direction nothing passes, and nobody is told; then the connections are found dead."""
        self._open[direction].clear()
        await asyncio.sleep(seconds)
        self._cut()
        self._open[direction].set()

    async def shut(self, seconds: float) -> None:
        """All connections are reset, and new ones too."""
        self._shut = True
        self._cut()
        await asyncio.sleep(seconds)
        self._shut = False

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._shut:
            writer.transport.abort()
            return
        with suppress(OSError):
            there, back = await asyncio.open_connection(LOOPBACK, self.target())
            async with self._kept(writer, back):
                await asyncio.gather(
                    self._pump(reader, back, "there"), self._pump(there, writer, "back")
                )

    @asynccontextmanager
    async def _kept(self, *writers: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._writers.update(writers)
        try:
            yield
        finally:
            self._writers.difference_update(writers)
            for writer in writers:
                writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        """One direction of one connection; its end ends the other too."""
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._slow:
                    await asyncio.sleep(LATENCY + len(data) / PER_SECOND)
                await self._open[direction].wait()
                writer.write(data)
                await writer.drain()
        writer.close()


def network_faults(detours: dict[str, Detour], rng: Random) -> Iterable[Fault]:
    """One of each way for the network to be bad, each towards one of the servers."""
    name, seconds = rng.choice(SERVERS), rng.uniform(SHORTEST, LONGEST)
    yield Fault("network slow", f"{name} for {seconds:.1f} s", _slowed(detours[name], seconds))
    name, seconds = rng.choice(SERVERS), rng.uniform(SHORTEST, LONGEST)
    way: Direction = rng.choice(("there", "back"))
    whom = f"{name}, nothing {way} for {seconds:.1f} s"
    yield Fault("network half open", whom, _halved(detours[name], way, seconds))
    name, seconds = rng.choice(SERVERS), rng.uniform(0.2, SHORTEST)
    yield Fault("network cut", f"{name} for {seconds:.1f} s", _cut_off(detours[name], seconds))


def _slowed(detour: Detour, seconds: float) -> Callable[[], Awaitable[None]]:
    return lambda: detour.slow(seconds)


def _halved(detour: Detour, way: Direction, seconds: float) -> Callable[[], Awaitable[None]]:
    return lambda: detour.half_open(way, seconds)


def _cut_off(detour: Detour, seconds: float) -> Callable[[], Awaitable[None]]:
    return lambda: detour.shut(seconds)
