"""Topics and who may touch them, brought from whatever the broker has to what the caller declares."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code

from perennial_embedded import kafka_requests as requests
from perennial_embedded.home import Applied, Home, Passwords
from perennial_embedded.kafka import MECHANISM, admin_client
from perennial_embedded.kafka_requests import Acl
from perennial_embedded.state import ADMIN, Credentials
from perennial_embedded.supervisor import wait_until

VISIBLE_WITHIN = 20.0


class TopicMismatchError(RuntimeError):
    """Keys would move to other partitions: topics are never repartitioned."""


@dataclass(frozen=True)
class TopicSpec:
    name: str
    partitions: int
    writers: Sequence[str]
    readers: Sequence[str]


@dataclass(frozen=True)
class Access:
    """`observers` may read every topic and write none; `others` may log in and have nothing yet."""

    topics: Sequence[TopicSpec]
    observers: Sequence[str] = ()
    others: Sequence[str] = ()

    def principals(self) -> list[str]:
        named = {who for topic in self.topics for who in (*topic.writers, *topic.readers)}
        return sorted(named | set(self.observers) | set(self.others))

    def acls(self) -> set[Acl]:
        wanted: set[Acl] = set()
        for topic in self.topics:
            for writer in topic.writers:
                wanted |= _on_topic(topic.name, writer, requests.WRITE)
            for reader in topic.readers:
                wanted |= _on_topic(topic.name, reader, requests.READ)
        for observer in self.observers:
            wanted |= _on_topic("*", observer, requests.READ)
            wanted.add(_allow(requests.GROUP, "*", requests.LITERAL, observer, requests.DESCRIBE))
            wanted.add(
                _allow(
                    requests.CLUSTER, "kafka-cluster", requests.LITERAL, observer, requests.DESCRIBE
                )
            )
        return wanted | {_own_groups(principal) for principal in self.principals()}

    def as_text(self) -> str:
        facts = [
            *sorted(f"{topic.name} {topic.partitions}" for topic in self.topics),
            *self.principals(),
            *sorted(map(str, self.acls())),
        ]
        return "\n".join(facts)


async def apply_access(bootstrap: str, home: Home, passwords: Passwords, access: Access) -> None:
    """The whole declaration each time. Skipped when the same was applied to the same data before."""
    once = Applied(home.kafka, "access", access.as_text())
    if once.is_done():
        return
    login = Credentials(ADMIN, passwords.principal(ADMIN))
    client = admin_client(bootstrap, login)
    await client.bootstrap()
    try:
        await requests.set_passwords(
            client, {who: passwords.principal(who) for who in access.principals()}
        )
        await _create_missing_topics(bootstrap, login, access.topics)
        present = await requests.list_acls(client)
        await _bring_to(client, present, access)

        async def visible() -> bool:
            return access.acls() <= await requests.list_acls(client)

        await wait_until("Kafka permissions", visible, VISIBLE_WITHIN)
    finally:
        await client.close()
    once.done()


async def describe_topics(bootstrap: str, login: Credentials) -> dict[str, int]:
    """Name and number of partitions, of those that have a leader everywhere."""
    admin = _admin(bootstrap, login)
    await admin.start()
    try:
        described = await admin.describe_topics()
    finally:
        await admin.close()
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in described
        if not topic["error_code"] and all(p["leader"] >= 0 for p in topic["partitions"])
    }


def check_partitions(topics: Sequence[TopicSpec], present: dict[str, int]) -> None:
    wrong = [
        f"{topic.name}: {present[topic.name]}, not {topic.partitions}"
        for topic in topics
        if present.get(topic.name, topic.partitions) != topic.partitions
    ]
    if wrong:
        raise TopicMismatchError(f"partitions differ from the declaration: {'; '.join(wrong)}")


async def _create_missing_topics(
    bootstrap: str, login: Credentials, topics: Sequence[TopicSpec]
) -> None:
    present = await describe_topics(bootstrap, login)
    check_partitions(topics, present)
    missing = [NewTopic(t.name, t.partitions, 1) for t in topics if t.name not in present]
    if not missing:
        return
    admin = _admin(bootstrap, login)
    await admin.start()
    try:
        response = await admin.create_topics(missing)
    finally:
        await admin.close()
    for name, code, message in response.topic_errors:
        if code:
            raise for_code(code)(f"{name}: {message}")
    wanted = {topic.name for topic in topics}

    async def visible() -> bool:
        return wanted <= (await describe_topics(bootstrap, login)).keys()

    await wait_until("Kafka topics", visible, VISIBLE_WITHIN)


async def _bring_to(client: AIOKafkaClient, present: set[Acl], access: Access) -> None:
    """Adds what is missing; takes away what our own principals no longer are granted."""
    wanted = access.acls()
    ours = {_principal(who) for who in access.principals()}
    obsolete = [acl for acl in present - wanted if acl.principal in ours]
    if obsolete:
        await requests.delete_acls(client, obsolete)
    if missing := sorted(wanted - present):
        await requests.create_acls(client, missing)


def _admin(bootstrap: str, login: Credentials) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(
        bootstrap_servers=bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=MECHANISM,
        sasl_plain_username=login.username,
        sasl_plain_password=login.password,
    )


def _on_topic(topic: str, principal: str, operation: int) -> set[Acl]:
    return {
        _allow(requests.TOPIC, topic, requests.LITERAL, principal, allowed)
        for allowed in (operation, requests.DESCRIBE, requests.DESCRIBE_CONFIGS)
    }


def _own_groups(principal: str) -> Acl:
    return _allow(requests.GROUP, principal, requests.PREFIXED, principal, requests.READ)


def _allow(kind: int, resource: str, pattern: int, principal: str, operation: int) -> Acl:
    return Acl(kind, resource, pattern, _principal(principal), "*", operation, requests.ALLOW)


def _principal(name: str) -> str:
    return f"User:{name}"
