"""A policy that is refused is told where its fault is and what would be right there."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import import_module
from types import NoneType
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
import pytest
from msgspec import Meta, inspect
from perennial.contracts.base import Fact, Refusal
from perennial.contracts.platform import SERVICES
from perennial.contracts.rightly import fault_of, sample
from perennial.kit.policies import DraftPolicy, default_document, policy_subject

pytestmark = pytest.mark.feature("P6")

Span = Annotated[str, Meta(pattern=r"^\d{1,5}(s|m|h|d)$")]


class Rung(msgspec.Struct, forbid_unknown_fields=True):
    after: Span
    share: Annotated[float, Meta(ge=0, le=1)] = 0.5


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    days: Annotated[int, Meta(ge=1, le=3650)]
    factor: Annotated[float, Meta(gt=1)] = 2.0
    least: Annotated[int, Meta(le=9)] = 9
    part: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    strict: bool = False
    since: date | None = None
    at: datetime | None = None
    tier: Literal["gold", "silver"] = "gold"
    name: Annotated[str, Meta(min_length=2, max_length=8)] = "ab"
    ladder: Annotated[list[Rung], Meta(min_length=1, max_length=3)] = []
    kinds: dict[str, Rung] = {}
    by_tier: dict[Literal["gold", "silver"], int] = {}
    rows: list[tuple[float, int]] = []


FAULTS = [
    ({"days": 0}, "/days", "is below 1 (at /days); right is a whole number from 1 to 3650, as 1"),
    ({}, "/days", "right is a whole number from 1 to 3650, as 1"),
    ({"factor": 1}, "/factor", "right is a number above 1, as 2"),
    ({"least": 10}, "/least", "right is a whole number of at most 9, as 9"),
    ({"part": 1}, "/part", "right is a number above 0 and below 1, as 0.5"),
    ({"strict": "yes"}, "/strict", "right is true or false, as true"),
    ({"since": 7}, "/since", 'right is a day, as "2026-01-31"'),
    ({"at": "noon"}, "/at", 'right is a time with its offset, as "2026-01-31T09:00:00Z"'),
    ({"tier": 1}, "/tier", 'right is one of gold, silver, as "gold"'),
    ({"tier": "tin"}, "/tier", "known are gold, silver (at /tier)"),
    ({"name": "abcdefghi"}, "/name", "right is a text of 2 to 8 characters"),
    ({"ladder": []}, "/ladder", 'a list of 1 to 3 items, each an object, as [{"after":"30m"}]'),
    ({"ladder": [{"after": "soon"}]}, "/ladder/0/after", 'its unit (s, m, h, d), as "30m"'),
    ({"kinds": {"a": {"after": "1d"}, "b": {"after": "1d", "share": 2}}}, "/kinds/b/share",
     "is above 1.0 (at /kinds/b/share); right is a number from 0 to 1, as 0"),
    ({"kinds": {"b": {}}}, "/kinds/b/after", 'as "30m"'),
    ({"kinds": {"b": {"after": "1d", "shar": 1}}}, "/kinds/b/shar", "known here are after, share"),
    ({"by_tier": {"tin": 1}}, "/by_tier", "known are gold, silver"),
    ({"by_tier": {"silver": "x"}}, "/by_tier/silver", "right is a whole number, as 1"),
    ({"rows": [[1, "x"]]}, "/rows/0/1", "right is a whole number, as 1"),
    ({"rows": [[1]]}, "/rows/0", "a list of 2: a number, a whole number, as [1.5,1]"),
]  # fmt: skip


@pytest.mark.parametrize(("otherwise", "path", "cure"), FAULTS)
def test_a_fault_is_told_with_its_place_and_what_is_right_there(
    otherwise: dict[str, Any], path: str, cure: str
) -> None:
    document = ({"days": 3} if otherwise else {}) | otherwise
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(document, Rules)
    pointer, told = fault_of(caught.value, document, Rules)
    assert pointer == path
    assert cure in told


def test_a_refused_draft_says_what_would_be_right() -> None:
    wish = DraftPolicy(document={"days": 4000})
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    fact = Fact(data=wish, id="w", key="toy", now=moment, time=moment)
    refused = policy_subject("scoring", Rules).react(None, fact, None, moment)
    assert isinstance(refused, Refusal)
    assert refused.pointer == "/document/days"
    assert refused.detail.endswith("right is a whole number from 1 to 3650, as 1")


@pytest.mark.parametrize("service", SERVICES)
def test_every_example_for_a_shipped_rule_would_be_taken(service: str) -> None:
    policy = import_module(f"{service.replace('-', '_')}.main").SERVICE.policy
    hints = list(_hints(policy, set()))
    assert len(hints) > 10
    for hint in hints:
        msgspec.convert(sample(inspect.type_info(hint)), hint)


def test_a_zone_that_is_none_is_a_fault_of_the_draft() -> None:
    policy = import_module("scoring.main").SERVICE.policy
    document = default_document("scoring") | {"timezone": "Mars/Olympus"}
    with pytest.raises(msgspec.ValidationError, match="Europe/Berlin"):
        msgspec.convert(document, policy)


def _hints(kind: type, seen: set[type]) -> Iterator[Any]:
    """The types of all plain fields of a form, and of the forms within it."""
    seen.add(kind)
    for hint in get_type_hints(kind, include_extras=True).values():
        inner = [one.cls for one in _structs(inspect.type_info(hint))]
        if not inner and hint is not NoneType:
            yield hint
        for one in inner:
            if one not in seen:
                yield from _hints(one, seen)


def _structs(place: Any) -> Iterator[inspect.StructType]:
    if isinstance(place, inspect.StructType):
        yield place
    for name in ("types", "item_types"):
        for one in getattr(place, name, ()):
            yield from _structs(one)
    for name in ("item_type", "key_type", "value_type", "type"):
        if (one := getattr(place, name, None)) is not None:
            yield from _structs(one)
