"""Who adopts what nobody has looked at says why; what breaks its bounds is followed by what was before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from perennial.contracts.base import Fact, Refusal
from perennial.contracts.platform import Bound, PolicyAdopted, PolicyTried
from perennial.kit.bounds import Count, broken
from perennial.kit.policies import (
    LEAD,
    Adoption,
    AdoptPolicy,
    NoteTrial,
    NoteWatch,
    PolicyState,
    Version,
)
from perennial.kit.problems import Fault
from perennial.kit.versions import compared

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


@pytest.mark.parametrize("reason", ["", "   "])
def test_blanks_are_no_reason_and_a_version_that_is_not_there_is_not_untried(reason: str) -> None:
    assert decided(DRAFTED, AdoptPolicy(version=1, reason=reason)).code == "policy-untried"
    for version in (-1, 77):
        assert (
            decided(DRAFTED, AdoptPolicy(version=version, reason=reason)).code == "policy-unknown"
        )


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


DAY = timedelta(days=1)
KIND = "perennial.customer.churn-changed.v1"
RATIO = Bound(of="ratio", type=KIND, at_most=1.5, least=4)


def adopted(**more: Any) -> PolicyState:
    """Version 1 follows version 2, with bounds or without."""
    versions = [Version(version=n, document=f'{{"limit": {n}}}') for n in (1, 2)]
    first = Adoption(version=2, effective_at=NOW - 2 * DAY)
    return PolicyState(
        versions=versions, adoptions=[first, Adoption(version=1, effective_at=NOW - DAY, **more)]
    )


WATCHED = adopted(bounds=[RATIO], watched_until=NOW + DAY)


def noted(live: int, former: int, since: datetime = NOW - DAY) -> NoteWatch:
    return NoteWatch(effective_at=since, tally={KIND: Count(live=live, former=former)})


@pytest.mark.parametrize(
    ("bound", "count", "told"),
    [
        (Bound(of="a-day", at_most=30), Count(most_a_day=30), ""),
        (Bound(of="a-day", at_most=30), Count(most_a_day=31), "31 on one day, at most 30"),
        (RATIO, Count(live=6, former=4), ""),
        (RATIO, Count(live=7, former=4), "7 against 4 by the former version, at most 1.5 times"),
        (RATIO, Count(live=3, former=0), ""),
        (RATIO, Count(live=4, former=0), "4 against 0 by the former version, at most 1.5 times"),
        (Bound(of="otherwise", at_most=0.57), Count(either=100, otherwise=57), ""),
        (
            Bound(of="otherwise", at_most=0.57),
            Count(either=100, otherwise=58),
            "58 of 100 otherwise than by the former version, at most 0.57",
        ),
        (Bound(of="otherwise", at_most=0, least=10), Count(either=9, otherwise=9), ""),
    ],
)
def test_a_bound_is_broken_by_what_exceeds_it(bound: Bound, count: Count, told: str) -> None:
    found = broken([bound], {bound.type: count})
    assert found == (f"{bound.type or 'all decisions'}: {told}" if told else "")


def test_of_what_was_never_counted_there_is_nothing() -> None:
    assert broken([RATIO, Bound(of="otherwise", at_most=0)], {}) == ""


def test_a_broken_bound_brings_the_former_version_back_once_and_says_why() -> None:
    assert decided(WATCHED, noted(6, 4)) == []
    (back,) = decided(WATCHED, noted(7, 4))
    assert isinstance(back, PolicyAdopted)
    assert (back.version, back.effective_at, back.bounds) == (2, NOW + LEAD, [])
    assert back.by == "scoring"
    assert back.reason == (
        f"@1 broke its bounds: {KIND}: 7 against 4 by the former version, at most 1.5 times"
    )
    after = SUBJECT.evolve(WATCHED, back, NOW)
    assert after.watched is None
    assert decided(after, noted(99, 4)) == []


def test_a_word_about_another_adoption_or_one_without_bounds_changes_nothing() -> None:
    assert decided(WATCHED, noted(7, 4, since=NOW - 2 * DAY)) == []
    assert decided(adopted(), noted(7, 4)) == []


def test_before_the_first_adoption_the_shipped_rules_judged() -> None:
    first = Adoption(version=1, effective_at=NOW - DAY, bounds=[RATIO], watched_until=NOW + DAY)
    state = PolicyState(versions=DRAFTED.versions, adoptions=[first])
    (back,) = decided(state, noted(7, 4))
    assert back.version == 0


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"bounds": [RATIO]}, "/watched_until"),
        ({"watched_until": NOW + DAY}, "/watched_until"),
        ({"bounds": [RATIO], "watched_until": NOW}, "/watched_until"),
        (
            {
                "bounds": [RATIO, Bound(of="a-day", type="lit", at_most=1)],
                "watched_until": NOW + DAY,
            },
            "/bounds/1/type",
        ),
    ],
)
def test_bounds_that_could_never_be_judged_are_refused(more: Any, pointer: str) -> None:
    refusal = decided(DRAFTED, AdoptPolicy(version=1, reason="now", **more))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.pointer) == ("bounds-invalid", pointer)


def test_bounds_are_kept_with_the_adoption() -> None:
    wish = AdoptPolicy(version=1, reason="now", bounds=[RATIO], watched_until=NOW + DAY)
    (event,) = decided(DRAFTED, wish)
    kept = SUBJECT.evolve(DRAFTED, event, NOW).watched
    assert kept is not None
    assert (kept.bounds, kept.watched_until) == ([RATIO], NOW + DAY)


@pytest.mark.feature("P1")
def test_two_versions_are_told_apart_field_by_field() -> None:
    state = adopted()
    (change,) = compared(toy.SERVICE, state, 1, 2)
    assert (change.path, change.before, change.after) == ("/limit", 1, 2)
    assert compared(toy.SERVICE, state, 2, 2) == []
    with pytest.raises(Fault, match="no version 3"):
        compared(toy.SERVICE, state, 3, 1)
