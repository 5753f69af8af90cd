"""The rules over the recorded facts once more: the same by the live policy, told by another, kept, adopted."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import House
from tests.e2e.test_vein import rhythm

pytestmark = pytest.mark.feature("P6")

SERVICE = "notifications"


async def test_the_live_rules_decide_all_of_it_the_same_again(house: House) -> None:
    await rhythm(house)
    await house.live(8)

    told = await house.perennial("whatif")

    (report,) = told.rows
    counted = {one["service"]: (one["decisions"], one["same"]) for one in report["services"]}
    assert told.code == 0, [one["differing"][:3] for one in report["services"]]
    assert all(decisions == same > 0 for decisions, same in counted.values()), counted


async def test_a_draft_is_tried_over_rest_kept_and_adopted(house: House) -> None:
    document = (await house.get(SERVICE, "/v1/policy"))["document"]
    document["kinds"]["red-light"]["severity"] = "warning"
    drafted = await house.ask("POST", SERVICE, "/v1/policy/drafts", {"document": document})
    version = drafted.json()["version"]
    untried = await house.ask("POST", SERVICE, "/v1/policy/adoptions", {"version": version})
    assert (untried.status_code, untried.json()["code"]) == (409, "policy-untried")

    before = {"version": version, "ends": "1990-01-01T00:00:00Z"}
    asked = await house.ask("POST", SERVICE, "/v1/whatif", before)
    assert "says nothing" in (await _done(house, asked.headers["location"]))["fault"]
    untried = await house.ask("POST", SERVICE, "/v1/policy/adoptions", {"version": version})
    assert untried.json()["code"] == "policy-untried"

    asked = await house.ask("POST", SERVICE, "/v1/whatif", {"version": version})
    assert asked.status_code == 202, asked.text
    found = await _done(house, asked.headers["location"])

    (mine,) = found["report"]["services"]
    assert found["state"] == "done", found["fault"]
    assert "changed" in {one["what"] for one in mine["differing"]}
    assert mine["same"] < mine["decisions"]
    await house.settle()
    adopted = await house.ask("POST", SERVICE, "/v1/policy/adoptions", {"version": version})
    assert adopted.status_code == 201, adopted.text
    await house.live(1)
    back = await house.ask("POST", SERVICE, "/v1/policy/adoptions", {"version": 0})
    assert back.status_code == 201, back.text
    await house.live(1)


async def test_what_is_no_policy_is_told_where_it_is_none(house: House) -> None:
    asked = await house.ask("POST", SERVICE, "/v1/whatif", {"document": {"kinds": 3}})
    found = await _done(house, asked.headers["location"])
    assert (found["state"], "kinds" in found["fault"]) == ("failed", True)


async def test_a_shadow_judges_beside_the_living_rules(house: House) -> None:
    document = (await house.get(SERVICE, "/v1/policy"))["document"]
    document["kinds"]["red-light"]["severity"] = "info"
    wish = {"document": document, "shadow": True}
    place = (await house.ask("POST", SERVICE, "/v1/whatif", wish)).headers["location"]
    await _until(house, place, lambda found: found["state"] == "shadowing")
    key = await rhythm(house)
    await house.live(8)

    def judged(found: Any) -> bool:
        report = found["report"]
        return bool(report) and key in [o["key"] for o in report["services"][0]["differing"]]

    await _until(house, place, judged)
    ended = await house.ask("DELETE", SERVICE, place)
    assert ended.json()["state"] == "ended"


async def test_a_decision_is_a_test_that_runs(house: House, tmp_path: Path) -> None:
    key = await rhythm(house)
    await house.live(8)
    raised = [one for one in await house.events("alerts.v1", key) if "raised" in one.type]
    file = tmp_path / "test_box.py"

    told = await house.perennial("export-decision", raised[0].id, "--to", str(file))

    assert told.code == 0, told.errors
    assert await _pytest(file) == 0
    text = file.read_text()
    policy, case = text.split("CASE = ", 1)
    assert "'critical'" in policy
    file.write_text("CASE = ".join([policy.replace("'critical'", "'info'"), case]))
    assert await _pytest(file) == 1


async def _done(house: House, place: str) -> Any:
    return await _until(house, place, lambda found: found["state"] in ("done", "failed"))


async def _until(house: House, place: str, reached: Any) -> Any:
    async with asyncio.timeout(300):
        while not reached(found := await house.get(SERVICE, place)):
            assert found["state"] != "failed" or not found["fault"].startswith("the what-if"), found
            await asyncio.sleep(0.2)
    return found


async def _pytest(file: Path) -> int:
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(file.parent), file)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, words), stdout=asyncio.subprocess.DEVNULL
    )
    return await process.wait()
