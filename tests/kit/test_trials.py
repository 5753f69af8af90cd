"""What there is to try: a wish that says nothing about a draft is refused, with the path and the cure."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
from joserfc.jwk import KeySet, OKPKey
from perennial.kit import trials
from perennial.kit.auth import Tokens
from perennial.kit.http import build_app
from perennial.kit.operating import kit_router
from perennial.kit.tokens import issue
from perennial.kit.trials import TryPolicy, fault_in

from tests.kit import toy
from tests.kit.toyhouse import Toy

pytestmark = pytest.mark.feature("P6")

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("wish", "status", "path"),
    [
        ({"version": 1, "document": {}}, 422, "/document"),
        ({"version": 3}, 404, "/version"),
        ({"version": -1}, 404, "/version"),
        ({"version": 1, "starts": NOW, "ends": NOW - DAY}, 422, "/ends"),
        ({"version": 1, "starts": NOW + DAY}, 422, "/starts"),
        ({"version": 1, "shadow": True, "ends": NOW - DAY}, 422, "/ends"),
    ],
)
def test_what_would_say_nothing_is_refused(wish: dict[str, Any], status: int, path: str) -> None:
    fault = fault_in(TryPolicy(**wish), versions=2, now=NOW)
    assert fault is not None
    assert fault[:2] == (status, path)
    assert fault[2]


@pytest.mark.parametrize(
    "wish",
    [
        {"version": 0},
        {"version": 2, "starts": NOW - DAY, "ends": NOW},
        {"document": {}, "starts": NOW - DAY},
        {"version": 1, "shadow": True, "starts": NOW, "ends": NOW + DAY},
    ],
)
def test_what_can_be_tried_is_taken(wish: dict[str, Any]) -> None:
    assert fault_in(TryPolicy(**wish), versions=2, now=NOW) is None


@pytest.mark.stack
async def test_what_waits_tells_how_many_come_before_it(pool: asyncpg.Pool) -> None:
    await pool.execute("DELETE FROM trial")
    keys = KeySet([OKPKey.generate_key("Ed25519", {"kid": "k", "alg": "Ed25519", "use": "sig"})])
    app = build_app(toy.NAME, [kit_router()], Tokens(keys))
    door = Toy.on(pool).door
    app.state.runtime = SimpleNamespace(pool=pool, door=door, now=door.now, service=toy.SERVICE)
    headers = {"authorization": f"Bearer {issue(keys, 'admin')}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://svc", headers=headers
    ) as http:

        async def asked(**wish: Any) -> Any:
            answer = await http.post("/v1/whatif", json={"version": 0, **wish})
            assert answer.status_code == 202, answer.text
            return answer.json()

        async def before(trial: Any) -> int:
            found: int = (await http.get(f"/v1/whatif/{trial['id']}")).json()["before"]
            return found

        first, second, third = [await asked() for _ in range(3)]
        shadow, next_shadow = [await asked(shadow=True) for _ in range(2)]
        told = [one["before"] for one in (first, second, third, shadow, next_shadow)]
        assert told == [0, 1, 2, 0, 1]

        await pool.execute("UPDATE trial SET state = 'running' WHERE id = $1", first["id"])
        assert [await before(one) for one in (first, second, third)] == [0, 1, 2]
        await trials.end(pool, first["id"])
        assert [await before(one) for one in (second, third)] == [0, 1]
        listed = (await http.get("/v1/whatif")).json()["items"]
        assert [one["before"] for one in listed] == [1, 0, 1, 0, 0]
