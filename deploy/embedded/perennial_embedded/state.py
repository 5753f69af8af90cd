"""What a running system tells others about itself: status, addresses, and who its processes are."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from perennial_embedded.home import Home, KnownPasswords, read_json, write_private
from perennial_embedded.ports import LOOPBACK
from perennial_embedded.processes import Identity

ADMIN = "admin"
DATABASE = "perennial"


@dataclass(frozen=True)
class State:
    status: str
    supervisor: Identity | None
    ports: Mapping[str, int]
    processes: Mapping[str, Identity]

    @classmethod
    def of(cls, home: Home) -> Self:
        found: dict[str, Any] = read_json(home.state)
        supervisor = found.get("supervisor")
        processes: dict[str, Any] = found.get("processes", {})
        return cls(
            status=found.get("status", "down"),
            supervisor=Identity(**supervisor) if supervisor else None,
            ports=found.get("ports", {}),
            processes={name: Identity(**identity) for name, identity in processes.items()},
        )

    def write(self, home: Home) -> None:
        write_private(home.state, json.dumps(asdict(self), indent=1))

    def is_running(self) -> bool:
        """A killed supervisor leaves its last words behind; only its life makes them true."""
        return self.status != "down" and self.supervisor is not None and self.supervisor.exists()


@dataclass(frozen=True)
class Credentials:
    username: str
    password: str


class NotRunningError(RuntimeError):
    """There is nothing to talk to."""


class Addresses:
    """Where a home's system is and how to log in; read from its files, so that any command can."""

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def secrets(self) -> Path:
        """Where the keys of this home lie."""
        return self._home.secrets

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port('kafka')}"

    @property
    def admin(self) -> Credentials:
        return self.credentials(ADMIN)

    def credentials(self, principal: str) -> Credentials:
        return Credentials(principal, KnownPasswords(self._home.passwords).principal(principal))

    def dsn(self, role: str) -> str:
        password = KnownPasswords(self._home.passwords).role(role)
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self.port('postgres')}/{DATABASE}"

    def url(self, service: str) -> str:
        return f"http://{LOOPBACK}:{self.port(service)}"

    def port(self, name: str) -> int:
        ports = State.of(self._home).ports
        if name not in ports:
            raise NotRunningError(f"no {name} at {self._home.path}: start it with `perennial up`")
        return ports[name]
