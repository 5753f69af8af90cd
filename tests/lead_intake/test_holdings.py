"""Who holds what, over REST and a real Postgres: races, limits under load, and every past."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from lead_intake.jobs import hold_rounds
from lead_intake.store import StoredMarket, untold

from tests.lead_intake.serving import Served

pytestmark = pytest.mark.stack

LEAD: dict[str, Any] = {"captured_at": "2026-05-30T09:00:00Z", "wants_call": True}
DAY = timedelta(days=1)


async def sellers(served: Served, *names: str, **limits: int) -> None:
    for name in names:
        entry = {"role": "seller", "level": 2}
        put = await served.client("PUT", f"/registers/people/{name}", entry)
        assert put.status_code == 201, put.text
        if limits:
            path = f"/registers/people/{name}/capacity"
            await served.client("POST", path, {"days": 30, **limits})


async def leads(served: Served, count: int) -> list[str]:
    """Leads that wait for a seller; their ids."""
    rows = [LEAD | {"lead": f"L{n}", "party": f"p{n}"} for n in range(count)]
    results = await served.client.bulk("/leads:bulk", rows)
    assert {row["status"] for row in results} == {"accepted"}
    return [row["lead_id"] for row in results]


async def post(served: Served, path: str, body: Any = None) -> Any:
    return await served.client("POST", path, body if body is not None else {})


async def pooled(served: Served, found: list[str]) -> None:
    for lead in found:
        assert (await post(served, f"/leads/{lead}/pool")).status_code == 201
    served.later(DAY)


@pytest.mark.feature("I11")
async def test_a_thousand_claimers_of_a_hundred_leads_make_a_hundred_holders(
    served: Served,
) -> None:
    """Conformance 2: each refusal names the winner's time."""
    staff = [
        {"register": "people", "id": f"s{n}", "role": "seller", "level": 2} for n in range(1_000)
    ]
    await served.client.bulk("/registers:bulk", staff)
    found = await leads(served, 100)
    await pooled(served, found)

    answers = await asyncio.gather(*(
        post(served, f"/pools/public/leads/{found[n % 100]}/claim", {"person": f"s{n}"})
        for n in range(1_000)
    ))  # fmt: skip

    won = [answer.json() for answer in answers if answer.status_code == 201]
    lost = [answer.json() for answer in answers if answer.status_code != 201]
    assert {answer["lead_id"] for answer in won} == set(found)
    assert len({answer["holder"] for answer in won}) == len(won) == 100
    assert {answer["code"] for answer in lost} == {"claimed-already"}
    assert all(served.now().isoformat() in answer["detail"] for answer in lost)


@pytest.mark.feature("I9")
async def test_before_full_desks_a_round_tells_each_waiting_lead_once_and_the_next_too(
    served: Served,
) -> None:
    await sellers(served, "ann", open=2, inflow=2)
    market = StoredMarket(served.pool)
    await leads(served, 4)
    assert await hold_rounds(served) == 4
    assert await hold_rounds(served) == 0
    assert not await untold(served.pool, served.now())

    await served.client.bulk("/leads:bulk", [LEAD | {"lead": "late", "party": "late"}])
    assert await untold(served.pool, served.now())
    assert await hold_rounds(served) == 1
    assert await hold_rounds(served) == 0
    told = [lead.queued for _, party in await market.waiting() for lead in party.leads.values()]
    assert told == ["no-capacity"] * 3


@pytest.mark.feature("I8")
async def test_no_limit_breaks_when_rounds_claims_and_leavers_come_at_once(served: Served) -> None:
    """Conformance 2 and 14: assignments by people, claims and re-holding race for the same sellers."""
    names = [f"s{n}" for n in range(6)]
    await sellers(served, *names, open=5, inflow=6)
    found = await leads(served, 60)
    await pooled(served, found[:30])
    for lead in found[30:35]:
        await post(served, f"/leads/{lead}/assign", {"person": "s0"})
    await post(served, "/registers/people/s0/leave")

    claims = [
        post(served, f"/pools/public/leads/{lead}/claim", {"person": name})
        for lead in found[:30]
        for name in names[1:]
    ]
    given = [
        post(served, f"/leads/{lead}/assign", {"person": names[1 + n % 5]})
        for n, lead in enumerate(found[35:])
    ]
    estate = post(served, "/people/s0/leads:rehold", {"to": names[1:]})
    *_, report = await asyncio.gather(*claims, *given, estate)

    told = report.json()["items"]
    assert {row["lead_id"] for row in told} == set(found[30:35])
    assert all(row["stage"] in ("held", "waiting") and "error" not in row for row in told)
    ledgers = [(await served.client("GET", f"/sellers/{name}", b"")).json() for name in names]
    assert ledgers[0]["open"] == 0
    assert [(one["open"], one["free"]) for one in ledgers[1:]] == [(5, 0)] * 5


@pytest.mark.feature("I3")
async def test_a_leavers_leads_are_held_again_in_one_call(served: Served) -> None:
    await sellers(served, "ann", "bo")
    await served.client(
        "POST", "/registers/people/bo/capacity", {"days": 30, "open": 2, "inflow": 9}
    )
    found = await leads(served, 3)
    for lead in found:
        assert (await post(served, f"/leads/{lead}/assign", {"person": "ann"})).status_code == 201
    await post(served, "/registers/people/ann/leave", {"successor": "bo"})

    report = (await post(served, "/people/ann/leads:rehold")).json()["items"]

    assert sorted(row["holder"] for row in report if "holder" in row) == ["bo", "bo"]
    assert [row["stage"] for row in report if "holder" not in row] == ["waiting"]
    assert (await post(served, "/people/ann/leads:rehold")).json()["items"] == []


async def test_holdings_are_shown_as_they_stand_and_as_they_stood(served: Served) -> None:
    await sellers(served, "ann", "bo")
    first, second = await leads(served, 2)
    await post(served, f"/leads/{first}/assign", {"person": "ann"})
    served.later(DAY / 4)
    await post(served, f"/leads/{second}/assign", {"person": "ann"})
    served.later(DAY / 4)
    await post(served, f"/leads/{first}/assign", {"person": "bo"})

    async def held(person: str, at: str = "") -> set[str]:
        told = await served.client("GET", f"/sellers/{person}/holdings{at}", b"")
        return {row["lead_id"] for row in told.json()["items"]}

    assert (await held("ann"), await held("bo")) == ({second}, {first})
    assert await held("ann", "?as_of=2026-06-01T03:00:00Z") == {first}
    assert await held("ann", "?as_of=2026-06-01T09:00:00Z") == {first, second}
    assert await held("ann", "?as_of=2026-05-31T12:00:00Z") == set()
    ann = (await served.client("GET", "/sellers/ann", b"")).json()
    assert (ann["open"], ann["inflow"], ann["free"]) == (1, 2, 8)
    assert [gain["counts_until"] for gain in ann["gains"]] == [
        "2026-07-01T00:00:00Z",
        "2026-07-01T06:00:00Z",
    ]
    moves = (await served.client("GET", f"/leads/{first}/moves", b"")).json()["items"]
    assert [(move["what"], move.get("holder", "")) for move in moves] == [
        ("waiting", ""),
        ("assigned", "ann"),
        ("assigned", "bo"),
    ]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/customers/nobody/orders", "customer-unknown"),
        ("/leads/nothing/moves", "lead-unknown"),
        ("/sellers/nobody/holdings", "seller-unknown"),
    ],
)
async def test_what_nobody_has_heard_of_is_no_empty_list(
    served: Served, path: str, code: str
) -> None:
    told = await served.client("GET", path, b"")
    assert (told.status_code, told.json()["code"]) == (404, code)


async def test_a_pool_shows_the_best_and_freshest_first_in_pages(served: Served) -> None:
    await sellers(served, "ann")
    found = await leads(served, 3)
    await pooled(served, found)
    touch = LEAD | {"lead": "T", "party": "t", "person": {"email": "t@t.example"}}
    await post(served, "/leads", touch)

    first = (await served.client("GET", "/pools/public/leads?limit=2", b"")).json()
    path = f"/pools/public/leads?limit=2&cursor={first['next_cursor']}"
    second = (await served.client("GET", path, b"")).json()
    await post(served, f"/pools/public/leads/{found[0]}/claim", {"person": "ann"})
    left = (await served.client("GET", "/pools/public/leads", b"")).json()["items"]

    shown = [row["lead_id"] for page in (first, second) for row in page["items"]]
    assert sorted(shown) == sorted(found)
    assert shown == sorted(found, reverse=True)
    assert {row["lead_id"] for row in left} == set(found[1:])


@pytest.mark.feature("I3")
async def test_every_look_at_contact_data_is_kept_and_a_strangers_is_refused(
    served: Served,
) -> None:
    await sellers(served, "ann")
    lead = LEAD | {"lead": "L", "party": "p", "person": {"name": "Li", "phone": "+4912345678"}}
    lead_id = (await post(served, "/leads", lead)).json()["lead_id"]

    seen = await post(served, f"/leads/{lead_id}/contact")
    stranger = await served.client("POST", f"/leads/{lead_id}/contact", {}, role="seller")

    assert seen.json()["contact"]["person"]["name"] == "Li"
    assert (stranger.status_code, stranger.json()["code"]) == (403, "not-yours")
    kept = await served.pool.fetch("SELECT data FROM event WHERE type LIKE '%contact-revealed%'")
    assert len(kept) == 1
