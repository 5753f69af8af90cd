"""What a drafted policy is refused for: the path of the fault, and the cure."""

from typing import Any

import msgspec
import pytest
from lead_intake.domain.registers import Register, SetPerson, react
from lead_intake.main import SERVICE
from lead_intake.policy import default
from perennial.contracts.base import Fact, Refusal
from perennial.contracts.registers import PersonJoined
from perennial.kit.policies import DraftPolicy, PolicyState

from tests.lead_intake.histories import NOW


def drafted(document: Any) -> Any:
    fact = Fact(data=DraftPolicy(document=document), id="f", key="k", now=NOW, time=NOW)
    return SERVICE.policy_subject.react(PolicyState(), fact, None, NOW)


def levels(low: int, high: int) -> dict[str, Any]:
    return {"holding": {"qualification": {"levels": {"2A": [low, high]}}}}


def ladder(*rungs: dict[str, Any]) -> dict[str, Any]:
    return {"turnover": {"warnings": list(rungs)}}


def period(told: str) -> dict[str, Any]:
    return {"turnover": {"rules": [{"clock": "activity", "period": told}]}}


LEVELS = "/holding/qualification/levels/2A"
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    (ladder({"rung": "a/b", "before": "5d"}), "/turnover/warnings/0/rung", "hyphens"),
    ({"pools": [{"name": "a/b"}]}, "/pools/0/name", "hyphens"),
    ({"reporting_currency": "UDS"}, "/reporting_currency", "correct the code"),
    ({"holding": {"capacity": {"window": "101d"}}}, "/holding/capacity/window", "100d or less"),
    ({"holding": {"capacity": {"window": "0d"}}}, "/holding/capacity/window", "1h or more"),
    ({"holding": {"handovers": {"window": "0h"}}}, "/holding/handovers/window", "1h or more"),
    ({"turnover": {"lease": {"period": "0d"}}}, "/turnover/lease/period", "1h or more"),
    (period("0d"), "/turnover/rules/0/period", "1h or more"),
    (period("000wd"), "/turnover/rules/0/period", "1h or more"),
    (period("-3d"), "/turnover/rules/0/period", "as 3wd"),
    (levels(4, 2), LEVELS, "lowest level first"),
    (levels(0, 2), LEVELS, "1 to 9"),
    (levels(2, 10), LEVELS, "1 to 9"),
    ({"pools": [{"name": "a"}, {"name": "a"}]}, "/pools/1/name", "another name"),
    (ladder({"rung": "x", "before": "5d"}, {"rung": "x", "before": "2d"}),
     "/turnover/warnings/1/rung", "another name"),
    (ladder({"rung": "x"}), "/turnover/warnings/0", "either"),
    (ladder({"rung": "x", "before": "1d", "share": 0.5}), "/turnover/warnings/0", "either"),
    (ladder({"rung": "x", "before": "1d", "within": "2d"}), "/turnover/warnings/0", "share"),
    (ladder({"rung": "x", "share": 1.0}), "/turnover/warnings/0/share", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "path", "cure"), FAULTS)
def test_a_draft_that_makes_no_sense_is_refused_with_path_and_cure(
    document: dict[str, Any], path: str, cure: str
) -> None:
    refused = drafted(document)

    assert isinstance(refused, Refusal)
    assert (refused.code, refused.pointer) == ("policy-invalid", f"/document{path}")
    assert cure in refused.detail


@pytest.mark.parametrize(
    "document",
    [
        msgspec.to_builtins(default()),
        period("10min"),
        period("100d"),
        levels(1, 9),
        {"holding": {"capacity": {"window": "100d"}}},
        ladder({"rung": "never", "before": "900d"}),
    ],
)
def test_a_draft_that_makes_sense_is_taken(document: dict[str, Any]) -> None:
    assert not isinstance(drafted(document), Refusal)


@pytest.mark.parametrize(
    ("level", "taken"), [(-1, False), (0, False), (1, True), (9, True), (10, False)]
)
def test_a_person_has_a_level_of_1_to_9(level: int, taken: bool) -> None:
    wish = SetPerson(entry=PersonJoined(person_id="ann", role="seller", level=level))
    decided = react(
        Register(), Fact(data=wish, id="f", key="person:ann", now=NOW, time=NOW), None, NOW
    )

    if taken:
        assert decided == [wish.entry]
    else:
        assert isinstance(decided, Refusal)
        assert (decided.kind, decided.pointer) == ("invalid", "/level")
