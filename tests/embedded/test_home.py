"""What a home keeps, and who may enter it."""

import os
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from perennial_embedded import doctor
from perennial_embedded.access import Access
from perennial_embedded.home import Home, KnownPasswords, Passwords
from perennial_embedded.ports import choose
from perennial_embedded.postgres import Postgres
from perennial_embedded.processes import Identity
from perennial_embedded.state import State
from perennial_embedded.supervisor import Supervisor
from perennial_embedded.unprivileged import user_for


def test_passwords_stay_and_stay_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = Passwords(file)
    word = first.role("scoring")
    assert word != first.principal("scoring")
    assert KnownPasswords(file).role("scoring") == word
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(LookupError, match="stranger"):
        KnownPasswords(file).role("stranger")


def test_a_port_stays_unless_somebody_took_it() -> None:
    before = choose(["a", "b"], {})
    assert choose(["a", "b"], before) == before
    with socket.create_server(("127.0.0.1", before["a"])):
        after = choose(["a", "b"], before)
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]


def test_what_runs_is_known_whatever_the_wall_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.prepare()
    State("ready", Identity.of(os.getpid()), {}, {}).write(home)
    told = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: told(process) + 20)
    state = State.of(home)
    assert state.is_running()
    assert state.supervisor is not None
    assert not replace(state.supervisor, started=state.supervisor.started + 1).exists()
    assert not replace(state.supervisor, boot="another").exists()


def test_who_has_ended_is_nobody() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = Identity.of(child.pid)
        assert identity.exists()
        child.kill()
    assert not identity.exists()


async def test_the_doctor_says_how_to_start(tmp_path: Path) -> None:
    found = [finding async for finding in doctor.examine(tmp_path / "nothing", Access(()))]
    assert found[-1].cure == "Start it with `perennial up`."


@pytest.mark.stack
async def test_postgres_starts_where_another_user_may_not_pass(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = Home(closed / "home")
    home.prepare()
    user = user_for(home.postgres)
    assert (user is not None and user.capability is not None) == (os.geteuid() == 0)
    postgres = Postgres(home, Passwords(home.passwords), choose(["postgres"], {})["postgres"])
    postgres.initialise()
    supervisor = Supervisor(home, lambda: None)
    await supervisor.start([postgres.process()])
    await supervisor.stop()
