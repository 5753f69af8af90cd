"""A whole system as its owner meets it: started, killed, started again, ended by Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from perennial_embedded.home import Home
from perennial_embedded.processes import Identity, leftovers
from perennial_embedded.stack import Stack
from perennial_embedded.state import State
from perennial_embedded.system import down

from .conftest import ROOT, until

pytestmark = pytest.mark.stack


async def test_a_life(folder: Path, stack: Stack) -> None:
    """One home through all of it, beside another system, so that the servers start only thrice."""
    with running(folder) as first:
        assert State.of(Home(folder)).ports["kafka"] != State.of(stack.home).ports["kafka"]
        before = State.of(Home(folder)).processes
        assert set(before) == {
            *("postgres", "kafka"),
            *("first-door", "first-relay", "second-one-door", "second-one-relay"),
        }
        os.kill(before["first-relay"].pid, signal.SIGKILL)
        until(lambda: State.of(Home(folder)).processes["first-relay"] != before["first-relay"])
        before = State.of(Home(folder)).processes
        first.kill()
        first.wait()
        until(lambda: not leftovers(folder, before.values()))

    with running(folder) as second:
        everything = State.of(Home(folder)).processes.values()
        for identity in everything:
            os.kill(identity.pid, signal.SIGKILL)
        second.kill()
        second.wait()

    with running(folder) as third:
        everything = State.of(Home(folder)).processes.values()
        began = time.monotonic()
        third.send_signal(signal.SIGINT)
        assert third.wait(timeout=30) == 0
        assert time.monotonic() - began < 15
        assert not leftovers(folder, everything)
        assert State.of(Home(folder)).status == "down"
    assert not down(folder)


@contextmanager
def running(folder: Path, at_most: float = 60) -> Iterator[subprocess.Popen[bytes]]:
    log = folder.with_suffix(".out")
    with log.open("ab") as out:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.embedded.plain_system", str(folder)],
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    try:
        until(lambda: supervisor.poll() is not None or is_ready(folder, supervisor.pid), at_most)
        assert supervisor.poll() is None, log.read_text()
        yield supervisor
    finally:
        supervisor.kill()
        supervisor.wait()


def is_ready(folder: Path, supervisor: int) -> bool:
    state = State.of(Home(folder))
    return state.status == "ready" and state.supervisor == Identity.of(supervisor)
