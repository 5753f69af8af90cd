"""What was set aside, chosen and grouped as a person on call thinks of it."""

from typing import Any

import pytest
from perennial_cli.parked import by_service, grouped, matches


def parked(number: int, reason: str = "malformed", **more: Any) -> dict[str, Any]:
    return {
        "fact": f"scoring/{number}",
        "service": "scoring",
        "id": number,
        "state": "parked",
        "reason": reason,
        "error": "no currency (at /currency)",
        "key": "c1",
        "parked_at": f"1998-01-{number:02d}T00:00:00Z",
    } | more


def test_one_line_a_reason_with_the_oldest_and_an_example() -> None:
    found = [parked(4), parked(2), parked(3, "KeyError"), parked(5, state="waiting")]
    lines = grouped(found)
    assert [(one["reason"], one["state"], one["facts"]) for one in lines] == [
        ("malformed", "parked", 2),
        ("KeyError", "parked", 1),
        ("malformed", "waiting", 1),
    ]
    assert lines[0]["oldest"] == "1998-01-02T00:00:00Z"
    assert lines[0]["example"] == "scoring/4"


@pytest.mark.parametrize(
    ("facts", "reason", "key", "taken"),
    [
        (set(), "", "", True),
        ({"scoring/1"}, "", "", True),
        ({"lifecycle/1"}, "", "", False),
        (set(), "MALFORMED", "", True),
        (set(), "currency", "", True),
        (set(), "timeout", "", False),
        (set(), "", "c1", True),
        (set(), "", "c", False),
    ],
)
def test_facts_are_chosen_by_all_that_is_named(
    facts: set[str], reason: str, key: str, taken: bool
) -> None:
    assert matches(parked(1), facts, reason, key) is taken


def test_each_service_is_asked_for_its_own() -> None:
    found = [parked(2), parked(1), parked(9, service="lifecycle")]
    assert by_service(found) == [("lifecycle", [9]), ("scoring", [2, 1])]
