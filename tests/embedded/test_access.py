"""Declarations change between two starts: what is new is added, what is gone is taken away."""

import pytest
from perennial_embedded import doctor
from perennial_embedded.access import Access, TopicMismatchError, TopicSpec, apply_access
from perennial_embedded.finding import Verdict
from perennial_embedded.home import Passwords
from perennial_embedded.kafka import admin_client
from perennial_embedded.kafka_requests import list_acls
from perennial_embedded.stack import Stack

from .conftest import ACCESS

pytestmark = pytest.mark.stack


async def apply(stack: Stack, access: Access) -> None:
    passwords = Passwords(stack.home.passwords)
    await apply_access(stack.addresses.bootstrap, stack.home, passwords, access)


async def readers(stack: Stack, topic: str) -> set[str]:
    client = admin_client(stack.addresses.bootstrap, stack.addresses.admin)
    await client.bootstrap()
    try:
        return {acl.principal for acl in await list_acls(client) if acl.resource == topic}
    finally:
        await client.close()


async def test_grants_follow_the_declaration(stack: Stack) -> None:
    wide = TopicSpec("extra.v1", 1, ["late.comer"], ["scoring", "lead-intake"])
    narrow = TopicSpec("extra.v1", 1, ["late.comer"], ["scoring"])
    await apply(stack, Access([*ACCESS.topics, wide], ACCESS.observers, ACCESS.others))
    assert await readers(stack, "extra.v1") == {
        "User:late.comer",
        "User:scoring",
        "User:lead-intake",
    }
    await apply(stack, Access([*ACCESS.topics, narrow], ACCESS.observers, ACCESS.others))
    assert await readers(stack, "extra.v1") == {"User:late.comer", "User:scoring"}
    assert await readers(stack, "leads.v1") == {"User:lead-intake", "User:scoring"}


async def test_a_topic_is_never_repartitioned(stack: Stack) -> None:
    with pytest.raises(TopicMismatchError, match="3, not 4"):
        await apply(stack, Access([TopicSpec("leads.v1", 4, ["lead-intake"], [])]))


async def test_the_doctor_names_what_is_missing(stack: Stack) -> None:
    declared = Access([*ACCESS.topics, TopicSpec("forgotten.v1", 1, ["scoring"], [])])
    found = {
        finding.check: finding async for finding in doctor.examine(stack.home.path, declared, ())
    }
    assert found["postgres"].verdict is Verdict.OK
    assert found["kafka"].verdict is Verdict.FAIL
    assert found["kafka"].says == "topics missing: forgotten.v1"
    assert all(finding.cure for finding in found.values() if finding.verdict is not Verdict.OK)
