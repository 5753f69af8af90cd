"""Every `no` over HTTP as one shape: problem+json (RFC 9457), with a stable code and the path of each fault."""

import logging
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from perennial.contracts.base import Refusal
from perennial.contracts.strict import Foreign, Malformed, malformed

log = logging.getLogger("perennial.http")

PROBLEM_JSON = "application/problem+json"
STATUS_OF = {"conflict": 409, "invalid": 422, "missing": 404, "forbidden": 403}
CODE_OF = {
    400: "bad-request",
    401: "not-authenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
    500: "internal-error",
    503: "unavailable",
}


class FieldFault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong with what was sent, and where."""

    pointer: str
    """JSON pointer into the body; parameters stand under `/query`, `/path` and `/header`."""
    code: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not done. `type` and `code` are stable; texts are for people."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    code: str
    correlation_id: str = ""
    errors: list[FieldFault] = []


class Fault(Exception):
    """Ends a request with a problem. Raise it anywhere below a route."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: list[FieldFault] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail = status, code, detail
        self.errors = errors or []
        self.headers = dict(headers or {})


def fault_at(status: int, code: str, pointer: str, message: str) -> Fault:
    """A fault with one cause in one field."""
    return Fault(status, code, message, [FieldFault(pointer=pointer, code=code, message=message)])


def refused(refusal: Refusal) -> Fault:
    """A rule's refusal as the problem that the client gets."""
    status = STATUS_OF[refusal.kind]
    if refusal.pointer:
        return fault_at(status, refusal.code, refusal.pointer, refusal.detail)
    return Fault(status, refusal.code, refusal.detail)


def problem_of(fault: Fault, instance: str = "", correlation_id: str = "") -> Problem:
    return Problem(
        type=f"urn:perennial:problem:{fault.code}",
        title=fault.code.replace("-", " ").capitalize(),
        status=fault.status,
        detail=fault.detail,
        instance=instance,
        code=fault.code,
        correlation_id=correlation_id,
        errors=fault.errors,
    )


def correlation_of(request: Request) -> str:
    """The id under which this request stands in logs, events and problems."""
    correlation: str = request.scope.get("state", {}).get("correlation", "")
    return correlation


def problem_response(request: Request, fault: Fault) -> Response:
    problem = problem_of(fault, request.url.path, correlation_of(request))
    return Response(
        msgspec.json.encode(problem),
        status_code=fault.status,
        headers=fault.headers,
        media_type=PROBLEM_JSON,
    )


def answer_with_problems(app: FastAPI) -> None:
    """Every error of the app leaves it as a problem, those of Starlette and FastAPI too."""
    translate: dict[type[Exception], Callable[[Request, Exception], Fault]] = {
        Fault: _as_is,
        HTTPException: _of_http,
        RequestValidationError: _of_parameters,
        msgspec.DecodeError: _of_body,
        Malformed: _of_body,
        Exception: _of_defect,
    }
    for kind, fault_of in translate.items():
        app.add_exception_handler(kind, _handler(fault_of))


def _handler(
    fault_of: Callable[[Request, Exception], Fault],
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        return problem_response(request, fault_of(request, error))

    return handle


def _as_is(_request: Request, error: Exception) -> Fault:
    assert isinstance(error, Fault)
    return error


def _of_http(request: Request, error: Exception) -> Fault:
    assert isinstance(error, HTTPException)
    code = CODE_OF.get(error.status_code, f"http-{error.status_code}")
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return Fault(error.status_code, code, detail, headers=error.headers)


def _of_parameters(_request: Request, error: Exception) -> Fault:
    assert isinstance(error, RequestValidationError)
    faults = [
        FieldFault(
            pointer="/" + "/".join(str(step) for step in found["loc"]),
            code=found["type"].replace("_", "-"),
            message=found["msg"],
        )
        for found in error.errors()
    ]
    return Fault(422, "invalid", "; ".join(f"{f.pointer}: {f.message}" for f in faults), faults)


def _of_body(_request: Request, error: Exception) -> Fault:
    fault = malformed(error) if isinstance(error, msgspec.DecodeError) else error
    assert isinstance(fault, Malformed)
    status = 415 if isinstance(fault, Foreign) else 422
    at = FieldFault(pointer=fault.pointer, code=CODE_OF[status], message=fault.reason)
    return Fault(status, CODE_OF[status], str(fault), [at])


def _of_defect(request: Request, error: Exception) -> Fault:
    """Says nothing of the inside; the log line with the same correlation id says all."""
    log.error(
        "defect in %s %s (%s)",
        request.method,
        request.url.path,
        correlation_of(request),
        exc_info=error,
    )
    return Fault(
        500,
        "internal-error",
        "a defect on our side; it is logged under the correlation id",
        headers={"X-Correlation-Id": correlation_of(request)},
    )
