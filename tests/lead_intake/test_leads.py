"""Leads come in by every door, once, and whoever is known by any of their names is one party."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations
from typing import Any

import httpx
import pytest
from lead_intake.domain.customer import Customer
from lead_intake.domain.identity import lead_id, party_id, phone_digits, web_domain
from lead_intake.main import SERVICE
from perennial.contracts.base import Fact
from perennial.contracts.grades import LeadScored
from perennial.contracts.holdings import (
    ActivityLogged,
    LeadAssigned,
    LeadClosed,
    LeadLost,
    LeadReopened,
    LeadWon,
)
from perennial.contracts.leads import (
    LeadCaptured,
    LeadQueued,
    LeadReadied,
    LeadReturned,
    LeadTagged,
    LeadTouched,
)
from perennial.contracts.orders import OrderPlaced
from perennial.contracts.unions import MergeProposed
from perennial.kit.batch import Item

from tests.lead_intake.client import Client
from tests.lead_intake.house import House, rest

LEAD: dict[str, Any] = {
    "lead": "L1",
    "party": "acme",
    "captured_at": "2026-05-01T09:00:00Z",
    "channel": "telephone",
    "product": "GTX Pro",
    "person": {"name": "Ann", "email": "Ann@Acme.example"},
}
ACTIVITY = {"activity": "a1", "at": "2026-05-02T09:00:00Z", "kind": "call-connected"}
WON = {"closed_at": "2026-05-08T09:00:00Z", "outcome": "won", "value": 5_000, "currency": "USD"}
ORDER: dict[str, Any] = {
    "order": "1",
    "customer": "shopper-9",
    "placed_at": "2026-05-03T09:00:00Z",
    "currency": "USD",
    "total": 10_000,
    "paid": True,
}


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    app, tokens = rest(house)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://svc") as http:
        yield Client(http, tokens)


def kinds(house: House) -> list[str]:
    return [type(event).__name__ for event in house.events]


def the_party(house: House, source: str = "shop", external_id: str = "acme") -> Customer:
    state: Customer = house.state("customer", party_id(source, external_id))
    return state


@pytest.mark.feature("I1")
async def test_a_lead_is_captured_once(client: Client, house: House) -> None:
    first = await client("POST", "/leads", LEAD)
    again = await client("POST", "/leads", LEAD)
    other = await client("POST", "/leads", LEAD | {"product": "MG"})

    assert (first.status_code, first.json()["status"]) == (201, "accepted")
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert again.json()["customer_id"] == first.json()["customer_id"] == party_id("shop", "acme")
    assert (other.status_code, other.json()["code"]) == (409, "lead-differs")
    assert kinds(house) == ["LeadCaptured"]
    captured = house.events[0]
    assert isinstance(captured, LeadCaptured)
    assert captured.personal.startswith("sealed-for-")
    assert "cme.example" not in str(captured)


@pytest.mark.feature("I1")
async def test_one_bad_row_of_many_harms_no_other(client: Client, house: House) -> None:
    rows = [LEAD | {"lead": f"L{n}"} for n in range(1_000)]
    rows[500] = LEAD | {"lead": "bad", "captured_at": "yesterday"}
    results = await client.bulk("/leads:bulk", rows)

    assert [one["row"] for one in results if one["status"] != "accepted"] == [501]
    assert results[500]["error"]["pointer"] == "/captured_at"
    assert len(the_party(house).leads) == 999


@pytest.mark.feature("I1")
@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_news_of_a_lead_may_come_in_any_order(
    client: Client, house: House, order: tuple[int, ...]
) -> None:
    """A close or an activity waits for its lead; a lost one too."""
    rows = [
        LEAD | {"type": "lead"},
        ACTIVITY | {"type": "activity", "lead": "L1"},
        LEAD | {"type": "lead", "lead": "L2"},
        WON | {"type": "close", "lead": "L2"},
    ]
    for place in order:
        await client.bulk("/leads:bulk", [rows[place]])
        house.release()

    party = the_party(house)
    assert {lead.stage for lead in party.leads.values()} == {"nurture", "won"}
    assert sum(isinstance(event, ActivityLogged) for event in house.events) == 1
    assert sum(isinstance(event, LeadWon) for event in house.events) == 1
    assert not house.parked


async def test_whoever_is_known_by_any_name_is_one_party(client: Client, house: House) -> None:
    """From a lead's e-mail to an order of another system, and from that one's id to the next order."""
    lead = (await client("POST", "/leads", LEAD)).json()
    known = ORDER | {"person": {"email": "ann@acme.example", "phone": "+49 (0)30 1234567"}}
    first = (await client("POST", "/orders", known)).json()
    second = (await client("POST", "/orders", ORDER | {"order": "2"})).json()
    called = LEAD | {"lead": "L2", "party": "", "person": {"phone": "0049 30 1234567"}}
    third = (await client("POST", "/leads", called | {"product": "MG"})).json()

    ids = {one["customer_id"] for one in (lead, first, second, third)}
    assert ids == {party_id("shop", "acme")}
    placed = [event for event in house.events if isinstance(event, OrderPlaced)]
    assert {event.customer_id for event in placed} == ids
    assert {event.party for event in placed} == {party_id("shop", "shopper-9")}


async def test_strangers_in_one_batch_meet_by_what_they_share(client: Client, house: House) -> None:
    firm = {"registration": "HRB 12-345", "domain": "https://www.acme.example/about"}
    rows = [
        LEAD | {"lead": "a", "party": "1", "organisation": {"registration": "hrb 12345"}},
        LEAD | {"lead": "b", "party": "2", "person": {}, "organisation": firm},
        LEAD
        | {"lead": "c", "party": "3", "person": {}, "organisation": {"domain": "acme.example"}},
        LEAD | {"lead": "d", "party": "4", "person": {}, "organisation": {"domain": "gmail.com"}},
    ]
    await client.bulk("/leads:bulk", rows)

    captured = [event for event in house.events if isinstance(event, LeadCaptured | LeadTouched)]
    assert [event.customer_id == party_id("shop", "1") for event in captured] == [
        True, True, True, False,
    ]  # fmt: skip


async def test_claims_of_two_parties_open_a_proposal(client: Client, house: House) -> None:
    await client("POST", "/leads", LEAD)
    other = LEAD | {"lead": "L2", "party": "globex", "person": {"phone": "+4930999999"}}
    await client("POST", "/leads", other)
    both = LEAD | {
        "lead": "L3",
        "party": "new",
        "product": "MG",
        "person": {"email": "ann@acme.example", "phone": "+4930999999"},
    }
    answer = (await client("POST", "/leads", both)).json()
    await client("POST", "/leads", both | {"lead": "L4", "product": "GTK"})

    proposed = [event for event in house.events if isinstance(event, MergeProposed)]
    assert [(one.customer_id, one.other) for one in proposed] == [
        (party_id("shop", "acme"), party_id("shop", "globex"))
    ]
    assert answer["proposed"] == [party_id("shop", "globex")]
    captured = [event for event in house.events if isinstance(event, LeadCaptured)][2]
    assert captured.conflicts == [party_id("shop", "globex")]
    assert len(captured.claims) == 1


@pytest.mark.feature("I1")
async def test_who_is_known_by_claims_alone_has_touched_us_again(
    client: Client, house: House
) -> None:
    """A source that has an id for the party, and still tells of another lead, means another chance."""
    form = {key: LEAD[key] for key in ("captured_at", "person")}
    first = (await client("POST", "/leads", form | {"lead": "w1", "channel": "web"})).json()
    again = await client("POST", "/leads", form | {"lead": "w2", "wants_call": True})
    third = await client("POST", f"/leads/{lead_id('shop', 'w2')}/activities", ACTIVITY)
    await client("POST", "/leads", LEAD)
    await client("POST", "/leads", LEAD | {"lead": "L9"})

    assert again.json()["joined"] == first["lead_id"]
    assert third.json()["status"] == "accepted"
    made = ["LeadCaptured", "LeadTouched", "LeadReadied", "ActivityLogged"]
    assert kinds(house) == [*made, "LeadCaptured", "LeadCaptured"]


async def test_a_paid_order_wins_the_lead_for_its_product(client: Client, house: House) -> None:
    for number, product in (("L1", "MG"), ("L2", "GTX Pro"), ("L3", "")):
        await client("POST", "/leads", LEAD | {"lead": number, "product": product})
    lines = [{"product": "GTX Pro", "amount": 10_000}]
    await client("POST", "/orders", ORDER | {"customer": "acme", "lines": lines, "paid": False})
    assert not [event for event in house.events if isinstance(event, LeadWon)]
    payment = {"payment": "p", "paid_at": "2026-05-08T09:00:00Z", "amount": 10_000}
    await client("POST", "/orders/1/payments", payment | {"currency": "USD"})
    await client("POST", "/orders/1/payments", payment | {"currency": "USD"})

    won = [event for event in house.events if isinstance(event, LeadWon)]
    assert [(one.lead_id, one.value, one.waited_days) for one in won] == [
        (lead_id("shop", "L2"), 10_000, 7.0)
    ]
    assert won[0].customer_id == party_id("shop", "acme"), "a payment names its order only"


async def test_an_order_older_than_the_chance_wins_nothing(client: Client, house: House) -> None:
    """History that is brought in after its leads closes no open chance."""
    await client("POST", "/leads", LEAD)
    old = ORDER | {"order": "old", "customer": "acme", "placed_at": "2019-03-01T00:00:00Z"}
    assert (await client("POST", "/orders", old)).status_code == 201
    assert "LeadWon" not in kinds(house)


@pytest.mark.feature("I19")
async def test_what_arrives_won_skips_the_gate(client: Client, house: House) -> None:
    await client("POST", "/leads", LEAD)
    await client("POST", "/leads/L1/close", WON)
    again = await client("POST", "/leads/L1/close", WON)
    lost = await client("POST", "/leads/L1/close", WON | {"outcome": "lost", "reason": "no"})

    assert again.json()["status"] == "duplicate"
    assert lost.json()["code"] == "lead-ended"
    assert kinds(house) == ["LeadCaptured", "LeadReadied", "LeadWon"]
    readied, won = house.events[1:]
    assert isinstance(readied, LeadReadied)
    assert readied.because == "arrived"
    assert isinstance(won, LeadWon)
    assert (won.value, won.waited_days) == (5_000, 7.0)


async def test_a_win_before_the_first_contact_measures_no_cycle(
    client: Client, house: House
) -> None:
    await client("POST", "/leads", LEAD)
    await client("POST", "/leads/L1/close", WON | {"closed_at": "2026-04-01T00:00:00Z"})

    won = house.events[-1]
    assert isinstance(won, LeadWon)
    assert (won.value, won.waited_days) == (5_000, None)


async def test_the_lost_are_lost_for_a_reason_and_may_be_reopened(
    client: Client, house: House
) -> None:
    await client("POST", "/leads", LEAD)
    silent = await client("POST", "/leads/L1/close", WON | {"outcome": "lost"})
    lost = WON | {"outcome": "lost", "reason": "price"}
    await client("POST", "/leads/L1/close", lost)
    reopened = await client("POST", "/leads/L1/reopen", {"reason": "they called"})
    closed = await client(
        "POST", "/leads/L1/close", WON | {"outcome": "disqualified", "reason": "a student"}
    )

    assert silent.json()["code"] == "reason-missing"
    assert (reopened.status_code, reopened.json()["stage"]) == (201, "nurture")
    assert closed.json()["stage"] == "closed"
    ends = [event for event in house.events if not isinstance(event, LeadCaptured)]
    assert [type(one) for one in ends] == [LeadLost, LeadReopened, LeadClosed]


@pytest.mark.feature("I19")
async def test_sales_returns_a_lead_twice_and_no_more(client: Client, house: House) -> None:
    await client("POST", "/leads", LEAD)
    early = await client("POST", "/leads/L1/return", {"reason": "not now"})
    answers = []
    for reason in ("no budget", "no need", "never"):
        await client("POST", "/leads/L1/ready", {})
        answers.append(await client("POST", "/leads/L1/return", {"reason": reason}))

    assert early.json()["code"] == "not-with-sales"
    assert [one.status_code for one in answers] == [201, 201, 409]
    returned = [event for event in house.events if isinstance(event, LeadReturned)]
    assert [(one.times, one.reason) for one in returned] == [(1, "no budget"), (2, "no need")]


async def test_a_wish_about_no_lead_finds_none(client: Client) -> None:
    assert (await client("POST", "/leads/nowhere/ready", {})).status_code == 404


@pytest.mark.feature("I4")
async def test_tags_come_by_hand_and_by_rule(client: Client, house: House) -> None:
    rules = [{"tag": "hot", "when": {"channel": ["telephone"], "industry": ["energy", "water"]}}]
    house.adopt(tag_rules=rules)
    ruled = LEAD | {"attributes": {"industry": "water"}, "tags": ["fair"]}
    await client("POST", "/leads", ruled)
    await client("POST", "/leads", LEAD | {"lead": "L2"})
    await client("POST", "/leads/L1/tags", {"add": ["vip", "hot"], "remove": ["fair"]})
    again = await client("POST", "/leads/L1/tags", {"add": ["vip"]})

    leads = the_party(house).leads
    assert leads[lead_id("shop", "L1")].tags == ("hot", "vip")
    assert leads[lead_id("shop", "L2")].tags == ()
    assert again.json()["status"] == "duplicate"
    tagged = [event for event in house.events if isinstance(event, LeadTagged)]
    assert [(one.added, one.removed, one.by) for one in tagged] == [(["vip"], ["fair"], "admin")]


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("+49 (0)30 / 123-4567", "+49301234567"),
        ("0049 30 1234567", "+49301234567"),
        ("030 1234567", ""),
        ("+1", ""),
    ],
)
def test_phones_are_compared_in_e164(written: str, compared: str) -> None:
    assert phone_digits(written) == compared


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("https://www.Acme.example/about?x=1", "acme.example"),
        ("ACME.example:8080", "acme.example"),
        ("sales@acme.example", "acme.example"),
        ("gmail.com", ""),
        ("acme", ""),
        ("", ""),
    ],
)
def test_web_domains_are_compared_bare(written: str, compared: str) -> None:
    assert web_domain(written) == compared


def scored(house: House, lead: str, score: float, ready: bool, because: Any = "captured") -> None:
    """As scoring tells it."""
    key, number = party_id("shop", "acme"), len(house.events) + 1
    told = LeadScored(
        customer_id=key, lead_id=lead_id("shop", lead), because=because, score=score, fit=score,
        engagement=0, ready=ready, grade="3A", expected_value=700,
    )  # fmt: skip
    fact = Fact(data=told, id=f"s{number}", key=key, now=house.now(), time=house.now())
    house.run([Item(fact, SERVICE.subjects["customer"], key)])


@pytest.mark.feature("I6")
async def test_a_score_is_noted_and_makes_ready_once(client: Client, house: House) -> None:
    """Who was with sales before must have stirred since; silence and policies awaken nobody."""
    await client("POST", "/leads", LEAD)
    scored(house, "L1", 40, ready=False)
    scored(house, "L1", 40, ready=False)
    scored(house, "L1", 70, ready=True)
    await client("POST", "/leads/L1/return", {"reason": "no budget"})
    scored(house, "L1", 69, ready=True, because="silence")
    scored(house, "L1", 80, ready=True, because="activity")

    made = ["LeadGraded", "LeadGraded", "LeadReadied", "LeadReturned", "LeadGraded", "LeadGraded"]
    assert kinds(house) == ["LeadCaptured", *made, "LeadReadied"]
    lead = the_party(house).leads[lead_id("shop", "L1")]
    assert (lead.stage, lead.score, lead.grade, lead.value) == ("waiting", 80, "3A", 700)


async def test_a_score_that_does_not_come_is_recorded(client: Client, house: House) -> None:
    await client("POST", "/leads", LEAD)
    place = ("customer", party_id("shop", "acme"))
    late = house.now() + timedelta(hours=24)
    for until in (late - timedelta(seconds=1), late, late + timedelta(days=9)):
        house.run([], timers=[place], until=until)

    queued = [event for event in house.events if isinstance(event, LeadQueued)]
    assert [(one.reason, one.holder) for one in queued] == [("no-score", "market")]


async def test_whoever_asks_for_a_call_is_ready(client: Client, house: House) -> None:
    await client("POST", "/leads", LEAD | {"wants_call": True})
    readied = house.events[-1]
    assert isinstance(readied, LeadReadied)
    assert readied.because == "asked"


async def test_who_arrives_held_waits_for_a_known_seller(client: Client, house: House) -> None:
    await client("POST", "/leads", LEAD | {"holder": "nobody-we-know"})
    assert kinds(house) == ["LeadCaptured", "LeadReadied", "LeadQueued"]
    person = {"role": "seller"}
    await client("PUT", "/registers/people/ann", person)
    await client("POST", "/leads", LEAD | {"lead": "L2", "holder": "ann"})
    assigned = house.events[-1]
    assert isinstance(assigned, LeadAssigned)
    assert (assigned.holder, assigned.how) == ("ann", "arrived")
