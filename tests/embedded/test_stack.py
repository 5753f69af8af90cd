"""Real servers: who may do what, and that nobody else may."""

import asyncio

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)
from perennial_embedded.stack import Stack

pytestmark = pytest.mark.stack


def login(stack: Stack, principal: str) -> dict[str, str]:
    credentials = stack.addresses.credentials(principal)
    return {
        "bootstrap_servers": stack.addresses.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": credentials.username,
        "sasl_plain_password": credentials.password,
    }


async def send(stack: Stack, principal: str, topic: str) -> None:
    async with AIOKafkaProducer(**login(stack, principal)) as producer:
        await producer.send_and_wait(topic, b"fact", key=b"key")


async def read(stack: Stack, principal: str, topic: str) -> int:
    how = {**login(stack, principal), "auto_offset_reset": "earliest"}
    consumer = AIOKafkaConsumer(topic, **how)
    try:
        async with asyncio.timeout(10):
            await consumer.start()
            found = await consumer.getmany(timeout_ms=5_000)
        return sum(map(len, found.values()))
    finally:
        await consumer.stop()


async def test_a_service_writes_its_own_topic_and_others_read_it(stack: Stack) -> None:
    await send(stack, "lead-intake", "leads.v1")
    assert await read(stack, "scoring", "leads.v1") >= 1
    assert await read(stack, "oncall", "leads.v1") >= 1


@pytest.mark.parametrize("principal", ["lead-intake", "oncall", "partner.demo"])
async def test_nobody_else_writes_it(stack: Stack, principal: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await send(stack, principal, "scores.v1")


async def test_a_stranger_to_a_topic_does_not_read_it(stack: Stack) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await read(stack, "partner.demo", "leads.v1")


async def test_a_group_belongs_to_the_service_it_is_named_for(stack: Stack) -> None:
    foreign = AIOKafkaConsumer("leads.v1", **login(stack, "scoring"), group_id="lead-intake.door")
    with pytest.raises(GroupAuthorizationFailedError):
        await foreign.start()
    await foreign.stop()
    own = AIOKafkaConsumer("leads.v1", **login(stack, "scoring"), group_id="scoring.door")
    await own.start()
    await own.stop()


async def test_a_wrong_password_opens_nothing(stack: Stack) -> None:
    wrong = {**login(stack, "scoring"), "sasl_plain_password": "guessed"}
    producer = AIOKafkaProducer(**wrong)
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.stop()


async def test_the_run_time_role_works_in_its_schema_and_cannot_change_it(stack: Stack) -> None:
    await execute(stack, "scoring_migrate", "CREATE TABLE IF NOT EXISTS grade (key text)")
    await execute(stack, "scoring", "INSERT INTO grade VALUES ('a')")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(stack, "scoring", "CREATE TABLE another (key text)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(stack, "scoring_relay", "SELECT * FROM grade")


@pytest.mark.parametrize("role", ["lead_intake", "lead_intake_migrate", "lead_intake_relay"])
async def test_no_role_sees_another_schema(stack: Stack, role: str) -> None:
    await execute(stack, "scoring_migrate", "CREATE TABLE IF NOT EXISTS grade (key text)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(stack, role, "SELECT * FROM scoring.grade")


@pytest.mark.parametrize("role", ["scoring", "scoring_migrate", "scoring_relay"])
async def test_public_is_closed(stack: Stack, role: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(stack, role, "CREATE TABLE public.anything (key text)")
    elsewhere = stack.addresses.dsn(role).replace("/perennial", "/postgres")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(elsewhere)


async def test_a_frozen_transaction_ends_by_itself(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.addresses.dsn("scoring"))
    try:
        assert await connection.fetchval("SHOW transaction_timeout") == "1min"
        assert await connection.fetchval("SHOW lock_timeout") == "10s"
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        await connection.close()


async def execute(stack: Stack, role: str, statement: str) -> None:
    connection = await asyncpg.connect(stack.addresses.dsn(role))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
