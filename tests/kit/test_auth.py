"""Who gets in: forged, foreign and stale tokens do not, and no route is open by accident."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from cryptography.exceptions import InvalidTag
from fastapi import APIRouter, FastAPI, Response
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey
from perennial.kit.auth import AUDIENCE, ISSUER, Principal, Tokens, require, unprotected_routes
from perennial.kit.http import build_app, show
from perennial.kit.personal import ERASED, KeyTable, PersonalKeys
from perennial.kit.problems import Fault
from perennial.kit.tokens import PRIVATE, PUBLIC, ROLES, create_keys, issue, load

pytestmark = pytest.mark.feature("P9")


def pair(folder: Path) -> tuple[KeySet, KeySet]:
    create_keys(folder)
    return load(folder / PRIVATE), load(folder)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[KeySet, KeySet]:
    return pair(tmp_path / "keys")


def signed(keys: KeySet, header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "nbf": now, "exp": now + 60}
    said = {name: value for name, value in (good | claims).items() if value is not None}
    key = keys.keys[0]
    named = {"alg": "Ed25519", "typ": "JWT", "kid": key.kid} | (header or {})
    return jwt.encode(named, said, key, algorithms=["Ed25519"])


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_its_scopes_and_rows(keys: tuple[KeySet, KeySet], role: str) -> None:
    private, public = keys
    token = issue(private, role, "ann", person="p1", team="north")

    who = Tokens(public).verify(token)

    assert (who.subject, who.person, who.team) == ("ann", "p1", "north")
    assert (who.scopes, who.rows) == (frozenset(ROLES[role].scopes), ROLES[role].rows)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"rows": "everything"},
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    keys: tuple[KeySet, KeySet], claims: dict[str, Any]
) -> None:
    with pytest.raises(Fault, match="401"):
        Tokens(keys[1]).verify(signed(keys[0], **claims))


def test_a_token_of_another_kind_is_refused(keys: tuple[KeySet, KeySet]) -> None:
    with pytest.raises(Fault, match="401"):
        Tokens(keys[1]).verify(signed(keys[0], {"typ": "logout+jwt"}))


def test_keys_and_algorithms_are_ours_alone(keys: tuple[KeySet, KeySet], tmp_path: Path) -> None:
    """Another's key, no signature at all, and our public key used as an HMAC secret."""
    private, public = keys
    stranger, _ = pair(tmp_path / "stranger")
    kid = private.keys[0].kid
    raw = json.dumps(public.keys[0].as_dict(private=False)).encode()
    confused = jwt.encode(
        {"alg": "HS256", "kid": kid},
        {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": int(time.time()) + 60},
        OctKey.import_key(raw),
        algorithms=["HS256"],
    )
    unsigned = "eyJhbGciOiJub25lIn0." + confused.split(".")[1] + "."
    ours = signed(private)
    tampered = ours[:-4] + ("AAAA" if ours[-4:] != "AAAA" else "BBBB")

    for token in (signed(stranger, {"kid": kid}), confused, unsigned, tampered, "x", "a.b.c", ""):
        with pytest.raises(Fault, match="401"):
            Tokens(public).verify(token)


def test_a_remembered_token_still_expires(keys: tuple[KeySet, KeySet]) -> None:
    now = [time.time()]
    tokens = Tokens(keys[1], clock=lambda: now[0])
    token = signed(keys[0])
    assert tokens.verify(token) is tokens.verify(token)

    now[0] += 120

    with pytest.raises(Fault, match="401"):
        tokens.verify(token)


def test_the_memory_for_tokens_is_bounded(keys: tuple[KeySet, KeySet]) -> None:
    tokens = Tokens(keys[1], remembered=3)
    for number in range(10):
        tokens.verify(signed(keys[0], sub=str(number)))

    assert len(tokens._seen) == 3


def test_private_keys_are_their_owners_alone(tmp_path: Path) -> None:
    create_keys(tmp_path)

    assert (tmp_path / PRIVATE).stat().st_mode & 0o077 == 0
    assert '"d"' not in (tmp_path / PUBLIC).read_text()


router = APIRouter()

Reader = Annotated[Principal, require("orders:read")]
Machine = Annotated[Principal, require("internal")]


@router.get("/v1/orders")
async def orders(who: Reader) -> Response:
    return show(who.subject)


@router.get("/internal/settle")
async def settle(who: Machine) -> Response:
    return show("settled")


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("seller", "/v1/orders", 200),
        ("partner", "/v1/orders", 403),
        ("customer", "/v1/orders", 403),
        (None, "/v1/orders", 401),
        ("admin", "/internal/settle", 403),
        ("operator", "/internal/settle", 200),
        (None, "/healthz", 200),
        (None, "/readyz", 200),
        (None, "/metrics", 200),
        (None, "/openapi.json", 200),
    ],
)
async def test_a_route_opens_to_its_scope_only(
    keys: tuple[KeySet, KeySet], role: str | None, path: str, status: int
) -> None:
    app = build_app("test", [router], Tokens(keys[1]))
    headers = {"Authorization": f"Bearer {issue(keys[0], role)}"} if role else {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test", headers=headers
    ) as client:
        response = await client.get(path)

    assert response.status_code == status
    assert status != 401 or response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/v1/open", "/internal/weak"])
def test_an_app_with_an_open_route_does_not_start(keys: tuple[KeySet, KeySet], path: str) -> None:
    careless = APIRouter()

    @careless.get("/v1/open")
    async def open_to_all() -> Response:
        return show("oops")

    @careless.get("/internal/weak")
    async def weak(who: Reader) -> Response:
        return show("oops")

    outer = APIRouter()
    outer.include_router(careless)

    with pytest.raises(RuntimeError, match=path):
        build_app("test", [outer], Tokens(keys[1]))


def test_a_protected_app_has_no_open_route(keys: tuple[KeySet, KeySet]) -> None:
    app: FastAPI = build_app("test", [router], Tokens(keys[1]))

    assert unprotected_routes(app) == []


class Rows:
    """The key table in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, bytes]] = {}
        self.table = KeyTable(self.find, self.add, self.remove)

    async def find(self, party: str) -> tuple[str, bytes] | None:
        return self.kept.get(party)

    async def add(self, party: str, key_id: str, wrapped: bytes) -> tuple[str, bytes]:
        return self.kept.setdefault(party, (key_id, wrapped))

    async def remove(self, party: str) -> None:
        self.kept.pop(party, None)


MASTER = bytes(range(32))


@pytest.mark.feature("P8")
async def test_what_is_sealed_opens_for_its_party_until_erased() -> None:
    rows = Rows()
    keys = PersonalKeys(MASTER, rows.table)
    sealed = await keys.seal("c1", b"ann@example.org")
    await keys.seal("c2", b"bob")
    restarted = PersonalKeys(MASTER, rows.table)

    assert "ann" not in sealed
    assert await restarted.open("c1", sealed) == b"ann@example.org"
    with pytest.raises(InvalidTag):
        await PersonalKeys(MASTER, rows.table).open("c1", sealed[:-4] + "AAA=")
    assert await keys.open("c2", sealed) == ERASED

    await keys.erase("c1")

    assert await keys.open("c1", sealed) == ERASED


@pytest.mark.feature("P8")
async def test_a_party_that_comes_back_gets_a_new_key() -> None:
    keys = PersonalKeys(MASTER, Rows().table)
    before = await keys.seal("c1", b"old")
    await keys.erase("c1")

    after = await keys.seal("c1", b"new")

    assert await keys.open("c1", before) == ERASED
    assert await keys.open("c1", after) == b"new"


@pytest.mark.feature("P8")
async def test_other_processes_forget_an_erased_key_in_time() -> None:
    now, rows = [0.0], Rows()
    here = PersonalKeys(MASTER, rows.table)
    there = PersonalKeys(MASTER, rows.table, seconds=60, clock=lambda: now[0])
    sealed = await there.seal("c1", b"ann")
    await here.erase("c1")

    now[0] = 61.0

    assert await there.open("c1", sealed) == ERASED


@pytest.mark.feature("P8")
async def test_a_lost_race_for_the_first_key_uses_the_winners() -> None:
    rows = Rows()
    first, second = PersonalKeys(MASTER, rows.table), PersonalKeys(MASTER, rows.table)
    sealed = await first.seal("c1", b"ann")
    second._known.clear()

    await second._new_key("c1")

    assert await second.open("c1", sealed) == b"ann"
