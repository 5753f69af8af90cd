"""One folder holds everything a running system leaves on this machine; two folders never meet."""

import fcntl
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class AlreadyRunningError(RuntimeError):
    """Two supervisors of one home would fight over the same data."""


class Home:
    """Where things lie. Files are private; the folder may be passed through by Postgres' own user."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.postgres = self.path / "postgres"
        self.kafka = self.path / "kafka"
        self.logs = self.path / "logs"
        self.heartbeats = self.path / "heartbeats"
        self.secrets = self.path / "secrets"
        self.state = self.path / "state.json"
        self.passwords = self.path / "secrets.json"

    def prepare(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
        self.path.chmod(0o711)
        self.postgres.mkdir(exist_ok=True, mode=0o711)
        for private in (self.kafka, self.logs, self.heartbeats, self.secrets):
            private.mkdir(exist_ok=True, mode=0o700)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held for a supervisor's life; the kernel lets go of it when the process is killed."""
        with (self.path / "lock").open("a") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AlreadyRunningError(
                    f"{self.path} is in use by a running system. End it with `perennial down`."
                ) from error
            yield

    def is_locked(self) -> bool:
        try:
            with self.lock():
                return False
        except AlreadyRunningError:
            return True
        except FileNotFoundError:
            return False


class Passwords:
    """Random words made once per home, so that a restart meets the same users."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._words: dict[str, str] = read_json(file)

    def role(self, name: str) -> str:
        return self._word(f"postgres:{name}")

    def principal(self, name: str) -> str:
        return self._word(f"kafka:{name}")

    def _word(self, owner: str) -> str:
        with self._lock:
            if owner not in self._words:
                self._words[owner] = secrets.token_urlsafe(24)
                write_private(self._file, json.dumps(self._words, indent=1))
            return self._words[owner]


class KnownPasswords(Passwords):
    """For those who only log in: asking for a stranger's password is a mistake, not a wish."""

    def _word(self, owner: str) -> str:
        if owner not in self._words:
            raise LookupError(f"nobody called {owner} in {self._file}")
        return self._words[owner]


class Applied:
    """Remembers beside the data what was done to it, so that the next start needn't look."""

    def __init__(self, folder: Path, what: str, content: str) -> None:
        self._marker = folder / "applied" / what
        self._digest = hashlib.sha256(content.encode()).hexdigest()

    def is_done(self) -> bool:
        return self._marker.exists() and self._marker.read_text() == self._digest

    def done(self) -> None:
        self._marker.parent.mkdir(exist_ok=True)
        self._marker.write_text(self._digest)


def private_word(file: Path) -> str:
    """A random key in a file of its own, made when first asked for."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(file, secrets.token_hex(32))
    return file.read_text().strip()


def read_json(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def write_private(file: Path, text: str) -> None:
    """Whole or not at all, and readable by the owner alone."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    draft.replace(file)
