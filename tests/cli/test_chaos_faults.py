"""The faults do what they say: a network that holds, slows and cuts; poison that no reader can take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from random import Random

import pytest
from perennial.contracts.base import Topic
from perennial.contracts.cloudevents import decode
from perennial.contracts.platform import SERVICES
from perennial.contracts.strict import Malformed
from perennial_cli.chaos_faults import Fault, Faults, Struck
from perennial_cli.chaos_network import Detour
from perennial_cli.chaos_poison import poisonable, poisons
from perennial_cli.chaos_pulse import Beats, recoveries, slowest

pytestmark = pytest.mark.feature("P2")
NOT_AT_ONCE = 0.1
SOON = 5.0


class Line:
    """Callers of a server that answers each line, behind a detour."""

    def __init__(self, detour: Detour) -> None:
        self.detour = detour
        self.writers: list[asyncio.StreamWriter] = []

    async def call(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.detour.port)
        self.writers.append(writer)
        return reader, writer

    async def asked(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that is known to work."""
        reader, writer = await self.call()
        writer.write(b"hello\n")
        assert await asyncio.wait_for(reader.readline(), SOON) == b"hello\n"
        return reader, writer


@asynccontextmanager
async def echo() -> AsyncIterator[Line]:
    answering: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(writer)
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with Detour() as detour:
        port: int = server.sockets[0].getsockname()[1]
        detour.target = lambda: port
        line = Line(detour)
        yield line
    server.close()
    for writer in (*answering, *line.writers):
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def dead(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), SOON) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("direction", ["there", "back"])
async def test_a_half_open_network_says_nothing_and_then_the_connection_is_dead(
    direction: str,
) -> None:
    async with echo() as line:
        reader, writer = await line.asked()
        fault = asyncio.create_task(line.detour.half_open(direction, 1.0))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        writer.write(b"anybody?\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readline(), NOT_AT_ONCE)
        await fault
        assert await dead(reader)
        await line.asked()


async def test_a_slow_network_passes_everything_late() -> None:
    async with echo() as line:
        reader, writer = await line.asked()
        fault = asyncio.create_task(line.detour.slow(1.0))
        await asyncio.sleep(0)
        writer.write(b"late\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(read := asyncio.create_task(reader.readline())), NOT_AT_ONCE)  # fmt: skip
        assert await asyncio.wait_for(read, SOON) == b"late\n"
        await fault
        writer.write(b"early\n")
        assert await asyncio.wait_for(reader.readline(), SOON) == b"early\n"


async def test_a_cut_ends_old_connections_and_new_ones_until_it_is_over() -> None:
    async with echo() as line:
        reader, _writer = await line.asked()
        fault = asyncio.create_task(line.detour.shut(0.5))
        await asyncio.sleep(0)
        assert await dead(reader)
        refused, _ = await line.call()
        assert await dead(refused)
        await fault
        await line.asked()


@pytest.mark.parametrize("topic", poisonable(), ids=lambda topic: str(topic.name))
def test_no_reader_can_take_a_poison(topic: Topic) -> None:
    kinds = poisons(topic, 1)
    assert len(kinds) == 8
    for record, *_after in kinds.values():
        told = topic.name, record.key, tuple(record.headers), record.value
        with pytest.raises(Malformed):
            decode(*told, datetime.now(UTC))


async def test_every_kind_strikes_before_it_is_enough() -> None:
    done: list[str] = []

    def card(kind: str) -> Fault:
        async def strike() -> None:
            done.append(kind)

        return Fault(kind, "somebody", strike)

    deal = [*(card("a killed") for _ in range(5)), card("b frozen")]
    faults = Faults(lambda: list(deal), Random(1), 0.001, lambda _line: None, 0.0)
    stopping = asyncio.Event()
    running = asyncio.create_task(faults.run(stopping))
    await asyncio.wait_for(faults.every_kind.wait(), SOON)
    stopping.set()
    await running
    await faults.heal()
    assert set(done[:2]) == {"a killed", "b frozen"}, "all kinds before any strikes again"
    assert faults.kills() == done.count("a killed")


def beats(rates: list[int]) -> Beats:
    """A look a second; all services take so many facts in each."""
    found = Beats(at=[float(second) for second in range(len(rates))])
    for service in SERVICES:
        total = 0
        for rate in rates:
            total += rate
            found.taken[service].append(total)
    return found


def test_recovery_is_counted_from_the_end_of_a_fault_until_the_old_pace() -> None:
    pulse = beats([100] * 10 + [0] * 5 + [10] * 5 + [100] * 60)
    (found,) = recoveries(pulse, [Struck("door killed", "x", 10, 12)])
    assert found.seconds is not None
    assert 10 <= found.seconds <= 12
    assert (found.alone, found.late) == (True, False)


def test_a_recovery_that_takes_too_long_is_late_only_if_nothing_else_struck() -> None:
    pulse = beats([100] * 10 + [0] * 80 + [100] * 20)
    kill = Struck("door killed", "x", 10, 10)
    assert [one.late for one in recoveries(pulse, [kill])] == [True]
    again = Struck("relay killed", "y", 20, 20)
    assert [one.late for one in recoveries(pulse, [kill, again])] == [False, True]
    short = beats([100] * 10 + [0] * 10)
    assert [one.late for one in recoveries(short, [kill])] == [False], "nobody knows yet"


def test_the_slowest_of_each_kind_is_told() -> None:
    pulse = beats([100] * 10 + [0] * 5 + [100] * 60)
    struck = [Struck("kafka killed", "kafka", 10, 11), Struck("kafka killed", "kafka", 50, 51)]
    (row,) = slowest(recoveries(pulse, struck))
    assert (row["fault"], row["struck"], row["late"]) == ("kafka killed", 2, 0)
    assert row["slowest_seconds"] is not None
