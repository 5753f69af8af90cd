"""Two that were found to be one, and one that is two again (I2): everything goes where it belongs."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_intake.asking import about_union
from lead_intake.domain.identity import lead_id, order_id, party_id
from lead_intake.domain.requests import MergeParties, UnmergeParties
from lead_intake.main import SERVICE
from perennial.contracts.base import Fact
from perennial.kit.history import state_at
from perennial.kit.rebuilding.comparing import compared_names
from perennial.kit.rebuilding.shadow import Logged

from tests.lead_intake.client import Client
from tests.lead_intake.house import House, rest
from tests.lead_intake.serving import Served
from tests.lead_intake.test_leads import ACTIVITY, LEAD, ORDER

pytestmark = pytest.mark.feature("I2")

ACME, GLOBEX = party_id("shop", "acme"), party_id("shop", "globex")
OF = {"acme": ACME, "globex": GLOBEX}


class Desk:
    """A house with its client, and the wishes that parties be one."""

    def __init__(self) -> None:
        self.house = House()
        app, tokens = rest(self.house)
        transport = httpx.ASGITransport(app)
        self.client = Client(httpx.AsyncClient(transport=transport, base_url="http://svc"), tokens)
        self._asked = 0

    async def unite(self, key: str, other: str, apart: bool = False) -> int:
        self._asked += 1
        wish = (UnmergeParties if apart else MergeParties)(other=other, by="ann")
        ask = about_union(key, wish, f"unite {self._asked}", b"", "ann")
        return (await self.house.ask(ask)).status

    async def order(self, customer: str, number: str, **more: Any) -> dict[str, Any]:
        said = ORDER | {"order": number, "customer": customer, "paid": False} | more
        answer: dict[str, Any] = (await self.client("POST", "/orders", said)).json()
        return answer

    def parts(self) -> dict[str, tuple[str, str]]:
        return {part_id: kept for (_, part_id), kept in self.house.store.tables.part.items()}

    def party(self, key: str) -> Any:
        return self.house.state("customer", key)


async def two_parties() -> Desk:
    desk = Desk()
    await desk.client("POST", "/leads", LEAD)
    await desk.client("POST", "/leads", LEAD | {"lead": "L2", "party": "globex", "person": None})
    await desk.order("acme", "1")
    await desk.order("globex", "2")
    return desk


async def test_leads_orders_and_all_that_comes_later_are_the_roots() -> None:
    desk = await two_parties()
    assert await desk.unite(ACME, GLOBEX) == 201
    root = min(ACME, GLOBEX)  # both were made known at the same moment
    assert sorted(desk.party(root).leads) == sorted([lead_id("shop", "L1"), lead_id("shop", "L2")])
    assert {kept[0] for kept in desk.parts().values()} == {root}
    for customer in OF:
        told = await desk.order(customer, f"later-{customer}")
        assert told["customer_id"] == root
    paid = {"payment": "p1", "paid_at": "2026-05-04T09:00:00Z", "amount": 10_000, "currency": "USD"}
    assert (await desk.client("POST", "/orders/2/payments", paid)).status_code == 201
    active = await desk.client("POST", "/leads/L2/activities", ACTIVITY)
    assert active.json()["customer_id"] == root
    assert not desk.house.parked


async def test_the_older_party_is_the_root_whichever_is_named_first() -> None:
    for first, second in ((ACME, GLOBEX), (GLOBEX, ACME)):
        desk = await two_parties()
        await desk.unite(first, second)
        assert {desk.party(ACME).root, desk.party(GLOBEX).root} == {"", min(ACME, GLOBEX)}


async def test_said_again_nothing_happens_and_nonsense_names_the_cure() -> None:
    desk = await two_parties()
    await desk.unite(ACME, GLOBEX)
    made = len(desk.house.events)
    assert await desk.unite(ACME, GLOBEX) == 200
    assert await desk.unite(GLOBEX, ACME) == 200
    assert await desk.unite(ACME, "c" + "0" * 24) == 404
    assert await desk.unite(min(ACME, GLOBEX), min(ACME, GLOBEX)) == 422
    assert await desk.unite(ACME, min(ACME, GLOBEX), apart=True) == 409
    assert len(desk.house.events) == made


async def test_a_claim_of_either_is_the_partys_own_and_no_ground_to_ask() -> None:
    desk = await two_parties()
    phone = {"phone": "+4930999999"}
    await desk.client(
        "POST", "/leads", LEAD | {"lead": "L3", "party": "globex", "person": phone, "product": "MG"}
    )
    await desk.unite(ACME, GLOBEX)
    both = {"email": "ann@acme.example", "phone": "+4930999999"}
    told = await desk.client(
        "POST", "/leads", LEAD | {"lead": "L4", "party": "new", "person": both, "product": "GTK"}
    )
    assert "proposed" not in told.json()
    assert told.json()["customer_id"] == min(ACME, GLOBEX)


async def test_apart_again_what_came_under_a_name_meanwhile_is_its_own() -> None:
    desk = await two_parties()
    await desk.unite(ACME, GLOBEX)
    for customer in OF:
        await desk.order(customer, f"later-{customer}")
        late = LEAD | {"lead": f"late-{customer}", "party": customer, "person": None}
        await desk.client("POST", "/leads", late)
    root = min(ACME, GLOBEX)
    assert await desk.unite(root, max(ACME, GLOBEX), apart=True) == 201
    for customer, key in OF.items():
        kept = desk.parts()[order_id("shop", f"later-{customer}")]
        assert kept[0] == key
        assert lead_id("shop", f"late-{customer}") in desk.party(key).leads
    active = await desk.client("POST", "/leads/late-globex/activities", ACTIVITY)
    assert active.json()["customer_id"] == GLOBEX


async def test_a_name_learned_of_one_meanwhile_speaks_for_it_each_time_it_is_used() -> None:
    desk = await two_parties()
    root, loser = sorted([ACME, GLOBEX])
    email = {"email": "buyer@globex.example"}
    theirs = next(name for name, key in OF.items() if key == loser)
    await desk.client("POST", "/leads", LEAD | {"lead": "L3", "party": theirs, "person": email})
    await desk.unite(root, loser)
    for number in ("new-1", "new-2"):
        await desk.order("another-name", number, person=email)
    assert await desk.unite(root, loser, apart=True) == 201
    for number in ("new-1", "new-2"):
        assert desk.parts()[order_id("shop", number)][0] == loser


@pytest.mark.parametrize("learned", ["of the whole", "before"])
async def test_a_name_of_one_who_came_with_another_goes_where_that_one_goes(learned: str) -> None:
    desk = await two_parties()
    await desk.client("POST", "/leads", LEAD | {"lead": "L3", "party": "hooli", "person": None})
    first, second, third = sorted([*OF.values(), party_id("shop", "hooli")])
    named = next(n for n in (*OF, "hooli") if party_id("shop", n) == third)
    email = {"email": "buyer@third.example"}
    await desk.client("POST", "/leads", LEAD | {"lead": "L4", "party": named, "person": email})
    await desk.unite(second, third)
    if learned == "before":
        await desk.order("another-name", "new-0", person=email)
    await desk.unite(first, second)
    for number in ("new-1", "new-2"):
        await desk.order("another-name", number, person=email)
    assert await desk.unite(first, second, apart=True) == 201
    assert {kept[0] for number, kept in desk.parts().items() if "new" in kept[1]} == {second}
    await desk.order("another-name", "new-3", person=email)
    assert await desk.unite(second, third, apart=True) == 201
    assert {kept[0] for number, kept in desk.parts().items() if "new" in kept[1]} == {third}
    assert (await desk.order("another-name", "new-4"))["customer_id"] == third


async def test_what_one_knows_of_the_party_comes_and_goes_with_it() -> None:
    desk = Desk()
    await desk.client("POST", "/leads", LEAD | {"attributes": {"size": "40"}})
    globex = {"lead": "L2", "party": "globex", "person": None}
    told = {"size": "9", "industry": "steel"}
    await desk.client("POST", "/leads", LEAD | globex | {"attributes": told})
    before = [desk.party(key).attributes for key in (ACME, GLOBEX)]
    await desk.unite(ACME, GLOBEX)
    root, loser = sorted([ACME, GLOBEX])
    assert set(desk.party(root).attributes) == {"size", "industry"}
    await desk.unite(root, loser, apart=True)
    assert [desk.party(key).attributes for key in (ACME, GLOBEX)] == before


@pytest.mark.feature("T1")
async def test_contacts_and_complaints_of_either_spare_the_one_party() -> None:
    desk = await two_parties()
    await desk.client("POST", "/leads/L1/activities", ACTIVITY)
    complaint = ACTIVITY | {"activity": "a2", "kind": "complaint"}
    await desk.client("POST", "/leads/L2/activities", complaint)
    await desk.unite(ACME, GLOBEX)
    root, loser = sorted([ACME, GLOBEX])
    contacts = desk.party(root).contacts
    assert (len(contacts.made), contacts.complaint_since is not None) == (1, True)
    await desk.client("POST", "/leads/L2/activities", ACTIVITY | {"activity": "a3"})

    await desk.unite(root, loser, apart=True)
    acme, globex = (desk.party(key).contacts for key in (ACME, GLOBEX))
    assert (len(acme.made), acme.complaint_since) == (1, None)
    assert (len(globex.made), globex.complaint_since is not None) == (1, True)


@dataclass(frozen=True)
class Said:
    kind: str
    customer: str
    number: int


said = st.builds(
    Said,
    kind=st.sampled_from(["order", "order", "payment", "return", "cancel"]),
    customer=st.sampled_from(sorted(OF)),
    number=st.integers(1, 3),
)


async def tell(desk: Desk, one: Said, moment: int) -> None:
    order, at = f"{one.customer}-{one.number}", "2026-05-20T09:00:00Z"
    match one.kind:
        case "order":
            await desk.order(one.customer, order)
        case "payment":
            said = {"payment": f"p{moment}", "paid_at": at, "amount": 4_000, "currency": "USD"}
            await desk.client("POST", f"/orders/{order}/payments", said)
        case "return":
            said = {"return": f"r{moment}", "returned_at": at, "amount": 1_000}
            await desk.client("POST", f"/orders/{order}/returns", said)
        case "cancel":
            await desk.client("POST", f"/orders/{order}/cancel", {"cancelled_at": at})


@given(st.lists(said, max_size=14), st.integers(0, 14), st.integers(0, 14))
@settings(deadline=None, max_examples=25)
async def test_one_for_a_while_or_never_the_orders_are_the_same_to_the_cent(
    history: list[Said], merged: int, apart: int
) -> None:
    first, last = sorted((merged, apart))
    never, meanwhile = await two_parties(), await two_parties()
    root, loser = sorted([ACME, GLOBEX])
    for moment, one in enumerate([*history, None]):
        if moment == min(first, len(history)):
            await meanwhile.unite(root, loser)
        if moment == min(last, len(history)):
            await meanwhile.unite(root, loser, apart=True)
        if one is not None:
            await tell(never, one, moment)
            await tell(meanwhile, one, moment)
    assert {n: kept[0] for n, kept in never.parts().items()} == {
        n: kept[0] for n, kept in meanwhile.parts().items()
    }
    for part_id, (_, text) in never.parts().items():
        assert same_order(text, meanwhile.parts()[part_id][1])


def same_order(one: str, other: str) -> bool:
    """As orders are told: under which id an order was first kept is the one thing that may differ."""
    kept = [msgspec.json.decode(text) for text in (one, other)]
    for order in kept:
        order.pop("customer_id")
        order.pop("party", None)
    return bool(kept[0] == kept[1])


@pytest.mark.stack
async def test_over_rest_past_moments_and_pools_follow_the_lead(served: Served) -> None:
    client = served.client
    await client("POST", "/leads", LEAD)
    served.later(timedelta(hours=1))
    guy = {"lead": "L2", "party": "globex", "person": {"email": "guy@globex.example"}}
    await client("POST", "/leads", LEAD | guy)
    await client("POST", "/leads/L2/activities", ACTIVITY)
    await client("POST", "/orders", ORDER | {"order": "2", "customer": "globex", "paid": False})
    before = served.now()
    served.later(timedelta(hours=1))
    merged = await client("POST", f"/customers/{GLOBEX}/merge", {"other": ACME, "reason": "one"})
    assert (merged.status_code, merged.json()["root"]) == (201, ACME)
    assert (merged.json()["leads"], merged.json()["orders"]) == (1, 1)
    assert merged.json()["other"] == GLOBEX

    shown = await client("GET", f"/customers/{GLOBEX}/party", b"")
    assert shown.json()["customer_id"] == ACME
    assert [one["customer_id"] for one in shown.json()["absorbed"]] == [GLOBEX]
    now = await client("GET", "/leads/L2", b"")
    past = await client("GET", f"/leads/L2?as_of={before.isoformat().replace('+00:00', 'Z')}", b"")
    assert (now.json()["customer_id"], past.json()["customer_id"]) == (ACME, GLOBEX)
    timeline = (await client("GET", "/leads/L2/timeline?limit=3", b"")).json()
    rest = await client("GET", f"/leads/L2/timeline?cursor={timeline['next_cursor']}", b"")
    kinds = [one["type"].split(".")[2] for one in (*timeline["items"], *rest.json()["items"])]
    assert (kinds[0], set(kinds[-2:])) == ("captured", {"left", "taken"})
    assert "activity-logged" in kinds

    order = await client("GET", f"/orders/2?as_of={before.isoformat().replace('+00:00', 'Z')}", b"")
    assert order.json()["customer_id"] == GLOBEX
    looked = await client("POST", "/leads/L2/contact", {})
    assert looked.json()["contact"]["person"]["email"] == "guy@globex.example"

    apart = await client("POST", f"/customers/{ACME}/unmerge", {"other": GLOBEX})
    assert apart.status_code == 201
    assert (await client("GET", "/leads/L2", b"")).json()["customer_id"] == GLOBEX
    assert (await client("GET", "/merge-proposals", b"")).json()["items"] == []


@pytest.mark.stack
async def test_facts_on_their_way_while_it_happens_find_the_root(served: Served) -> None:
    """Fifty orders of either name and the merge at once: all are the root's, none is lost."""
    for name in OF:
        await served.client("POST", "/orders", ORDER | {"order": name, "customer": name})
    orders = [
        served.client("POST", "/orders", ORDER | {"order": f"{name}-{n}", "customer": name})
        for n in range(25)
        for name in OF
    ]
    merge = served.client("POST", f"/customers/{ACME}/merge", {"other": GLOBEX})
    answers = await asyncio.gather(*orders[:25], merge, *orders[25:])
    assert {one.status_code for one in answers} == {201}
    rows = await served.pool.fetch("SELECT key, count(*) FROM part GROUP BY key")
    assert [tuple(row) for row in rows] == [(answers[25].json()["root"], 52)]


@pytest.mark.stack
@pytest.mark.feature("P7")
async def test_what_the_topics_say_of_two_that_were_one_is_what_the_tables_hold(
    served: Served,
) -> None:
    await served.client("POST", "/leads", LEAD)
    await served.client("POST", "/leads", LEAD | {"lead": "L2", "party": "globex", "person": None})
    await served.client("POST", "/orders", ORDER | {"customer": "globex"})
    phone = {"phone": "+4930999999"}
    third = LEAD | {
        "lead": "T",
        "party": "third",
        "source": "web",
        "person": phone,
        "kind": "renewal",
    }
    await served.client(
        "POST", "/leads", LEAD | {"lead": "L5", "party": "globex", "person": phone, "product": "MG"}
    )
    for how in ("merge", "touch", "unmerge", "merge"):
        served.later(timedelta(hours=1))
        root, loser = sorted([ACME, GLOBEX])
        if how == "touch":
            for lead in (third, third | {"lead": "T2"}):
                assert (await served.client("POST", "/leads", lead)).status_code == 201
        else:
            await served.client("POST", f"/customers/{root}/{how}", {"other": loser})
        for key in (ACME, GLOBEX):
            subject = SERVICE.subjects["customer"]
            told = await state_at(served.pool, SERVICE, subject, key, served.now())
            live = await state_at(served.pool, SERVICE, subject, key)
            assert (told.leads, told.root, told.absorbed) == (live.leads, live.root, live.absorbed)
            held = await served.pool.fetch("SELECT id FROM part WHERE key = $1", key)
            assert sorted(told.parts) == sorted(row["id"] for row in held)
            rows = await served.pool.fetch("SELECT name FROM alias WHERE key = $1", key)
            names = frozenset(row["name"] for row in rows)
            assert not list(compared_names(subject, key, names, await logged(served, key)))


async def logged(served: Served, key: str) -> list[Logged]:
    kinds = {kind.TYPE: kind for kind in SERVICE.topic_of}
    rows = await served.pool.fetch("SELECT * FROM event WHERE key = $1", key)
    return [
        Logged(
            Fact(
                data=msgspec.json.decode(row["data"], type=kinds[row["type"]]),
                id=row["id"], key=key, now=row["now"], time=row["time"],
                topic=row["topic"], ver=row["ver"],
            ),
            row["data"],
            row["now"],
        )
        for row in rows
    ]  # fmt: skip
