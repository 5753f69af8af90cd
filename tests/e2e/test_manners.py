"""How REST behaves wherever it is met: keys, problems, scopes, rows, pages, the live stream."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from perennial.contracts.platform import SERVICES

from tests.e2e.house import House, fresh
from tests.e2e.test_vein import silent

PROBLEM = {"type", "title", "status", "code"}
STREAMED_WITHIN = 15.0


@pytest.mark.feature("P2")
@pytest.mark.feature("I1")
async def test_a_request_asked_again_is_done_once(house: House) -> None:
    key, body = fresh("key"), house.body(fresh("once"))

    async def post(wish: dict[str, Any]) -> httpx.Response:
        return await house.ask("POST", "lead-intake", "/v1/orders", wish, idempotency_key=key)

    first, again, other = await post(body), await post(body), await post({**body, "total": 1})

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.feature("P2")
async def test_a_crowd_with_one_key_makes_one_order(house: House) -> None:
    key, body = fresh("key"), house.body(fresh("crowd"))
    answers = await asyncio.gather(
        *(
            house.ask("POST", "lead-intake", "/v1/orders", body, idempotency_key=key)
            for _ in range(20)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    await house.settle()
    orders = await house.events("orders.v1", answers[0].json()["customer_id"])
    assert len(orders) == 1


@pytest.mark.feature("P12")
@pytest.mark.parametrize("service", SERVICES)
async def test_every_no_is_a_problem(house: House, service: str) -> None:
    unknown = await house.ask("GET", service, "/v1/nothing-here")
    nobody = await house.ask("GET", service, "/v1/policy", role="customer")
    refused = await house.ask("POST", service, "/v1/policy/drafts", b"{", role="director")

    for answer, status in ((unknown, 404), (nobody, 403), (refused, 422)):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() >= PROBLEM
        assert answer.json()["type"] == f"urn:perennial:problem:{answer.json()['code']}"


@pytest.mark.feature("P9")
@pytest.mark.parametrize("service", SERVICES)
async def test_nothing_is_told_without_a_valid_token(house: House, service: str) -> None:
    url = f"{house.addresses.url(service)}/v1/policy"
    forged = house.token("admin")[:-4] + "AAAA"
    async with httpx.AsyncClient() as http:
        for sent in ({}, {"authorization": f"Bearer {forged}"}):
            answer = await http.get(url, headers=sent)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.feature("I1")
async def test_a_wrong_field_is_named(house: House) -> None:
    wrong = house.body(fresh("wrong"), total=-5)
    answer = await house.ask("POST", "lead-intake", "/v1/orders", wrong)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/total"
    assert answer.json()["code"] == "total-below-zero"


@pytest.mark.feature("P9")
async def test_people_see_their_own_customers_their_teams_or_all(house: House) -> None:
    key = await silent(house)
    owner = (await house.get("lifecycle", f"/v1/customers/{key}"))["owner"]
    own: dict[str, Any] = {"role": "seller", "person": owner}
    team: dict[str, Any] = {"role": "service", "person": "tom", "team": "care"}
    unseen: list[dict[str, Any]] = [
        {"role": "seller", "person": "carl"},
        {"role": "service", "person": "mei", "team": "sales"},
    ]

    for who in (own, team, {"role": "director"}):
        assert (await house.ask("GET", "lifecycle", f"/v1/customers/{key}", **who)).is_success
        assert key in await _alerted(house, who)
    for who in unseen:
        answer = await house.ask("GET", "lifecycle", f"/v1/customers/{key}", **who)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-customer")
        assert key not in await _alerted(house, who)
        wish = {"cause": "price"}
        path = f"/v1/customers/{key}/winback/diagnosis"
        assert (await house.ask("POST", "lifecycle", path, wish, **who)).status_code == 404
    report = await house.ask("GET", "lifecycle", "/v1/reports/2026-01", **unseen[0])
    assert report.status_code == 403


async def _alerted(house: House, who: dict[str, Any]) -> set[str]:
    answer = await house.ask("GET", "notifications", "/v1/alerts", query={"limit": 200}, **who)
    return {one["customer_id"] for one in answer.json()["items"]}


@pytest.mark.feature("N9")
async def test_the_stream_resumes_after_the_last_event_seen(house: House) -> None:
    await silent(house)
    async with asyncio.timeout(STREAMED_WITHIN):
        first = await _streamed(house, "0", 2)
        head = await _streamed(house, "0", first[-1]["id"] + 1)
        half = head[len(head) // 2 - 1]["id"]
        rest = await _streamed(house, str(half), head[-1]["id"] - half)

        waiting = asyncio.create_task(_streamed(house, str(head[-1]["id"]), 1))
        await silent(house)
        (live,) = await waiting

    assert [one["id"] for one in head] == list(range(1, head[-1]["id"] + 1))
    assert rest == head[half:]
    assert live["id"] == head[-1]["id"] + 1
    assert json.loads(live["data"])


async def _streamed(house: House, after: str, count: int) -> list[dict[str, Any]]:
    """The next events after an id, as an SSE client reads them."""
    url = f"{house.addresses.url('notifications')}/v1/alerts/stream"
    sent = {"authorization": f"Bearer {house.token('director')}", "last-event-id": after}
    events: list[dict[str, Any]] = []
    async with (
        httpx.AsyncClient(timeout=None) as http,
        http.stream("GET", url, headers=sent) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if name in ("id", "data"):
                event[name] = int(value) if name == "id" else value
            if not line and "id" in event:
                events.append(event)
                event = {}
            if len(events) == count:
                return events
    raise AssertionError(f"the stream ended after {json.dumps(events)}")
