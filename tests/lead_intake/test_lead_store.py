"""Leads over REST from a real Postgres: filtered, counted, looked back at; and races for one name."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from lead_intake.domain.identity import lead_id

from tests.lead_intake.serving import Served

pytestmark = pytest.mark.stack

LEAD: dict[str, Any] = {"captured_at": "2026-05-01T09:00:00Z"}


async def listed(served: Served, query: str) -> list[str]:
    response = await served.client("GET", f"/leads?{query}", b"")
    assert response.status_code == 200, response.text
    return sorted(one["number"] for one in response.json()["items"])


@pytest.mark.feature("I4")
async def test_leads_are_filtered_and_counted_by_any_combination(served: Served) -> None:
    rows = [
        LEAD
        | {"lead": f"{n}", "party": f"p{n}", "channel": ("web", "fair")[n % 2]}
        | {"attributes": {"industry": ("water", "energy", "food")[n % 3], "class": "a"}}
        | {"tags": ["hot"] if n < 4 else [], "campaign": f"c{n % 2}"}
        for n in range(12)
    ]
    await served.client.bulk("/leads:bulk", rows)
    await served.client("POST", "/leads/0/ready", {})

    assert await listed(served, "channel=web&industry=water") == ["0", "6"]
    assert await listed(served, "tag=hot&industry=energy&industry=food&class=a") == ["1", "2"]
    assert await listed(served, "stage=waiting&campaign=c0&grade=1A") == ["0"]
    count = (await served.client("GET", "/leads/counts?by=industry&channel=fair", b"")).json()
    assert {one["value"]: one["leads"] for one in count["items"]} == {
        "energy": 2, "food": 2, "water": 2,
    }  # fmt: skip
    first = (await served.client("GET", "/leads?limit=7", b"")).json()
    rest = await served.client("GET", f"/leads?limit=7&cursor={first['next_cursor']}", b"")
    numbers = [one["number"] for one in (*first["items"], *rest.json()["items"])]
    assert len(numbers) == len(set(numbers)) == 12
    unknown = await served.client("GET", "/leads?colour=red", b"")
    assert unknown.status_code == 422


async def test_a_lead_is_shown_as_it_stood_and_why(served: Served) -> None:
    await served.client("POST", "/leads", LEAD | {"lead": "1", "person": {"email": "a@b.example"}})
    before = served.now().isoformat().replace("+00:00", "Z")
    served.later(timedelta(hours=1))
    lost = {"closed_at": "2026-06-01T09:00:00Z", "outcome": "lost", "reason": "price"}
    await served.client("POST", "/leads/1/close", lost)

    now = (await served.client("GET", "/leads/1", b"")).json()
    then = (await served.client("GET", f"/leads/1?as_of={before}", b"")).json()
    told = (await served.client("GET", "/leads/1/explain", b"")).json()["items"]
    others = await served.client("GET", "/leads/1", b"", role="seller")

    assert (now["stage"], now["reason"], then["stage"]) == ("lost", "price", "nurture")
    assert [one["type"].split(".")[2] for one in told] == ["captured", "lost"]
    assert all(one["receipt"]["policy"] for one in told)
    assert "b.example" not in str((now, told))
    assert others.status_code == 404


async def test_who_races_for_one_name_finds_the_winner(served: Served) -> None:
    """Forty at once, each under a party id of its own, all with one e-mail: one party."""
    person = {"email": "ann@acme.example"}
    wishes = [
        served.client(
            "POST", "/leads", LEAD | {"lead": f"r{n}", "party": f"r{n}", "person": person}
        )
        for n in range(20)
    ]
    order = {"placed_at": "2026-05-01T09:00:00Z", "currency": "USD", "total": 1, "person": person}
    wishes += [
        served.client("POST", "/orders", order | {"order": f"o{n}", "customer": f"o{n}"})
        for n in range(20)
    ]
    answers = await asyncio.gather(*wishes)

    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["customer_id"] for one in answers}) == 1


@pytest.mark.feature("I3")
async def test_each_lead_of_a_party_opens_the_contact_data_that_came_with_it(
    served: Served,
) -> None:
    person = {"email": "ann@acme.example", "name": "Ann"}
    await served.client("POST", "/leads", LEAD | {"lead": "1", "party": "crm-1", "person": person})
    again = LEAD | {"lead": "2", "party": "web-2", "source": "web", "kind": "renewal"}
    await served.client("POST", "/leads", again | {"person": person | {"name": "Ann B."}})

    for lead, name in (("1", "Ann"), (lead_id("web", "2"), "Ann B.")):
        shown = await served.client("POST", f"/leads/{lead}/contact", {})
        assert shown.json()["contact"]["person"]["name"] == name


async def test_a_person_declines_what_is_proposed(served: Served) -> None:
    for number, person in (("1", {"email": "a@b.example"}), ("2", {"phone": "+4930999999"})):
        await served.client(
            "POST", "/leads", LEAD | {"lead": number, "party": number, "person": person}
        )
    both = {"email": "a@b.example", "phone": "+4930999999"}
    await served.client("POST", "/leads", LEAD | {"lead": "3", "party": "3", "person": both})

    [proposal] = (await served.client("GET", "/merge-proposals", b"")).json()["items"]
    path = f"/merge-proposals/{proposal['customer_id']}/{proposal['other']}/decline"
    declined = await served.client("POST", path, {"reason": "a shared desk"})
    again = await served.client("POST", path, {"reason": "a shared desk"})

    assert proposal["shared"] == ["phone"]
    assert (declined.status_code, again.status_code) == (201, 200)
    assert (await served.client("GET", "/merge-proposals", b"")).json()["items"] == []
