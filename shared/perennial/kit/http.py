"""A service's REST face: an app that denies by default, reads msgspec bodies and answers once.

Routes only translate: `body(Struct)` in, `ask`, `respond(answer)` out. Faults leave as problems.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, generate_latest

from perennial.contracts.strict import decode_json
from perennial.kit.ask import Answer
from perennial.kit.auth import Principal, Tokens, forbid_unprotected_routes
from perennial.kit.ids import uuid7
from perennial.kit.openapi import SchemaRef, document
from perennial.kit.problems import (
    PROBLEM_JSON,
    Fault,
    FieldFault,
    answer_with_problems,
    refused,
)
from perennial.kit.serving import MAX_BODY, MAX_BULK, AccessLog, BodyLimit

T = TypeVar("T")
Ready = Callable[[], Awaitable[list[str]]]
"""Reasons why the service is not ready; an empty list when it is."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

MAX_KEY = 255
JSON = "application/json"


def runtime_of(request: Request) -> Any:
    """The running service behind the app."""
    return request.app.state.runtime


async def _always_ready() -> list[str]:
    return []


async def _known_parameters(request: Request) -> None:
    """A parameter that the route does not know is refused: what is asked must not pass unheard."""
    asked = request.query_params
    if not asked:
        return
    known = list(dict.fromkeys(_parameters(request.scope["route"].dependant)))
    faults = [
        FieldFault(
            pointer=f"/query/{name}",
            code="parameter-unknown",
            message=f"unknown here; known are {', '.join(known) or 'none'}",
        )
        for name in asked
        if name not in known
    ]
    if faults:
        told = "; ".join(f"{fault.pointer}: {fault.message}" for fault in faults)
        raise Fault(422, "parameter-unknown", told, faults)


def _parameters(dependant: Dependant) -> Iterator[str]:
    """Names of all query parameters that a route or one of its dependencies takes."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _parameters(inner)


def build_app(
    service_name: str,
    routers: Iterable[APIRouter],
    tokens: Tokens,
    *,
    ready: Ready = _always_ready,
    registry: CollectorRegistry | None = None,
    lifespan: Lifespan | None = None,
    max_body: int = MAX_BODY,
    max_bulk: int = MAX_BULK,
    version: str = "1",
) -> FastAPI:
    """The whole app of one service. Raises if a route asks for no scope."""
    app = FastAPI(
        title=service_name,
        version=version,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        dependencies=[Depends(_known_parameters)],
    )
    app.state.tokens = tokens
    registry = registry or CollectorRegistry()
    for router in (*routers, _probes(ready, registry)):
        _say_status(router)
        app.include_router(router)
    answer_with_problems(app)
    document(app)
    forbid_unprotected_routes(app)
    app.add_middleware(BodyLimit, max_body=max_body, max_bulk=max_bulk)
    app.add_middleware(AccessLog, service=service_name, registry=registry)
    return app


def body(struct: type[T]) -> Any:
    """The request's body as `struct`: `order: Annotated[PlaceOrder, body(PlaceOrder)]`."""
    decoder = msgspec.json.Decoder(struct)

    async def read(request: Request) -> T:
        decoded: T = decode_json(decoder, await request.body(), MAX_BODY)
        return decoded

    read.struct = struct  # type: ignore[attr-defined]  # what OpenAPI shows
    return Depends(read)


def returns(
    struct: Any, status: int = 200, description: str = "Done", example: Any = None
) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`: what it answers with, from a msgspec struct."""
    content: dict[str, Any] = {"schema": SchemaRef(struct)}
    if example is not None:
        content["example"] = msgspec.to_builtins(example)
    return {status: {"description": description, "content": {JSON: content}}}


def show(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any struct, or list of them, as JSON."""
    return Response(msgspec.json.encode(value), status, headers, JSON)


def respond(answer: Answer, version: str = "") -> Response:
    """A stored answer as HTTP; a refusal as its problem. `version` is `topic/key/ver` of the effect."""
    headers = {"Perennial-Version": version} if version else {}
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    if answer.refusal is not None:
        fault = refused(answer.refusal)
        fault.headers |= headers
        raise fault
    media = PROBLEM_JSON if answer.status >= 400 else JSON
    return Response(answer.body, answer.status, headers, media)


@dataclass(frozen=True)
class Wish:
    """What makes a request the same request when it comes again."""

    id: str
    fingerprint: bytes


async def idempotency(request: Request, principal: Principal) -> Wish:
    """The `Idempotency-Key`, scoped by who asks, and a hash of what is asked; no key, a fresh one."""
    key = request.headers.get("idempotency-key")
    if key is None:
        key = uuid7()
    elif not 0 < len(key) <= MAX_KEY:
        raise Fault(
            400, "idempotency-key-invalid", f"Idempotency-Key has 1 to {MAX_KEY} characters"
        )
    said = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    fingerprint = hashlib.sha256(said + await request.body()).digest()
    who = principal.subject
    return Wish(f"{len(who)}:{who}:{key}", fingerprint)


async def ndjson_rows(
    request: Request, max_bytes: int = MAX_BULK, chunk: int = 1000
) -> AsyncIterator[list[tuple[int, bytes]]]:
    """Lines of a streamed body in chunks of (row number from 1, bytes); empty lines are no rows."""
    rows: list[tuple[int, bytes]] = []
    number = 0
    async for line in _lines(request, max_bytes):
        number += 1
        if line.strip():
            rows.append((number, line))
        if len(rows) >= chunk:
            yield rows
            rows = []
    if rows:
        yield rows


async def _lines(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """One more than the longest allowed line is never held in memory."""
    rest, taken = b"", 0
    async for part in request.stream():
        taken += len(part)
        if taken > max_bytes:
            raise Fault(413, "too-large", f"at most {max_bytes} bytes are taken at once")
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > MAX_BODY:
            raise Fault(413, "too-large", f"a row has at most {MAX_BODY} bytes")
    if rest:
        yield rest


def _operation_id(route: APIRoute) -> str:
    """The function's own name: stable, and what a generated client calls the method."""
    return route.name


def _say_status(router: APIRouter) -> None:
    """FastAPI cannot document a route whose response class names no default status (streams)."""
    for route in router.routes:
        if isinstance(route, APIRoute) and route.status_code is None:
            route.status_code = 200


def _probes(ready: Ready, registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> Response:
        return show({"status": "alive"})

    @router.get("/readyz")
    async def readyz() -> Response:
        reasons = await ready()
        if reasons:
            raise Fault(503, "unavailable", "; ".join(reasons))
        return show({"status": "ready"})

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    return router
