"""The customer's protection over REST and a real Postgres: refusals with their date, and rounds."""

from datetime import timedelta
from typing import Any

import pytest
from lead_intake.jobs import hold_rounds

from tests.lead_intake.serving import Served
from tests.lead_intake.test_holdings import leads, post, sellers

pytestmark = [pytest.mark.stack, pytest.mark.feature("T1")]
DAY = timedelta(days=1)


async def log(served: Served, lead: str, kind: str, word: str) -> Any:
    said = {"activity": word, "kind": kind, "at": served.now().isoformat()}
    answer = await post(served, f"/leads/{lead}/activities", said)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def plan(served: Served, lead: str, word: str, ahead: timedelta) -> Any:
    said = {"activity": word, "kind": "visit", "at": (served.now() + ahead).isoformat()}
    return await post(served, f"/leads/{lead}/contacts", said)


async def shown(served: Served, path: str) -> Any:
    return (await served.client("GET", path, b"")).json()


async def test_a_week_holds_three_contacts_and_the_next_date_is_shown(served: Served) -> None:
    await sellers(served, "ann")
    (lead,) = await leads(served, 1)
    await post(served, f"/leads/{lead}/assign", {"person": "ann"})
    await log(served, lead, "call-connected", "a1")
    planned = [await plan(served, lead, f"a{day}", day * DAY) for day in (2, 3, 4)]

    assert [answer.status_code for answer in planned] == [201, 201, 409]
    free = (served.now() + 7 * DAY).isoformat()
    assert planned[-1].json()["code"] == "contacts-used-up"
    assert free in planned[-1].json()["detail"]
    said = await shown(served, f"/leads/{lead}/contacts")
    assert (len(said["made"]), len(said["planned"]), said["most"]) == (1, 2, 3)
    assert said["barred_by"] == "contacts-used-up"
    assert said["free_from"] == free.replace("+00:00", "Z")

    told = [await log(served, lead, "visit", word) for word in ("unplanned", "more", "too-much")]
    assert [answer.get("against", []) for answer in told] == [[], [], ["contacts-used-up"]]


async def test_rounds_wait_for_the_end_of_peace_and_for_the_answer_to_a_complaint(
    served: Served,
) -> None:
    await sellers(served, "ann", "bo")
    one, other = await leads(served, 2)
    await post(served, f"/leads/{one}/assign", {"person": "ann"})
    await log(served, one, "call-connected", "a1")
    await post(served, f"/leads/{one}/release", {"reason": "no fit"})
    await log(served, other, "complaint", "a2")

    assert await hold_rounds(served) == 1
    assert await hold_rounds(served) == 0
    rested, spared = [await shown(served, f"/leads/{lead}") for lead in (one, other)]
    until = (served.now() + 5 * DAY).isoformat().replace("+00:00", "Z")
    assert (rested["stage"], rested["barred_until"]) == ("nurture", until)
    assert (spared["stage"], spared["queued"]) == ("waiting", "protected")
    refused = await post(served, f"/leads/{other}/assign", {"person": "ann"})
    assert (refused.status_code, refused.json()["code"]) == (409, "complaint-open")

    await log(served, other, "complaint-answered", "a3")
    assert await hold_rounds(served) == 1
    assert (await shown(served, f"/leads/{other}"))["stage"] == "held"
