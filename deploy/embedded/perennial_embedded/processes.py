"""Starting, naming and ending operating system processes that must not outlive their supervisor."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from perennial_embedded.probes import Probe

MARK = "PERENNIAL_SUPERVISED_FROM"
LOG_LIMIT = 10_000_000
CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class User:
    """Whom a program runs as; `capability` lets it pass through folders that are not its own."""

    uid: int
    capability: int | None = None


@dataclass(frozen=True)
class Process:
    """A program the supervisor keeps running. `alive` is asked while it runs; no answer, SIGKILL."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Probe | None = None
    alive: Probe | None = None
    after: tuple[str, ...] = ()
    before: Callable[[], None] | None = None
    user: User | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    grace: float = 5.0
    start_within: float = 60.0
    frozen_after: float = 10.0


@dataclass(frozen=True)
class Identity:
    """A pid alone may have been given to somebody else meanwhile; when it started tells.

    By the kernel's count, since the wall clock may be set while the process runs.
    """

    pid: int
    started: int
    """Clock ticks from boot to its start."""
    boot: str = ""
    """Which boot of the machine those are counted from."""

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """Raises `psutil.NoSuchProcess` where nothing has that pid."""
        return cls(pid, _started(pid), _boot())

    def exists(self) -> bool:
        try:
            return Identity.of(self.pid) == self and not _is_zombie(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            return False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def tied(argv: Sequence[str], user: User | None, orphan_signal: signal.Signals) -> list[str]:
    """The command that runs `argv` as that user and ends with us, by that signal."""
    uid = "-" if user is None else str(user.uid)
    capability = "-" if user is None or user.capability is None else str(user.capability)
    bond = (str(os.getpid()), str(int(orphan_signal)), uid, capability)
    return [sys.executable, "-I", "-S", str(CHILD), *bond, *argv]


def spawn(process: Process, home: Path, log: Path) -> subprocess.Popen[bytes]:
    """In a session of its own (a Ctrl-C is the supervisor's to hand on), dead when we are dead."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("the kernel ends a child with the thread that made it: use the main one")
    with log.open("ab") as out:
        return subprocess.Popen(
            tied(process.argv, process.user, process.orphan_signal),
            env={**_inherited(), **process.env, MARK: str(home)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return "(no output)"
    with log.open("rb") as text:
        text.seek(max(0, log.stat().st_size - 8_000))
        return b"\n".join(text.read().splitlines()[-lines:]).decode(errors="replace")


def signal_group(pid: int, number: signal.Signals) -> None:
    """The program and whatever it started itself."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def end_leftovers(home: Path, recorded: Iterable[Identity], patience: float = 10.0) -> list[int]:
    """End what a killed run left behind: the recorded processes, and all that carry our mark."""
    left = leftovers(home, recorded)
    for identity in left:
        _signal(identity, _gentle(identity))
    gone_by = time.monotonic() + patience
    while any(identity.exists() for identity in left):
        if time.monotonic() > gone_by:
            for identity in left:
                _signal(identity, signal.SIGKILL)
        time.sleep(0.05)
    return sorted(identity.pid for identity in left)


def leftovers(home: Path, recorded: Iterable[Identity]) -> set[Identity]:
    return {identity for identity in recorded if identity.exists()} | _marked(home)


def available_memory() -> int:
    return int(psutil.virtual_memory().available)


def is_program(pid: int, argument: Path) -> bool:
    """That process runs, and was started with this path: not just anybody with its number."""
    try:
        process = psutil.Process(pid)
        return not _is_zombie(process) and str(argument) in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _marked(home: Path) -> set[Identity]:
    found = set()
    for process in psutil.process_iter():
        try:
            identity = Identity.of(process.pid)
            if process.environ().get(MARK) == str(home) and identity.exists():
                found.add(identity)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _gentle(identity: Identity) -> signal.Signals:
    """Postgres waits for its clients on SIGTERM; nobody is left to wait for."""
    try:
        is_postgres = psutil.Process(identity.pid).name() == "postgres"
    except psutil.NoSuchProcess:
        is_postgres = False
    return signal.SIGQUIT if is_postgres else signal.SIGTERM


def _started(pid: int) -> int:
    """Field 22 of its stat; the second, its name, may itself hold spaces and brackets."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    return int(stat.rpartition(b")")[2].split()[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _is_zombie(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_ZOMBIE)


def _signal(identity: Identity, number: signal.Signals) -> None:
    if identity.exists():
        signal_group(identity.pid, number)


def _inherited() -> dict[str, str]:
    """Nothing that would make a child's Python or Java behave by somebody's shell settings."""
    foreign = ("PYTHONPATH", "PYTHONHOME", "JAVA_TOOL_OPTIONS", "PGHOST", "PGPORT", "PGUSER")
    return {name: value for name, value in os.environ.items() if name not in foreign}
