"""How a service is started: the same two processes and the same environment for every one of them."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from perennial.kit.tokens import OWN, PRIVATE, PUBLIC, create_keys, issue, load

from perennial_embedded.home import Home, private_word, write_private
from perennial_embedded.probes import answers, beats
from perennial_embedded.processes import Process
from perennial_embedded.state import Addresses

BEATS_WITHIN = 6.0
MASTER_KEY = "master.key"

ROLE_OF = {"notifications": "notifier"}
"""Services that ask others over REST, and as what."""
TOKEN_SECONDS = 365 * 24 * 3600
"""A start writes a new one; a company's identity provider would renew it far more often."""

# Two cores shared by ten processes: libraries must not each start a thread per core.
THRIFT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class Service:
    """`name` is its Kafka principal and its address; `package` has a `main` that takes a command."""

    name: str
    package: str

    @property
    def schema(self) -> str:
        return self.name.replace("-", "_")

    def command(self, what: str) -> tuple[str, ...]:
        return (sys.executable, "-m", f"{self.package}.main", what)

    def migrations(self) -> str:
        """What a migration would run: unchanged since the last start, it needn't run again."""
        folders = (_folder(self.package) / "migrations", _folder("perennial.kit"))
        sources = sorted(file for folder in folders for file in folder.rglob("*.py"))
        return "\n".join(sha256(file.read_bytes()).hexdigest() for file in sources)


def named(*names: str) -> tuple[Service, ...]:
    return tuple(Service(name, name.replace("-", "_")) for name in names)


@dataclass(frozen=True)
class Environment:
    """What the services of one home are told."""

    home: Home
    addresses: Addresses
    services: Sequence[Service]
    clock: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """More settings of the services' own, as `PERENNIAL_…`."""

    def processes(self) -> list[Process]:
        return [
            made for service in self.services for made in (self.door(service), self.relay(service))
        ]

    def door(self, service: Service) -> Process:
        port = self.addresses.port(service.name)
        name = f"{service.name}-door"
        return Process(
            name=name,
            argv=service.command("door"),
            env={**self.of(service, name, service.schema), "PERENNIAL_HTTP_PORT": str(port)},
            ready=answers(port, "/readyz"),
            alive=answers(port, "/healthz"),
            after=("postgres", "kafka"),
            before=self._forgets_heartbeat(name),
            grace=4.0,
        )

    def relay(self, service: Service) -> Process:
        name = f"{service.name}-relay"
        heart = beats(self._heartbeat(name), BEATS_WITHIN)
        return Process(
            name=name,
            argv=service.command("relay"),
            env=self.of(service, name, f"{service.schema}_relay"),
            ready=heart,
            alive=heart,
            after=("postgres", "kafka"),
            before=self._forgets_heartbeat(name),
            grace=4.0,
            frozen_after=BEATS_WITHIN,
        )

    def of(
        self, service: Service, process: str, role: str, principal: str = ""
    ) -> Mapping[str, str]:
        """`role` is who it is to Postgres, `principal` to Kafka; usually the service itself."""
        login = self.addresses.credentials(principal or service.name)
        peers = {peer.name: self.addresses.url(peer.name) for peer in self.services}
        return {
            **THRIFT,
            **self.settings,
            "PERENNIAL_DATABASE_URL": self.addresses.dsn(role),
            "PERENNIAL_KAFKA_BOOTSTRAP": self.addresses.bootstrap,
            "PERENNIAL_KAFKA_USER": login.username,
            "PERENNIAL_KAFKA_PASSWORD": login.password,
            "PERENNIAL_CLOCK": self.clock,
            "PERENNIAL_HEARTBEAT": str(self._heartbeat(process)),
            "PERENNIAL_SECRETS": str(self._secrets(service)),
            "PERENNIAL_PEERS": json.dumps(peers),
        }

    def _secrets(self, service: Service) -> Path:
        """A folder each: the public token key is everybody's, everything else is the service's own."""
        folder = self.home.secrets / service.name
        private_word(folder / MASTER_KEY)
        if not (self.home.secrets / PUBLIC).exists():
            create_keys(self.home.secrets)
        if not (folder / PUBLIC).exists():
            write_private(folder / PUBLIC, (self.home.secrets / PUBLIC).read_text())
        if service.name in ROLE_OF:
            keys, role = load(self.home.secrets / PRIVATE), ROLE_OF[service.name]
            told = issue(keys, role, service.name, client=service.name, lasts=TOKEN_SECONDS)
            write_private(folder / OWN, told)
        return folder

    def _heartbeat(self, process: str) -> Path:
        return self.home.heartbeats / process

    def _forgets_heartbeat(self, process: str) -> Callable[[], None]:
        return lambda: self._heartbeat(process).unlink(missing_ok=True)


def _folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package}: run `make setup`", name=package)
    return Path(os.fspath(found.submodule_search_locations[0]))
