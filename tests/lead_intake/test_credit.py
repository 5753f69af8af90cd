"""What a win is credited to: every model, exact to the minor unit (I4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.credit import apportion, credit
from perennial.contracts.holdings import LeadWon
from perennial.contracts.touches import Touch

from tests.lead_intake.selling import Market, policy, seller
from tests.lead_intake.serving import Served

pytestmark = pytest.mark.feature("I4")
TOUCHES = [Touch(channel=name, campaign="spring", source="crm") for name in ("web", "fair", "sms")]
LEAD: dict[str, Any] = {
    "captured_at": "2026-05-01T09:00:00Z", "person": {"email": "ann@acme.example"},
    "currency": "USD", "cost": 300,
}  # fmt: skip
amounts = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("model", "shares"),
    [("first", [10_000, 0, 0]), ("last", [0, 0, 10_000]), ("linear", [3_334, 3_333, 3_333])],
)
def test_a_win_is_credited_by_the_policys_model(model: Any, shares: list[int]) -> None:
    made = credit(10_000, TOUCHES, model)

    assert [one.value for one in made] == shares
    assert [(one.channel, one.campaign, one.source) for one in made] == [
        ("web", "spring", "crm"), ("fair", "spring", "crm"), ("sms", "spring", "crm"),
    ]  # fmt: skip
    assert credit(None, TOUCHES, model) == []


@given(amounts, st.lists(st.integers(0, 1_000), min_size=1, max_size=30).filter(any))
def test_parts_add_up_and_none_is_a_whole_unit_off(whole: int, weights: list[int]) -> None:
    parts = apportion(whole, weights)

    assert sum(parts) == whole
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - whole * weight) < total
        assert weight > 0 or part == 0


@given(amounts, st.integers(1, 40), st.sampled_from(["first", "last", "linear"]))
def test_every_model_gives_all_of_it_away(value: int, count: int, model: Any) -> None:
    made = credit(value, [Touch(channel="web")] * count, model)
    assert (sum(one.value for one in made), len(made)) == (value, count)


def test_a_win_keeps_its_credit_with_the_lead() -> None:
    it = Market(seller("ann"), policy=policy(credit="last"))
    it.lead("l")
    won = LeadWon(customer_id="c-l", lead_id="l", value=7, credit=credit(7, TOUCHES[:1], "last"))
    it.take("c-l", [won])

    lead = it.party("c-l").leads["l"]
    assert (lead.won, lead.credit) == (7, (7,))


async def counted(served: Served, query: str) -> dict[str, tuple[int, ...]]:
    rows = (await served.client("GET", f"/leads/credit?{query}", b"")).json()["items"]
    names = ("touches", "leads", "wins", "cost", "won")
    return {row["value"]: tuple(row[name] for name in names) for row in rows}


@pytest.mark.stack
async def test_credit_is_counted_by_where_they_met_us_and_adds_up(served: Served) -> None:
    """Three touches of one party make one lead; another one is lost, and its cost is sunk."""
    for channel, campaign in (("web", "spring"), ("fair", "spring"), ("sms", "")):
        said = {"lead": channel, "channel": channel, "campaign": campaign}
        await served.client("POST", "/leads", LEAD | said)
    other = {"lead": "x", "channel": "web", "person": {"email": "bo@b.example"}}
    await served.client("POST", "/leads", LEAD | other)
    closed = {"closed_at": "2026-05-30T09:00:00Z"}
    won = closed | {"outcome": "won", "value": 10_000, "currency": "USD"}
    taken = await served.client("POST", "/leads/web/close", won)
    lost = closed | {"outcome": "lost", "reason": "price"}
    await served.client("POST", "/leads/x/close", lost)

    assert await counted(served, "by=channel") == {
        "fair": (1, 1, 1, 300, 3_333),
        "sms": (1, 1, 1, 300, 3_333),
        "web": (2, 2, 1, 600, 3_334),
    }
    assert await counted(served, "by=campaign&stage=won") == {
        "": (1, 1, 1, 300, 3_333), "spring": (2, 1, 1, 600, 6_667),
    }  # fmt: skip
    assert await counted(served, "by=source") == {"shop": (4, 2, 1, 1_200, 10_000)}
    lead = (await served.client("GET", f"/leads/{taken.json()['lead_id']}", b"")).json()
    assert (lead["won"], lead["credit"]) == (10_000, [3_334, 3_333, 3_333])
