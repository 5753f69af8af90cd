"""Who adopts what nobody has looked at says why."""

from datetime import UTC, datetime
from typing import Any

import pytest
from perennial.contracts.base import Fact, Refusal
from perennial.contracts.platform import PolicyAdopted, PolicyTried
from perennial.kit.policies import Adoption, AdoptPolicy, NoteTrial, PolicyState, Version

from tests.kit import toy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECT = toy.SERVICE.policy_subject
DRAFTED = PolicyState(versions=[Version(version=1, document="{}")])

pytestmark = pytest.mark.feature("P6")


def decided(state: PolicyState, wish: Any) -> Any:
    fact = Fact(data=wish, id="w", key="toy", now=NOW, time=NOW, principal="ann")
    return SUBJECT.react(state, fact, None, NOW)


def test_an_untried_version_is_refused_with_the_cure() -> None:
    refusal = decided(DRAFTED, AdoptPolicy(version=1))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.pointer) == ("policy-untried", "/reason")
    assert "policy try" in refusal.detail


def test_a_reason_a_stored_what_if_or_earlier_work_let_it_pass() -> None:
    (tried,) = decided(DRAFTED, NoteTrial(version=1, trial="t", decisions=9, otherwise=2))
    assert isinstance(tried, PolicyTried)
    known = SUBJECT.evolve(DRAFTED, tried, NOW)
    before = PolicyState(
        versions=DRAFTED.versions,
        adoptions=[Adoption(version=1, effective_at=NOW), Adoption(version=0, effective_at=NOW)],
    )
    for state, wish in (
        (DRAFTED, AdoptPolicy(version=1, reason="urgent")),
        (known, AdoptPolicy(version=1)),
        (before, AdoptPolicy(version=1)),
        (before, AdoptPolicy(version=0)),
    ):
        (adopted,) = decided(state, wish)
        assert isinstance(adopted, PolicyAdopted)
