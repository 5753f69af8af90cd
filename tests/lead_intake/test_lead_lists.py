"""Leads in lists and counts, over REST and a real Postgres."""

from typing import Any

import pytest

from tests.lead_intake.serving import Served

pytestmark = pytest.mark.stack

LEAD: dict[str, Any] = {"captured_at": "2026-05-30T09:00:00Z"}
CHANNELS = ("referral", "sms")


async def captured(served: Served, count: int) -> list[str]:
    """Every other one asks for a call, and so waits for a seller."""
    rows = [
        LEAD
        | {
            "lead": f"L{n}",
            "party": f"p{n // 2}",
            "channel": CHANNELS[n % 2],
            "wants_call": n % 2 == 0,
        }
        for n in range(count)
    ]
    return [row["lead_id"] for row in await served.client.bulk("/leads:bulk", rows)]


async def listed(served: Served, query: str) -> list[dict[str, Any]]:
    """All pages."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await served.client("GET", f"/leads?{query}{cursor}", None)).json()
        found += page["items"]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def test_lists_go_through_all_leads_once_and_filters_keep_what_they_name(
    served: Served,
) -> None:
    known = await captured(served, 10)

    everything = await listed(served, "limit=3")
    waiting = await listed(served, "limit=3&stage=waiting")

    assert [row["lead_id"] for row in everything] == sorted(known)
    assert {row["lead_id"] for row in waiting} == set(known[::2])
    assert {row["channel"] for row in waiting} == {"referral"}
    assert await listed(served, "stage=waiting&channel=sms") == []
    assert {row["holder"] for row in await listed(served, "channel=sms")} == {"market"}


async def test_counts_and_one_lead_agree_with_the_list(served: Served) -> None:
    known = await captured(served, 10)
    await served.client("PUT", "/registers/people/carl", {"role": "seller", "level": 2})
    await served.client("POST", f"/leads/{known[0]}/assign", {"person": "carl"})

    stages = (await served.client("GET", "/leads/counts?by=stage", None)).json()["items"]
    holders = (await served.client("GET", "/leads/counts?by=holder&stage=held", None)).json()[
        "items"
    ]
    lead = (await served.client("GET", f"/leads/{known[0]}", None)).json()

    assert {row["value"]: row["leads"] for row in stages} == {"held": 1, "nurture": 5, "waiting": 4}
    assert holders == [{"value": "carl", "leads": 1}]
    assert await listed(served, "holder=carl") == [lead]
    assert (lead["holder"], lead["holdings"][-1]["how"]) == ("carl", "person")
    assert (await served.client("GET", "/leads/lffffffffffffffffffffffff", None)).status_code == 404


async def counted(served: Served, query: str) -> dict[str, int]:
    rows = (await served.client("GET", f"/leads/counts?{query}", None)).json()["items"]
    return {row["value"]: row["leads"] for row in rows}


@pytest.mark.feature("I4")
async def test_leads_are_listed_and_counted_by_the_holder_that_they_show(served: Served) -> None:
    known = await captured(served, 10)
    await served.client("PUT", "/registers/people/carl", {"role": "seller", "level": 2})
    await served.client("POST", f"/leads/{known[0]}/assign", {"person": "carl"})
    await served.client("POST", f"/leads/{known[2]}/pool", {})
    expected = {"": 1, "carl": 1, "head-of-sales": 3, "market": 5}

    assert await counted(served, "by=holder") == expected
    for holder, leads in expected.items():
        found = await listed(served, f"limit=2&holder={holder}")
        assert [row.get("holder", "") for row in found] == [holder] * leads
    assert len(await listed(served, "holder=market&holder=carl")) == 6
    assert await counted(served, "by=stage&holder=market") == {"nurture": 5}
    seen = await served.client("GET", "/leads?holder=market", None, role="seller")
    assert seen.json()["items"] == []


async def test_leads_are_counted_by_each_of_their_tags(served: Served) -> None:
    for number, tags in enumerate((["hot", "big"], ["hot"], [])):
        lead = LEAD | {"lead": f"L{number}", "party": f"p{number}", "tags": tags}
        await served.client("POST", "/leads", lead)

    assert await counted(served, "by=tag") == {"big": 1, "hot": 2}


@pytest.mark.parametrize(
    ("filters", "pointer", "allowed"),
    [
        ("stage=bogus", "/query/stage/0", "'waiting'"),
        ("grade=1A&grade=9Z", "/query/grade/1", "'5A'"),
        ("kind=bogus", "/query/kind/0", "'renewal'"),
    ],
)
async def test_a_filter_that_no_lead_can_meet_is_refused_with_what_there_is(
    served: Served, filters: str, pointer: str, allowed: str
) -> None:
    for path in ("/leads", "/leads/counts", "/leads/credit"):
        answer = await served.client("GET", f"{path}?{filters}", None)
        (fault,) = answer.json()["errors"]
        assert (answer.status_code, fault["pointer"]) == (422, pointer)
        assert allowed in fault["message"]


@pytest.mark.feature("I11")
async def test_a_pool_that_is_not_there_is_no_empty_one(served: Served) -> None:
    empty = await served.client("GET", "/pools/public/leads", None)
    stray = await served.client("GET", "/pools/nonsense/leads", None)

    assert (empty.status_code, empty.json()["items"]) == (200, [])
    assert (stray.status_code, stray.json()["code"]) == (404, "pool-unknown")
    assert "public" in stray.json()["detail"]
