"""The REST face as a client meets it: problems, bodies, pages, keys, streams, limits, documents."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from joserfc.jwk import KeySet
from perennial.contracts.base import Refusal
from perennial.contracts.partner import PlaceOrder
from perennial.kit.ask import Answer
from perennial.kit.auth import Principal, Tokens, require
from perennial.kit.http import body, build_app, idempotency, ndjson_rows, respond, returns, show
from perennial.kit.paging import AsOf, Paging, etag, expected_version, listing
from perennial.kit.tokens import PRIVATE, create_keys, issue, load

pytestmark = pytest.mark.feature("P12")

NOW = datetime(2026, 2, 1, tzinfo=UTC)
"""What the service's clock says, wall or played."""
ORDER = {
    "order": "A-1",
    "customer": "C-1",
    "placed_at": "2026-01-31T09:00:00Z",
    "currency": "USD",
    "total": 1200,
    "lines": [{"product": "tea", "amount": 1200}],
}


class Seen(msgspec.Struct):
    """What the test's routes answer with."""

    text: str


router = APIRouter(prefix="/v1")

Reader = Annotated[Principal, require("orders:read")]
Writer = Annotated[Principal, require("orders:write")]


@router.post("/orders", responses=returns(Seen, 201, example=Seen("A-1")))
async def place_order(order: Annotated[PlaceOrder, body(PlaceOrder)], who: Writer) -> Response:
    return show(Seen(order.order), 201)


@router.get("/numbers")
async def list_numbers(request: Request, page: Paging, who: Reader) -> Response:
    first = page.after[0] + 1 if page.after else 0
    rows = [Seen(str(number)) for number in range(first, 5)][: page.limit + 1]
    return listing(request, page, rows, lambda row: (int(row.text),))


@router.get("/past")
async def look_back(as_of: AsOf, who: Reader) -> Response:
    return show(as_of)


@router.post("/refuse/{kind}")
async def refuse(kind: str, who: Writer) -> Response:
    no = Refusal(code="order-differs", detail="use another number", pointer="/order", kind=kind)
    return respond(Answer(409, b"", replayed=True, refusal=no))


@router.post("/answer")
async def answer(who: Writer) -> Response:
    return respond(Answer(201, b"{}", replayed=True), version="orders.v1/c/3")


@router.post("/wish")
async def wish(request: Request, who: Writer) -> Response:
    made = await idempotency(request, who)
    return show({"id": made.id, "fingerprint": made.fingerprint.hex()})


@router.put("/thing")
async def edit(request: Request, who: Writer) -> Response:
    return show(expected_version(request), headers=etag(8))


@router.post("/rows")
async def take_rows(request: Request, who: Writer) -> Response:
    taken = [rows async for rows in ndjson_rows(request, chunk=2)]
    return show([[number for number, _ in rows] for rows in taken])


class Stream(StreamingResponse):
    """Its own signature names no default status."""

    def __init__(self, content: Any, **more: Any) -> None:
        super().__init__(content, **more)


@router.get("/stream", response_class=Stream)
async def stream(who: Reader) -> Response:
    return Stream(iter(["one"]))


@router.get("/defect")
async def defect(who: Reader) -> Response:
    raise KeyError("inner secret")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    folder: Path = tmp_path_factory.mktemp("keys")
    create_keys(folder)
    return load(folder / PRIVATE)


@pytest.fixture(scope="module")
def app(keys: KeySet) -> FastAPI:
    app = build_app("test", [router], Tokens(keys), max_body=10_000)
    app.state.runtime = SimpleNamespace(now=lambda: NOW)
    return app


@pytest.fixture
async def client(app: FastAPI, keys: KeySet) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {issue(keys, 'seller')}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers
    ) as made:
        yield made


def problem(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert found["type"] == f"urn:perennial:problem:{found['code']}"
    assert found["status"] == response.status_code
    assert found["correlation_id"] == response.headers["x-correlation-id"]
    return found


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not-found"),
        ("DELETE", "/v1/orders", 405, "method-not-allowed"),
        ("GET", "/v1/numbers?limit=201", 422, "invalid"),
        ("GET", "/v1/numbers?cursor=%21", 422, "cursor-invalid"),
        ("GET", "/v1/past?as_of=yesterday", 422, "invalid"),
        ("GET", "/v1/past?as_of=2026-01-01T00:00:00", 422, "invalid"),
        ("GET", "/v1/defect", 500, "internal-error"),
    ],
)
async def test_every_error_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    found = problem(await client.request(method, path))

    assert (found["status"], found["code"]) == (status, code)
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"total": "12"}, "/total"),
        ({"lines": [{"product": "tea", "amount": "x"}]}, "/lines/0/amount"),
        ({"currency": "usd"}, "/currency"),
        ({"placed_at": "2026-01-31T09:00:00"}, "/placed_at"),
        ({"placed_at": "1066-01-31T09:00:00Z"}, "/placed_at"),
        ({"reporting": 1}, "/reporting"),
        ({"lines": [{"product": "tea"}]}, "/lines/0/amount"),
    ],
)
async def test_a_bad_body_names_the_field(
    client: httpx.AsyncClient, change: dict[str, Any], pointer: str
) -> None:
    found = problem(await client.post("/v1/orders", json=ORDER | change))

    assert found["status"] == 422
    assert [fault["pointer"] for fault in found["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("content", "pointer", "cure"),
    [
        (b"", "", "nothing was sent"),
        (b'{"order": "A-1"', "", "send it whole"),
        (b'{"order": "A-1"}', "/customer", "required field `customer` is missing"),
        (msgspec.json.encode(ORDER | {"totl": 1}), "/totl", "known here are order, customer"),
        (msgspec.json.encode(ORDER | {"total": 12.5}), "/total", "12900 is 129.00"),
        (msgspec.json.encode(ORDER | {"order": "a\0b"}), "/order", "character U+0000"),
        (msgspec.json.encode(ORDER | {"currency": "usd"}), "/currency", "as USD"),
    ],
)
async def test_a_bad_body_is_told_its_cure(
    client: httpx.AsyncClient, content: bytes, pointer: str, cure: str
) -> None:
    found = problem(await client.post("/v1/orders", content=content))

    (fault,) = found["errors"]
    assert fault["pointer"] == pointer
    assert cure in fault["message"]
    assert "msgspec" not in str(found)
    assert "regex" not in str(found)


async def test_an_unknown_parameter_is_refused_with_those_that_are_known(
    client: httpx.AsyncClient,
) -> None:
    found = problem(await client.get("/v1/numbers?limit=2&as_of=2026-01-01T00:00:00Z"))

    assert (found["status"], found["code"]) == (422, "parameter-unknown")
    assert [fault["pointer"] for fault in found["errors"]] == ["/query/as_of"]
    assert "known are limit, cursor" in found["detail"]


async def test_a_good_body_arrives_decoded(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/orders", json=ORDER)

    assert (response.status_code, response.json()) == (201, {"text": "A-1"})


async def test_a_body_that_is_not_json_is_a_problem(client: httpx.AsyncClient) -> None:
    assert problem(await client.post("/v1/orders", content=b"{order"))["status"] == 422


async def test_too_long_a_body_is_refused_told_or_not(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1000

    assert problem(await client.post("/v1/orders", content=b"x" * 20_000))["status"] == 413
    assert problem(await client.post("/v1/orders", content=endless()))["status"] == 413


@pytest.mark.parametrize(
    ("kind", "status"), [("conflict", 409), ("invalid", 422), ("missing", 404), ("forbidden", 403)]
)
async def test_a_refusal_becomes_its_problem(
    client: httpx.AsyncClient, kind: str, status: int
) -> None:
    response = await client.post(f"/v1/refuse/{kind}")
    found = problem(response)

    assert (found["status"], found["code"]) == (status, "order-differs")
    assert found["errors"][0]["pointer"] == "/order"
    assert response.headers["idempotent-replayed"] == "true"


async def test_an_answer_tells_that_it_is_a_replay_and_of_which_version(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post("/v1/answer")

    assert response.headers["idempotent-replayed"] == "true"
    assert response.headers["perennial-version"] == "orders.v1/c/3"


async def test_a_key_is_the_principals_own_and_covers_what_is_asked(
    client: httpx.AsyncClient, keys: KeySet
) -> None:
    async def made(content: bytes, **headers: str) -> dict[str, str]:
        response = await client.post("/v1/wish", content=content, headers=headers)
        found: dict[str, str] = response.json()
        return found

    named = {"Idempotency-Key": "k"}
    other = named | {"Authorization": f"Bearer {issue(keys, 'service')}"}

    assert await made(b"1", **named) == await made(b"1", **named)
    assert (await made(b"1", **named))["fingerprint"] != (await made(b"2", **named))["fingerprint"]
    assert (await made(b"1", **named))["id"] != (await made(b"1", **other))["id"]
    assert (await made(b"1"))["id"] != (await made(b"1"))["id"]


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_out_of_bounds_is_refused(client: httpx.AsyncClient, key: str) -> None:
    response = await client.post("/v1/wish", headers={"Idempotency-Key": key})

    assert problem(response)["code"] == "idempotency-key-invalid"


async def test_pages_follow_one_another_to_the_end(client: httpx.AsyncClient) -> None:
    seen, path = [], "/v1/numbers?limit=2"
    while path:
        response = await client.get(path)
        seen.append([row["text"] for row in response.json()["items"]])
        path = response.links.get("next", {}).get("url", "")

    assert seen == [["0", "1"], ["2", "3"], ["4"]]
    assert response.json()["next_cursor"] is None


async def test_as_of_takes_an_offset_with_or_without_escaping(client: httpx.AsyncClient) -> None:
    for zone in ("%2B02:00", "+02:00"):
        response = await client.get(f"/v1/past?as_of=2026-01-01T02:00:00{zone}")
        assert response.json() == "2026-01-01T00:00:00Z"


async def test_as_of_looks_back_never_ahead(client: httpx.AsyncClient) -> None:
    assert (
        await client.get("/v1/past?as_of=2026-02-01T00:00:00Z")
    ).json() == "2026-02-01T00:00:00Z"

    found = problem(await client.get("/v1/past?as_of=2026-02-01T00:00:01Z"))

    assert (found["status"], found["code"]) == (422, "as-of-in-future")
    (fault,) = found["errors"]
    assert fault["pointer"] == "/query/as_of"
    assert "2026-02-01T00:00:00+00:00: leave it out for now" in fault["message"]


@pytest.mark.parametrize(("match", "status"), [(None, 428), ("x", 412), ('"7"', 200)])
async def test_an_edit_needs_the_version_it_is_based_on(
    client: httpx.AsyncClient, match: str | None, status: int
) -> None:
    response = await client.put("/v1/thing", headers={"If-Match": match} if match else {})

    assert response.status_code == status


async def test_rows_come_in_chunks_with_their_numbers(client: httpx.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b'{"a":', b"1}\n\n", b"{}\n{}"):
            yield part

    response = await client.post(
        "/v1/rows", content=parts(), headers={"Content-Type": "application/x-ndjson"}
    )

    assert response.json() == [[1, 3], [4]]


async def test_the_correlation_is_the_callers_the_traces_or_a_fresh_one(
    client: httpx.AsyncClient,
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    traced = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}

    async def named(headers: dict[str, str]) -> str:
        return (await client.get("/healthz", headers=headers)).headers["x-correlation-id"]

    assert await named({"X-Correlation-Id": "mine"} | traced) == "mine"
    assert await named(traced) == trace
    assert await named({}) != await named({})


async def test_metrics_count_by_route_not_by_path(client: httpx.AsyncClient) -> None:
    await client.post("/v1/refuse/conflict")
    text = (await client.get("/metrics")).text

    assert 'route="/v1/refuse/{kind}",service="test",status="409"' in text


async def test_readiness_names_its_reasons(keys: KeySet) -> None:
    async def reasons() -> list[str]:
        return ["no database"]

    app = build_app("test", [], Tokens(keys), ready=reasons)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test"
    ) as client:
        response = await client.get("/readyz")

    assert (response.status_code, response.json()["detail"]) == (503, "no database")


def test_the_document_shows_structs_scopes_and_problems(app: FastAPI) -> None:
    made = app.openapi()
    operation = made["paths"]["/v1/orders"]["post"]

    assert operation["operationId"] == "place_order"
    assert operation["security"] == [{"bearer": ["orders:write"]}]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/PlaceOrder"
    }
    answer = operation["responses"]["201"]["content"]["application/json"]
    assert answer["schema"] == {"$ref": "#/components/schemas/Seen"}
    assert answer["example"] == {"text": "A-1"}
    assert "200" in made["paths"]["/v1/stream"]["get"]["responses"]
    assert {"PlaceOrder", "OrderLine", "Problem", "Seen"} <= set(made["components"]["schemas"])
    assert all(
        "422" not in one["responses"] and "default" in one["responses"]
        for path in made["paths"].values()
        for one in path.values()
    )
