"""The supervisor with programs that need no servers: a second or two in all."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from perennial_embedded.home import AlreadyRunningError, Home
from perennial_embedded.probes import Probe, beats
from perennial_embedded.processes import Identity, Process
from perennial_embedded.supervisor import StartError, Supervisor, wait_until

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def supervisor(home: Home) -> Supervisor:
    return Supervisor(home, lambda: None)


async def comes_back(supervisor: Supervisor, name: str, first: Identity) -> None:
    async def another_runs() -> bool:
        return supervisor.identities()[name] != first

    await wait_until(name, another_runs, timeout=10)


async def test_a_killed_process_comes_back(supervisor: Supervisor) -> None:
    await supervisor.start([Process("sleeper", SLEEP)])
    first = supervisor.identities()["sleeper"]
    _kill(first, signal.SIGKILL)
    await comes_back(supervisor, "sleeper", first)
    await supervisor.stop()
    assert not first.exists()


async def test_a_frozen_process_is_killed_and_comes_back(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    heart = tmp_path / "heart"
    beating = (
        f"import time, pathlib\nwhile True: pathlib.Path({str(heart)!r}).touch(); time.sleep(.05)"
    )
    alive = beats(heart, within=0.5)
    await supervisor.start(
        [
            Process(
                "beater",
                (sys.executable, "-c", beating),
                ready=alive,
                alive=alive,
                frozen_after=0.5,
            )
        ]
    )
    first = supervisor.identities()["beater"]
    _kill(first, signal.SIGSTOP)
    await comes_back(supervisor, "beater", first)
    await supervisor.stop()


async def test_what_does_not_start_says_why(supervisor: Supervisor) -> None:
    broken = Process(
        "broken", (sys.executable, "-c", "raise SystemExit('no such flavour')"), ready=_no
    )
    with pytest.raises(StartError, match="no such flavour"):
        await supervisor.start([broken])
    await supervisor.stop()


async def test_dependants_start_later_and_end_sooner(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    server = Process("server", _writes(diary, "server"), ready=_has(diary, "server up"))
    client = Process(
        "client", _writes(diary, "client"), ready=_has(diary, "client up"), after=("server",)
    )
    await supervisor.start([client, server])
    await supervisor.stop()
    assert diary.read_text().split("\n")[:4] == [
        "server up",
        "client up",
        "client down",
        "server down",
    ]


async def test_one_that_ignores_the_request_to_end_is_killed(supervisor: Supervisor) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    await supervisor.start([Process("deaf", (sys.executable, "-c", deaf), grace=0.3)])
    identity = supervisor.identities()["deaf"]
    began = time.monotonic()
    await supervisor.stop()
    assert not identity.exists()
    assert time.monotonic() - began < 5


def test_one_supervisor_a_home(home: Home) -> None:
    with home.lock(), pytest.raises(AlreadyRunningError), home.lock():
        pass
    assert not home.is_locked()


def _kill(identity: Identity, number: signal.Signals) -> None:
    assert identity.exists()
    os.kill(identity.pid, number)


async def _no() -> bool:
    return False


def _writes(diary: Path, name: str) -> tuple[str, ...]:
    code = f"""
import pathlib, signal, sys, time
def note(what):
    with pathlib.Path({str(diary)!r}).open("a") as diary:
        print({name!r}, what, file=diary)
def leave(*_):
    note("down")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
note("up")
time.sleep(600)
"""
    return (sys.executable, "-c", code)


def _has(diary: Path, line: str) -> Probe:
    async def probe() -> bool:
        return diary.exists() and line in diary.read_text()

    return probe
