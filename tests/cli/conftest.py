"""The command as people and scripts use it: a process, its output, its exit code."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from perennial_embedded.home import Home
from perennial_embedded.state import Addresses

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "perennial_cli.main")
UP_WITHIN, DOWN_WITHIN = 180, 60


@dataclass(frozen=True)
class Done:
    code: int
    rows: list[dict[str, Any]]
    text: str
    aside: str


@dataclass(frozen=True)
class System:
    """A running system, and the command beside it."""

    home: Path
    announced: dict[str, Any]

    @property
    def addresses(self) -> Addresses:
        return Addresses(Home(self.home))

    def perennial(self, *words: str) -> Done:
        return perennial(*words, "--home", str(self.home))


def perennial(*words: str) -> Done:
    done = subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=UP_WITHIN, cwd=ROOT, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return Done(done.returncode, [json.loads(line) for line in lines], done.stdout, done.stderr)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """`perennial up` with a played clock, in a folder that Postgres' own user may enter."""
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        home = Path(made) / "home"
        words = [*COMMAND, "up", "--clock", "ticks", "--home", str(home)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
            try:
                yield System(home, _announced(running))
            finally:
                _ended(running)


def _announced(running: subprocess.Popen[str]) -> dict[str, Any]:
    assert running.stdout is not None
    line = running.stdout.readline()
    assert line, f"`perennial up` ended with {running.wait()}"
    announced: dict[str, Any] = json.loads(line)
    return announced


def _ended(running: subprocess.Popen[str]) -> None:
    """Ctrl-C, as a person ends it."""
    if running.poll() is None:
        os.kill(running.pid, signal.SIGINT)
    assert running.wait(DOWN_WITHIN) == 0
