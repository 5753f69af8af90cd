"""What surrounds every request, as plain ASGI: correlation id, measure, log line, size limit."""

import logging
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perennial.kit.ask import asked_under
from perennial.kit.ids import uuid7
from perennial.kit.problems import Fault

MAX_BODY = 1_000_000
MAX_BULK = 200_000_000
BULK_TYPE = "application/x-ndjson"
TRACE_ID = slice(3, 35)
"""Where the trace id stands in a `traceparent`."""
CORRELATION = b"x-correlation-id"

log = logging.getLogger("perennial.access")


class AccessLog:
    """Counts and times every request by its route, and names it for whoever looks for it later."""

    def __init__(self, app: ASGIApp, service: str, registry: CollectorRegistry) -> None:
        self._app = app
        self._service = service
        self._count = Counter(
            "http_requests_total",
            "Requests answered",
            ("service", "method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "Time to the end of the answer",
            ("service", "method", "route"),
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._timers: dict[tuple[str, str], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation = _correlation(scope["headers"])
        scope.setdefault("state", {})["correlation"] = correlation
        asked_under.set(correlation)
        began = time.perf_counter()
        status = 500

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (CORRELATION, correlation.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], _route_of(scope)
        counter = self._counters.get((method, route, status))
        if counter is None:
            counter = self._count.labels(self._service, method, route, status)
            self._counters[method, route, status] = counter
        timer = self._timers.get((method, route))
        if timer is None:
            timer = self._seconds.labels(self._service, method, route)
            self._timers[method, route] = timer
        counter.inc()
        timer.observe(seconds)
        if log.isEnabledFor(logging.INFO):
            log.info(
                "%s %s %d %.1f ms (%s)",
                method,
                scope["path"],
                status,
                seconds * 1000,
                scope["state"]["correlation"],
            )


class BodyLimit:
    """Refuses bodies that are too long, told or found out while they arrive."""

    def __init__(self, app: ASGIApp, max_body: int, max_bulk: int) -> None:
        self._app, self._max_body, self._max_bulk = app, max_body, max_bulk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        bulk = headers.get("content-type", "").startswith(BULK_TYPE)
        limit = self._max_bulk if bulk else self._max_body
        told = headers.get("content-length", "0")
        taken = 0

        async def receive_limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit or (told.isdecimal() and int(told) > limit):
                raise Fault(413, "too-large", f"at most {limit} bytes are taken at once")
            return message

        await self._app(scope, receive_limited, send)


def _correlation(headers: list[tuple[bytes, bytes]]) -> str:
    """The caller's own id, else that of its trace, else a fresh one."""
    trace = ""
    for name, value in headers:
        if name == CORRELATION and 0 < len(value) <= 128 and value.isascii():
            return value.decode()
        if name == b"traceparent" and len(value) >= 55:
            trace = value.decode("ascii", "replace")[TRACE_ID]
    return trace or uuid7()


def _route_of(scope: Scope) -> str:
    """The route's template, so that ids in paths make no metric of their own."""
    path: str = getattr(scope.get("route"), "path", "unknown")
    return path
