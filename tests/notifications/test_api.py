"""The REST face and the live stream, over a real server on a real Postgres."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import uvicorn
from notifications.api import router
from notifications.running import stream
from perennial.contracts.customers import RedLightLit
from perennial.contracts.holdings import TurnoverWarned
from perennial.kit.auth import Principal
from perennial.kit.http import build_app

from tests.notifications.conftest import SERVICE, House
from tests.notifications.told import POLICY, SILENCE, START, said

pytestmark = pytest.mark.stack

SCOPES = frozenset(
    {
        "alerts:read",
        "alerts:write",
        "explain:read",
        "endpoints:write",
        "deliveries:read",
        "deliveries:write",
    }
)


class Staff:
    """Tokens are people's names here: who may see all, and who only their own."""

    def verify(self, token: str) -> Principal:
        rows = "all" if token == "dora" else "own"
        return Principal(subject=token, scopes=SCOPES, rows=rows, person=token)  # type: ignore[arg-type]


@dataclass
class Client:
    session: aiohttp.ClientSession
    house: House
    url: str
    who: str = "dora"
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self.who}", **self.headers, **more.pop("headers", {})}
        async with self.session.request(
            method, f"{self.url}/v1{path}", headers=headers, **more
        ) as response:
            return response.status, await response.json(content_type=None)

    def light(self, customer: str, owner: str = "anna") -> Any:
        light = RedLightLit(customer_id=customer, evidence=[SILENCE], owner=owner)
        fact = said(light)
        return self.house.told(type(fact)(**{**_fields(fact), "key": customer}))


def _fields(fact: Any) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in fact.__struct_fields__}


@pytest.fixture
async def api(house: House) -> AsyncIterator[Client]:
    runtime = SimpleNamespace(
        service=SERVICE,
        asks=house.asks,
        pool=house.pool,
        door=house.door,
        settings=SimpleNamespace(allow_private_endpoints=True),
        now=house.door.now,
        world=lambda: SimpleNamespace(policy=POLICY),
    )
    app = build_app("notifications", [router], Staff())  # type: ignore[arg-type]
    app.state.runtime = runtime
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(house.asks.run(stopping))
        tasks.create_task(stream(runtime, stopping))  # type: ignore[arg-type]
        serving = tasks.create_task(server.serve(sockets=[listener]))
        async with aiohttp.ClientSession() as session:
            yield Client(session, house, f"http://127.0.0.1:{listener.getsockname()[1]}")
        server.should_exit = True
        stopping.set()
        await serving


@pytest.mark.feature("N1")
async def test_alerts_are_listed_page_by_page_and_only_those_in_sight(api: Client) -> None:
    for number in range(5):
        await api.light(f"c-{number}", owner="anna" if number % 2 else "ben")

    status, page = await api("GET", "/alerts?limit=3")
    _, rest = await api("GET", f"/alerts?limit=3&cursor={page['next_cursor']}")
    assert (status, len(page["items"]), len(rest["items"])) == (200, 3, 2)
    assert rest["next_cursor"] is None
    _, bens = await api("GET", "/alerts?person=ben&state=open&kind=red-light")
    assert {one["customer_id"] for one in bens["items"]} == {"c-0", "c-2", "c-4"}
    api.who = "anna"
    _, own = await api("GET", "/alerts")
    assert {one["customer_id"] for one in own["items"]} == {"c-1", "c-3"}
    status, problem = await api("GET", f"/alerts/{bens['items'][0]['id']}")
    assert (status, problem["code"]) == (404, "alert-unknown")


@pytest.mark.feature("N2")
async def test_alerts_of_one_lead_are_found_and_how_early_they_came_is_shown(api: Client) -> None:
    for lead, rung in (("l-1", "5d"), ("l-1", "2d"), ("l-2", "5d")):
        due = START + timedelta(days=int(rung[0]))
        warned = TurnoverWarned(
            customer_id="c-1",
            lead_id=lead,
            holder="anna",
            rung=rung,
            clock="activity",
            started_at=START,
            due_at=due,
        )
        await api.house.told(said(warned))

    _, found = await api("GET", "/alerts?lead=l-1&kind=turnover-due&person=anna&customer=c-1")
    assert [(one["rung"], one["state"]) for one in found["items"]] in (
        [("2d", "open"), ("5d", "resolved")],
        [("5d", "resolved"), ("2d", "open")],
    )
    _, one = await api("GET", f"/alerts/{found['items'][0]['id']}")
    assert (one["clock"], one["details"]["holder"]) == ("activity", "anna")
    _, times = await api("GET", "/alerts/lead-times")
    shown = {one["rung"]: (one["warned"], one["raised_least"] / 86400) for one in times["items"]}
    assert shown == {"2d": (1, 2.0), "5d": (2, 5.0)}
    measured = api.house.door.metrics.registry.get_sample_value(
        "perennial_turnover_warning_lead_seconds_bucket",
        {"rung": "5d", "at": "raised", "le": str(timedelta(days=5).total_seconds())},
    )
    assert measured == 2
    _, channels = await api("GET", "/channels")
    assert [(one["name"], one["on"]) for one in channels["items"]] == [
        ("stream", True),
        ("webhook", True),
        ("email", False),
    ]


@pytest.mark.feature("N7")
async def test_acknowledging_over_rest_is_idempotent_shown_and_explained(api: Client) -> None:
    await api.light("c-1")
    _, page = await api("GET", "/alerts")
    path = f"/alerts/{page['items'][0]['id']}"
    api.house.door.ticked = START + timedelta(hours=2)
    answers = [await api("POST", f"{path}/acknowledge") for _ in range(2)]

    assert [status for status, _ in answers] == [200, 200]
    assert answers[1][1]["acknowledged_by"] == "dora"
    _, now = await api("GET", path)
    _, then = await api("GET", f"{path}?as_of=2026-03-02T10:00:00Z")
    assert (now["state"], then["state"]) == ("acknowledged", "open")
    early = await api("GET", f"{path}?as_of={START - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}")
    assert (early[0], early[1]["code"]) == (404, "not-yet")
    ahead = await api("GET", f"{path}?as_of={START + timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}")
    assert (ahead[0], ahead[1]["code"]) == (422, "as-of-in-future")
    assert now["evidence"][0]["sign"] == "silence"
    _, why = await api("GET", f"{path}/explain")
    why = why["items"]
    assert [one["type"].split(".")[2] for one in why] == ["raised", "acknowledged"]
    (counts,) = (await api("GET", "/alerts/counts"))[1]["items"]
    assert (counts["kind"], counts["raised"], counts["open"]) == ("red-light", 1, 0)
    assert (counts["acknowledged"], counts["resolved"], counts["sent"]) == (1, 0, 0)
    api.who = "ben"
    assert (await api("GET", "/alerts/counts"))[1]["items"] == []
    assert all(one["receipt"]["policy"] == "notifications@0" for one in why)


@pytest.mark.feature("N7")
async def test_an_alert_that_is_not_there_cannot_be_acknowledged(api: Client) -> None:
    status, problem = await api("POST", "/alerts/al-none/acknowledge")

    assert (status, problem["code"]) == (404, "alert-unknown")


@pytest.mark.feature("N8")
async def test_an_endpoint_is_registered_changed_rotated_and_tested(api: Client) -> None:
    wanted = {"url": "http://127.0.0.1:9/hook", "kinds": ["red-light"]}
    key = {"idempotency-key": "one"}
    status, made = await api("POST", "/endpoints", json=wanted, headers=key)
    again, same = await api("POST", "/endpoints", json=wanted, headers=key)
    assert (status, again, made["secret"], same["id"]) == (201, 201, same["secret"], made["id"])
    assert made["secret"].startswith("whsec_")

    path = f"/endpoints/{made['id']}"
    _, changed = await api("PATCH", path, json={"enabled": False, "reason": "holiday"})
    assert (changed["enabled"], changed["kinds"]) == (False, ["red-light"])
    _, listed = await api("GET", "/endpoints")
    assert [("secret" in one, one["reason"]) for one in listed["items"]] == [(False, "holiday")]
    _, rotated = await api("POST", f"{path}/rotate")
    assert rotated["secret"] != made["secret"]
    status, test = await api("POST", f"{path}/test")
    _, deliveries = await api("GET", f"/deliveries?endpoint={made['id']}")
    assert status == 202
    assert [one["id"] for one in deliveries["items"]] == [test["delivery_id"]]
    for told in await api.house.pool.fetch(
        "SELECT data FROM event UNION ALL SELECT body FROM answer"
    ):
        assert "whsec_" not in told[0]


@pytest.mark.feature("N8")
@pytest.mark.parametrize("url", ["ftp://example.com/", "https://", "http://me:word@example.com/"])
async def test_an_address_that_must_not_be_is_refused(api: Client, url: str) -> None:
    status, problem = await api("POST", "/endpoints", json={"url": url})

    assert (status, problem["code"]) == (422, "url-forbidden")


@pytest.mark.feature("N9")
async def test_the_stream_is_live_and_resumes_after_the_last_id(api: Client) -> None:
    url, who = f"{api.url}/v1/alerts/stream", {"authorization": "Bearer dora"}
    await api.light("c-1")
    async with api.session.get(url, headers={**who, "last-event-id": "0"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert await _next_ids(response, 1) == ["1"]
        await api.light("c-2")
        assert await _next_ids(response, 1) == ["2"]
    await api.light("c-3")
    async with api.session.get(url, headers={**who, "last-event-id": "1"}) as response:
        assert await _next_ids(response, 2) == ["2", "3"]


async def _next_ids(response: aiohttp.ClientResponse, number: int) -> list[str]:
    ids: list[str] = []
    async with asyncio.timeout(5):
        while len(ids) < number:
            line = (await response.content.readline()).decode()
            if line.startswith("id: "):
                ids.append(line[4:].strip())
    return ids
