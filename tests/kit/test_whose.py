"""Whose a fact is that a person mends: told before it is kept, and warned of where that changes."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from joserfc.jwk import KeySet, OKPKey
from perennial.contracts.partner import DEMO, PlaceOrder
from perennial.kit.auth import Tokens
from perennial.kit.batch import Record
from perennial.kit.http import build_app
from perennial.kit.ingest import receive
from perennial.kit.operating import kit_router
from perennial.kit.parking import Handled, Parking, Which
from perennial.kit.tokens import issue
from perennial.kit.whose import Change, Whose

from tests.kit import toy
from tests.kit.toyhouse import START, Source, Toy, at

pytestmark = pytest.mark.feature("P3")

ANNAS = Whose(key="anna", names=["o1"])


def test_it_is_warned_of_whoever_loses_or_gets_the_fact() -> None:
    assert Change(was=ANNAS, will_be=ANNAS).warning == ""
    more = Whose(key="anna", names=["o1", "email:7"])
    assert Change(was=ANNAS, will_be=more).warning == "", "a name more is nobody else's"
    bobs = Change(was=ANNAS, will_be=Whose(key="bob", names=["o1"]))
    assert bobs.warning == "this fact was of anna, and will be of bob"
    other = Change(was=ANNAS, will_be=Whose(key="anna", names=["o2"]))
    assert other.warning == "it will no longer name o1 but o2"
    unknown = Change(was=ANNAS, will_be=Whose(names=["o1"]))
    assert unknown.warning == "this fact was of anna, and will be nobody's yet"
    torn = Change(was=None, will_be=ANNAS)
    assert torn.warning == "nobody can read whose this fact was; by the edit it is of anna"


class Desk:
    """A house with its parking, asked over REST by a person on call."""

    def __init__(self, pool: asyncpg.Pool, http: httpx.AsyncClient, bearer: str) -> None:
        self.house, self.source = Toy.on(pool), Source()
        self.parking = Parking(self.house.door, pool)
        self._http, self._headers = http, {"authorization": f"Bearer {bearer}"}

    async def post(self, path: str, wish: dict[str, Any]) -> Any:
        answer = await self._http.post(path, json=wish, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def edit(self, said: dict[str, Any], preview: bool = False) -> Any:
        """The one fact that is set aside, said otherwise."""
        (fact,) = await self.parking.listed(["parked", "waiting"], Which(), 0, 9)
        wish = {"data": said, "note": "a slip", "preview": preview}
        return await self.post(f"/v1/parked/{fact['id']}/edit", wish)

    async def unreadable(self, value: bytes) -> None:
        """A partner's order that can't be read."""
        place = self.source.record(DEMO.name, "any")
        told = {"specversion": "1.0", "id": "e", "source": "shop", "type": PlaceOrder.TYPE}
        headers = tuple((f"ce_{name}", text.encode()) for name, text in told.items())
        record = Record(place.topic, place.part, place.offset, b"any", value, headers)
        await self.house.records(receive(toy.SERVICE, record, at(0)))


@pytest.fixture
async def desk(pool: asyncpg.Pool, toys: None) -> AsyncIterator[Desk]:
    keys = KeySet([OKPKey.generate_key("Ed25519", {"kid": "k", "alg": "Ed25519", "use": "sig"})])
    app = build_app(toy.NAME, [kit_router()], Tokens(keys))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://svc") as http:
        made = Desk(pool, http, issue(keys, "oncall"))
        app.state.runtime = SimpleNamespace(parking=made.parking, service=toy.SERVICE)
        yield made


def order(**otherwise: Any) -> dict[str, Any]:
    said = PlaceOrder(order="o1", customer="anna", placed_at=START, currency="USD", total=1)
    found: dict[str, Any] = msgspec.to_builtins(said) | otherwise
    return found


@pytest.mark.stack
async def test_an_unreadable_order_that_is_mended_for_another_is_warned_of_and_kept_only_then(
    desk: Desk,
) -> None:
    await desk.unreadable(msgspec.json.encode(order(total="much")))

    mended = await desk.edit(order(), preview=True)
    assert (mended["was"], mended["will_be"]) == ({"key": "anna", "names": []},) * 2
    assert (mended["warning"], mended["edited"]) == ("", None)
    bobs = await desk.edit(order(customer="bob"), preview=True)
    assert bobs["warning"] == "this fact was of anna, and will be of bob"
    assert (bobs["edited"], bobs["history"]) == (None, [])
    kept = await desk.edit(order(customer="bob"))
    assert (kept["was"]["key"], kept["will_be"]["key"]) == ("anna", "bob")
    assert kept["warning"] == bobs["warning"]
    assert '"bob"' in kept["edited"]


@pytest.mark.stack
async def test_of_what_is_torn_nobody_can_tell_whose_it_was(desk: Desk) -> None:
    await desk.unreadable(b'{"customer": "an')
    assert "nobody can read whose" in (await desk.edit(order(), preview=True))["warning"]


@pytest.mark.stack
async def test_money_that_waits_goes_to_whoever_has_the_order_that_it_names_now(desk: Desk) -> None:
    await desk.house.records(desk.source.order("bob", "o2"), desk.source.payment("o1", "p1"))
    said = {"payment": "p1", "paid_at": "2026-01-01T00:00:00Z", "amount": 1, "currency": "USD"}
    told = await desk.edit(said | {"order": "o2"}, preview=True)
    assert told["was"] == {"key": "", "names": ["o1"]}
    assert told["will_be"] == {"key": "bob", "names": ["o2"]}
    assert "was nobody's yet, and will be of bob" in told["warning"]


@pytest.mark.stack
async def test_a_fact_of_our_own_stays_under_its_key(desk: Desk) -> None:
    await desk.house.records(desk.source.fed("a", toy.POISON))
    told = await desk.edit({"amount": 40})
    assert (told["was"], told["warning"]) == ({"key": "a", "names": []}, "")


@pytest.mark.stack
async def test_a_preview_of_a_redrive_counts_by_state_and_touches_nothing(desk: Desk) -> None:
    source = desk.source
    await desk.house.records(
        source.fed("a", toy.POISON), source.fed("a", 2), source.payment("o1", "p1")
    )
    which = {"reason": " "}
    for verb in ("redrive", "discard"):
        told = await desk.post(f"/v1/parked:{verb}", {"which": which, "preview": True})
        assert told == {"facts": 2, "waiting": 1, "behind": 1}
    assert sorted(await desk.house.parked()) == ["behind", "parked", "waiting"]
    done = await desk.parking.redrive(Which(reason=" "), 9, "ada", "")
    assert done == Handled(facts=2, waiting=1, behind=1)
