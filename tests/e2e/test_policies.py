"""Policy is data: drafted, refused with the path of the fault, adopted for a time to come, rolled back."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.house import DAY, House
from tests.e2e.test_vein import rhythm

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.feature("P1")


@pytest.mark.parametrize(
    ("service", "path", "value"),
    [
        ("lifecycle", ("winback", "deadline_days"), "soon"),
        ("scoring", ("churn", "at_risk_below"), "low"),
        ("notifications", ("kinds", "red-light", "severity"), "terrible"),
        ("lead-intake", ("reporting_currency",), "dollars"),
    ],
)
async def test_an_invalid_policy_is_refused_with_the_path_of_the_fault(
    house: House, service: str, path: tuple[str, ...], value: str
) -> None:
    document = (await house.get(service, "/v1/policy"))["document"]
    _at(document, path[:-1])[path[-1]] = value

    answer = await house.ask("POST", service, "/v1/policy/drafts", {"document": document})

    assert (answer.status_code, answer.json()["code"]) == (422, "policy-invalid")
    assert path[-1] in answer.text or path[-2] in answer.text
    assert not (await house.get(service, "/v1/policy"))["versions"]


async def test_an_adopted_policy_judges_from_its_time_on(house: House, tmp_path: Path) -> None:
    shown = await house.perennial("policy", "show", "notifications")
    document = yaml.safe_load(shown.text)
    document["kinds"]["red-light"]["respond_within"] = "6h"
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(document))
    early = await _lit(house)

    drafted = await house.perennial("policy", "draft", "notifications", str(file), "--note", "try")
    version = drafted.rows[0]["version"]
    when = house.now + 10 * DAY
    words = ("policy", "adopt", "notifications", str(version), "--at", when.isoformat())
    adopted = await house.perennial(*words, "--reason", "calls come too late")
    assert adopted.code == 0, adopted.errors
    before = (await house.get("notifications", "/v1/policy"))["in_force"]
    await house.live_until(when)

    assert (await house.get("notifications", "/v1/policy"))[
        "in_force"
    ] == f"notifications@{version}"
    assert before == "notifications@0"
    late = await _lit(house)
    assert (_patience(early), _patience(late)) == (24 * HOUR, 6 * HOUR)
    why = await house.get("notifications", f"/v1/alerts/{late['id']}/explain")
    assert why["items"][0]["receipt"]["policy"] == f"notifications@{version}"

    back = {"version": 0, "reason": "as it was"}
    answer = await house.ask("POST", "notifications", "/v1/policy/adoptions", back)
    assert answer.status_code == 201, answer.text
    await house.live(1)
    assert (await house.get("notifications", "/v1/policy"))["in_force"] == "notifications@0"
    history = await house.get("notifications", "/v1/policy/history")
    assert [one["type"] for one in history["items"]].count("perennial.policy.adopted.v1") == 2


async def test_two_versions_are_told_apart_field_by_field(house: House) -> None:
    document = (await house.get("notifications", "/v1/policy"))["document"]
    document["kinds"]["red-light"]["respond_within"] = "5h"
    drafted = await house.ask("POST", "notifications", "/v1/policy/drafts", {"document": document})
    version = drafted.json()["version"]

    told = await house.perennial("policy", "diff", "notifications", "0", str(version))

    assert told.code == 0, told.errors
    paths = [(one["path"], one["before"], one["after"]) for one in told.rows]
    assert paths == [("/kinds/red-light/respond_within", "1d", "5h")]
    unknown = {"before": 0, "after": version + 1}
    answer = await house.ask("GET", "notifications", "/v1/policy/diff", query=unknown)
    assert answer.status_code == 404


@pytest.mark.feature("P6")
async def test_a_version_that_breaks_its_bounds_gives_way_to_the_one_before(
    house: House, tmp_path: Path
) -> None:
    before = await house.get("notifications", "/v1/policy")
    document = before["document"]
    document["kinds"]["red-light"]["severity"] = "warning"
    drafted = await house.ask("POST", "notifications", "/v1/policy/drafts", {"document": document})
    version = drafted.json()["version"]
    file = tmp_path / "bounds.yaml"
    until = house.now + 90 * DAY
    alike = {"of": "ratio", "type": "perennial.alert.raised.v1", "at_most": 1}
    bounds = [alike, {"of": "otherwise", "type": "perennial.alert.raised.v1", "at_most": 0}]
    file.write_text(yaml.safe_dump({"watched_until": until, "bounds": bounds}))
    words = ("policy", "adopt", "notifications", str(version), "--bounds", str(file))
    adopted = await house.perennial(*words, "--reason", "calmer words")
    assert adopted.code == 0, adopted.errors
    await house.live(1)
    assert await _in_force(house) == f"notifications@{version}"

    alert = await _lit(house)
    assert alert["severity"] == "warning"
    back = await _adopted_since(house, len(before["adoptions"]) + 1)

    number = len(before["adoptions"]) + 1
    assert (back["by"], "notifications@" + str(back["version"])) == (
        "notifications",
        before["in_force"],
    )
    broke = f"@{version} broke its bounds: perennial.alert.raised.v1: "
    assert back["reason"].startswith(broke)
    assert back["reason"].endswith(" otherwise than by the former version, at most 0")
    await house.live(1)
    assert await _in_force(house) == before["in_force"]
    assert (await _lit(house))["severity"] == "critical"
    watch = await house.get("notifications", f"/v1/whatif/watch-{number}")
    assert watch["state"] == "broken"
    assert watch["report"]["perennial.alert.raised.v1"]["otherwise"] >= 1
    shown = await house.perennial("policy", "show", "notifications")
    assert "broke its bounds" in shown.text
    events = await house.events("policies.notifications.v1", "notifications")
    assert [one.type for one in events][-2:] == ["perennial.policy.adopted.v1"] * 2


async def test_no_policy_takes_effect_in_the_past(house: House) -> None:
    wish = {"version": 0, "effective_at": (house.now - DAY).isoformat()}
    answer = await house.ask("POST", "lifecycle", "/v1/policy/adoptions", wish)
    assert (answer.status_code, answer.json()["code"]) == (422, "policy-too-early")


async def _in_force(house: House) -> str:
    return str((await house.get("notifications", "/v1/policy"))["in_force"])


async def _adopted_since(house: House, number: int) -> dict[str, Any]:
    """The adoption behind so many, once it is there."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while len(found) <= number:
            await asyncio.sleep(0.2)
            found = (await house.get("notifications", "/v1/policy"))["adoptions"]
    return found[number]


async def _lit(house: House) -> dict[str, Any]:
    """The alert of a customer gone silent."""
    key = await rhythm(house)
    await house.live(8)
    (alert,) = await house.items("notifications", "/v1/alerts", customer=key, kind="red-light")
    found: dict[str, Any] = alert
    return found


def _patience(alert: dict[str, Any]) -> timedelta:
    raised, by = alert["raised_at"], alert["respond_by"]
    return datetime.fromisoformat(by) - datetime.fromisoformat(raised)


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        document = document[step]
    return document
