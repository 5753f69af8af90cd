"""Who asks, and what that one may do. Every route names a scope; what names none is refused at start."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import msgspec
from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from perennial.kit.problems import Fault

ALGORITHM = "Ed25519"
"""EdDSA over Curve25519, by its RFC 9864 name; never taken from the token."""
AUDIENCE = "perennial"
ISSUER = "https://perennial.local/auth"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
LEEWAY = 5
"""Seconds by which clocks may differ."""

Rows = Literal["self", "own", "team", "all"]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever asks, as the token says it."""

    subject: str
    client: str = ""
    """The app through which the subject asks."""
    scopes: frozenset[str] = frozenset()
    rows: Rows = "own"
    """Which rows: those about the subject's own company, its own, its team's, or all."""
    person: str = ""
    """Id in the register of staff; for `self`, the customer id."""
    team: str = ""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token must hold to be understood; the rest passes by."""

    sub: str
    exp: int
    nbf: int = 0
    azp: str = ""
    scope: str = ""
    rows: Rows = "own"
    person: str = ""
    team: str = ""


class Tokens:
    """Verifies tokens against our own keys; a token seen before costs a hash and a look-up."""

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        clock: Callable[[], float] = time.time,
        remembered: int = 10_000,
    ) -> None:
        self._keys, self._clock, self._limit = keys, clock, remembered
        self._registry = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._seen: OrderedDict[bytes, tuple[Principal, int]] = OrderedDict()

    def verify(self, token: str) -> Principal:
        """The principal; `Fault` 401 for whatever is wrong with the token."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._seen.get(digest)
        if known is None:
            known = self._remember(digest, self._verified(token))
        principal, expires = known
        if self._clock() >= expires + LEEWAY:
            self._seen.pop(digest, None)
            raise _unknown("the token has expired")
        self._seen.move_to_end(digest)
        return principal

    def _verified(self, token: str) -> Claims:
        try:
            read = jwt.decode(token, self._keys, algorithms=[ALGORITHM])
            self._registry.validate(read.claims)
            claims = msgspec.convert(read.claims, Claims)
        except (JoseError, ValueError) as error:
            raise _unknown("the token is not valid here") from error
        if read.header.get("typ", "JWT") not in ("JWT", "at+jwt"):
            raise _unknown("the token is of another kind")
        return claims

    def _remember(self, digest: bytes, claims: Claims) -> tuple[Principal, int]:
        principal = Principal(
            subject=claims.sub,
            client=claims.azp,
            scopes=frozenset(claims.scope.split()),
            rows=claims.rows,
            person=claims.person,
            team=claims.team,
        )
        self._seen[digest] = principal, claims.exp
        if len(self._seen) > self._limit:
            self._seen.popitem(last=False)
        return principal, claims.exp


def require(*scopes: str) -> Any:
    """The principal of a request that holds all these: `Annotated[Principal, require("orders:write")]`."""
    if not scopes:
        raise ValueError("a route must name at least one scope")

    async def principal(request: Request) -> Principal:
        who: Principal = request.app.state.tokens.verify(_bearer(request))
        missing = [scope for scope in scopes if scope not in who.scopes]
        if missing:
            raise Fault(403, "scope-missing", f"this needs the scope {' '.join(missing)}")
        return who

    principal.scopes = scopes  # type: ignore[attr-defined]  # what the gate and OpenAPI read
    return Depends(principal)


def scopes_of(dependant: Dependant | None) -> list[str]:
    """All scopes that a route asks for, through whatever dependency."""
    if dependant is None:
        return []
    return [scope for call in calls_of(dependant) for scope in getattr(call, "scopes", ())]


def calls_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for inner in dependant.dependencies:
        if inner.call is not None:
            yield inner.call
        yield from calls_of(inner)


def unprotected_routes(app: FastAPI) -> list[str]:
    """Routes that anyone could call, but for the four that say nothing of the business."""
    return [
        path
        for path, scopes in _scopes_by_route(app)
        if path not in OPEN_PATHS and (not scopes or _inner_without_scope(path, scopes))
    ]


def forbid_unprotected_routes(app: FastAPI) -> None:
    open_routes = unprotected_routes(app)
    if open_routes:
        raise RuntimeError(f"routes without the scope they need: {', '.join(open_routes)}")


def _scopes_by_route(app: FastAPI) -> Iterable[tuple[str, list[str]]]:
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route.route, "dependant", None)
        yield route.path or "?", scopes_of(dependant)


def _inner_without_scope(path: str, scopes: list[str]) -> bool:
    return path.startswith("/internal") and "internal" not in scopes


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise _unknown("a bearer token is needed")
    return token.strip()


def _unknown(detail: str) -> Fault:
    return Fault(
        401, "not-authenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="perennial"'}
    )
