"""The three administrative requests that our Kafka client lacks, or can only send one by one."""

import hashlib
import os
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol import admin
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

SCRAM_SHA_512 = 2
ITERATIONS = 4096

TOPIC, GROUP, CLUSTER = 2, 3, 4
LITERAL, PREFIXED = 3, 4
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS = 3, 4, 8, 10
ANY, ALLOW = 1, 3


class Acl(NamedTuple):
    """One permission, in the order of the wire format."""

    resource_type: int
    resource: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int


class CreateAcls(Request[admin.CreateAclsRequest_v1]):  # type: ignore[misc]  # untyped library
    API_KEY = 30

    def __init__(self, acls: Sequence[Acl]) -> None:
        self._acls = [tuple(acl) for acl in acls]

    def build(self, request_struct_class: type[admin.CreateAclsRequest_v1]) -> Any:
        return request_struct_class(self._acls)


class DeleteAcls(Request[admin.DeleteAclsRequest_v1]):  # type: ignore[misc]  # untyped library
    API_KEY = 31

    def __init__(self, acls: Sequence[Acl]) -> None:
        self._acls = [tuple(acl) for acl in acls]

    def build(self, request_struct_class: type[admin.DeleteAclsRequest_v1]) -> Any:
        return request_struct_class(self._acls)


class ScramResponse(Response):  # type: ignore[misc]  # untyped library
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class ScramStruct(RequestStruct):  # type: ignore[misc]  # untyped library
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = ScramResponse
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(
                ("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)
            ),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class SetPasswords(Request[ScramStruct]):  # type: ignore[misc]  # untyped library
    """The broker never sees the password, only what SCRAM derives from it."""

    API_KEY: ClassVar[int] = 51

    def __init__(self, passwords: dict[str, str]) -> None:
        self._users = [self._user(name, password) for name, password in passwords.items()]

    def build(self, request_struct_class: type[ScramStruct]) -> ScramStruct:
        return request_struct_class([], self._users, {})

    @staticmethod
    def _user(name: str, password: str) -> tuple[Any, ...]:
        salt = os.urandom(24)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
        return (name, SCRAM_SHA_512, ITERATIONS, salt, salted, {})


async def set_passwords(client: AIOKafkaClient, passwords: dict[str, str]) -> None:
    response = await _send(client, SetPasswords(passwords))
    for name, code, message, *_ in response.results:
        _raise_if(code, f"password of {name}: {message}")


async def create_acls(client: AIOKafkaClient, acls: Sequence[Acl]) -> None:
    response = await _send(client, CreateAcls(acls))
    for acl, (code, message) in zip(acls, response.creation_responses, strict=True):
        _raise_if(code, f"{acl}: {message}")


async def delete_acls(client: AIOKafkaClient, acls: Sequence[Acl]) -> None:
    response = await _send(client, DeleteAcls(acls))
    for code, message, _ in response.filter_responses:
        _raise_if(code, str(message))


async def list_acls(client: AIOKafkaClient) -> set[Acl]:
    everything = admin.DescribeAclsRequest(ANY, None, ANY, None, None, ANY, ANY)
    response = await _send(client, everything)
    _raise_if(response.error_code, str(response.error_message))
    return {
        Acl(resource_type, resource, pattern, *permission)
        for resource_type, resource, pattern, permissions in response.resources
        for permission in permissions
    }


async def _send(client: AIOKafkaClient, request: Request[Any]) -> Any:
    node = client.get_random_node()
    if not await client.ready(node):
        raise ConnectionError("the Kafka broker closed the connection")
    return await client.send(node, request)


def _raise_if(code: int, what: str) -> None:
    if code:
        raise for_code(code)(what)
