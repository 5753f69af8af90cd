"""S6 and the lists over REST, on real tables: from recorded orders to an adopted model."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import msgspec
import pytest
from perennial.kit.auth import Principal
from perennial.kit.history import state_at
from perennial.kit.http import build_app
from scoring import store
from scoring.handlers import CUSTOMER
from scoring.jobs import ScheduledFits, fit_requested, rescore_outdated
from scoring.main import SERVICE

from tests.scoring.conftest import House, numbered
from tests.scoring.domain.test_fitting import cdnow_rows
from tests.scoring.replaying import order

pytestmark = pytest.mark.stack
QUARTER = datetime(1997, 10, 1, tzinfo=UTC)
SCOPES = frozenset({"scores:read", "explain:read", "models:read", "models:write", "models:adopt"})


class Staff:
    """A token is its owner's name; `c...` are customers, who see themselves."""

    def verify(self, token: str) -> Principal:
        rows = "self" if token.isdigit() else "all"
        return Principal(subject=token, scopes=SCOPES, rows=rows, person=token)  # type: ignore[arg-type]


async def replayed(house: House) -> None:
    """39 weeks of CDNOW, then the first of October."""
    rows = sorted(
        (day, number, str(who), amount) for number, (who, day, amount) in enumerate(cdnow_rows())
    )
    facts = [order(day, amount, f"o{n}", paid=True, key=who) for day, n, who, amount in rows]
    await house.told(numbered(fact for fact in facts if fact.now < QUARTER))
    await house.until(QUARTER)


@pytest.mark.feature("S6")
async def test_the_first_quarter_with_enough_history_brings_a_model_and_rescores_all(
    house: House,
) -> None:
    await replayed(house)
    scheduled = ScheduledFits()

    assert await scheduled(house.running) == 1
    assert await fit_requested(house.running) == 1
    assert await rescore_outdated(house.running) == 2357
    assert [await job(house.running) for job in (scheduled, fit_requested, rescore_outdated)] == [
        0,
        0,
        0,
    ]

    models = await store.models(house.pool)
    assert (models.adopted, models.alive_by) == ("bg-nbd@1", "mbg-nbd@1")
    fitted = {fit.family: fit for fit in await store.fitted(house.pool, 10)}
    assert fitted["bg-nbd"].log_likelihood == pytest.approx(-9582.4292, abs=5e-4)
    assert fitted["bg-nbd"].through == date(1997, 9, 30)
    assert await house.pool.fetchval("SELECT count(*) FROM parked") == 0
    await rebuilt_from_own_events(house)
    await over_rest(house)
    await rolled_forward_and_back(house)


async def rebuilt_from_own_events(house: House) -> None:
    """What the events make is what stands in the table."""
    keys = await house.pool.fetch("SELECT key FROM entity WHERE subject = 'customer' LIMIT 50")
    for key in [row["key"] for row in keys]:
        stored = await state_at(house.pool, SERVICE, CUSTOMER, key)
        made = await state_at(house.pool, SERVICE, CUSTOMER, key, QUARTER)
        assert msgspec.structs.replace(made, parts={}) == msgspec.structs.replace(stored, parts={})


async def rolled_forward_and_back(house: House) -> None:
    for version in ("pareto-nbd@1", "bg-nbd@1"):
        answer = await asked(house, "POST", f"/v1/models/{version}:adopt", json={"reason": "try"})
        assert answer.status_code == 202, answer.text
        assert await rescore_outdated(house.running) == 2357
    assert await rescore_outdated(house.running) == 0


async def over_rest(house: House) -> None:
    first = (await asked(house, "GET", "/v1/scores?limit=3&churn=at-risk")).json()
    risks = [row["value_at_risk"] for row in first["items"]]
    assert risks == sorted(risks, reverse=True)
    second = (
        await asked(house, "GET", f"/v1/scores?limit=3&churn=at-risk&cursor={first['next_cursor']}")
    ).json()
    assert second["items"][0]["value_at_risk"] <= risks[-1]
    assert not {row["customer_id"] for row in first["items"]} & {
        r["customer_id"] for r in second["items"]
    }

    customer = first["items"][0]["customer_id"]
    now = (await asked(house, "GET", f"/v1/customers/{customer}/score")).json()
    assert (now["model"], now["churn"]) == ("bg-nbd@1", "at-risk")
    before = (
        await asked(house, "GET", f"/v1/customers/{customer}/score?as_of=1997-06-01T00:00:00Z")
    ).json()
    assert (before["model"], before["alive"]) == ("", None)
    early = "as_of=1997-06-01T00:00:00Z"
    unfitted = await asked(house, "GET", f"/v1/forecast?{early}")
    assert (unfitted.status_code, unfitted.json()["code"]) == (404, "not-yet")
    none_then = await asked(house, "GET", f"/v1/forecast/customers?{early}")
    assert none_then.json()["items"] == []
    why = (await asked(house, "GET", f"/v1/customers/{customer}/score/explain")).json()["items"]
    assert why[0]["receipt"]
    assert (await asked(house, "GET", "/v1/models")).json()["adopted"] == "bg-nbd@1"
    assert (await asked(house, "GET", f"/v1/customers/{customer}/score", "4711")).status_code == 404
    assert (await asked(house, "GET", "/v1/scores", "4711")).status_code == 403
    assert (await asked(house, "GET", "/v1/customers/nobody/score")).status_code == 404


async def asked(
    house: House, method: str, path: str, who: str = "ann", **more: Any
) -> httpx.Response:
    app = build_app("scoring", [house.running.service.router], Staff())  # type: ignore[arg-type]
    app.state.runtime = house.running
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://scoring") as client:
        return await client.request(
            method, path, headers={"authorization": f"Bearer {who}"}, **more
        )
