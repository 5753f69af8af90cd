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
