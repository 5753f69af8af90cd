"""The sales floor of a chaos run: sellers with limits, who are given leads, claim them and let them go,
and staff who leave and come back, while clocks of a minute run out."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, get_args

import httpx
import msgspec
from perennial_embedded.state import Addresses

from perennial_cli.chaos_ledger import Ledger, Verb, Wished
from perennial_cli.chaos_load import TIMEOUT, Tally, post, until_answered
from perennial_cli.driving import token
from perennial_cli.rest import Services

OWNER = "lead-intake"
FLOOR, STAFF = "chaos-floor", "chaos-staff"
"""Who wishes, and who sends people away: subjects of tokens, found again in the events' causes."""
POOL = "public"
AWAY_SECONDS = 8.0
VERBS: tuple[Verb, ...] = get_args(Verb)
WEIGHTS = (3, 4, 2, 3, 1)
RESTING = [{"clock": "assignment", "period": "14d"}]
POLL, ADOPTED_WITHIN = 0.1, 30.0
RECENT = 60
"""Wishes are about the newest leads: those that still move."""


@dataclass(frozen=True)
class Place:
    """A seller, and what they may hold at once and gain in all."""

    name: str
    level: int
    open: int
    inflow: int


FEW_AT_ONCE = [Place(f"few-{n}", 1 + n % 5, open=3, inflow=50_000) for n in range(8)]
FEW_IN_ALL = [Place(f"short-{n}", 1 + n % 5, open=1_000, inflow=25) for n in range(4)]
SELLERS = (*FEW_AT_ONCE, *FEW_IN_ALL)


def open_market(services: Services) -> None:
    """Sellers with their limits, and rules under which everything happens within minutes."""
    for one in SELLERS:
        services.put(OWNER, f"/v1/registers/people/{one.name}", entry(one))
        limits = {"open": one.open, "inflow": one.inflow}
        services.post(OWNER, f"/v1/registers/people/{one.name}/capacity", limits)
    _adopt(services, lively(services.get(OWNER, "/v1/policy")["document"]))


def close_market(services: Services) -> None:
    """The shipped periods again, for running clocks too: nothing moves by itself while all is compared."""
    document = services.get(OWNER, "/v1/policy")["document"]
    document["turnover"] |= {"rules": RESTING, "transition": "recompute"}
    _adopt(services, document)


def _adopt(services: Services, document: dict[str, Any]) -> None:
    """Returns once it judges."""
    drafted = services.post(OWNER, "/v1/policy/drafts", {"document": document})
    soon = datetime.now(UTC) + timedelta(seconds=1)
    wish = {
        "version": drafted["version"],
        "effective_at": soon.isoformat(),
        "reason": "a storm's market",
    }
    services.post(OWNER, "/v1/policy/adoptions", wish)
    name, until = f"{OWNER}@{drafted['version']}", time.monotonic() + ADOPTED_WITHIN
    while services.get(OWNER, "/v1/policy")["in_force"] != name:
        if time.monotonic() > until:
            raise TimeoutError(f"{name} is not in force after {ADOPTED_WITHIN:.0f} s")
        time.sleep(POLL)


def entry(one: Place) -> dict[str, Any]:
    return {"role": "seller", "department": "sales", "team": "sales", "level": one.level}


def lively(document: dict[str, Any]) -> dict[str, Any]:
    """The same rules with clocks of minutes, no rest in the pool, and no budget that runs out."""
    rules = deepcopy(document)
    grades = ["1A", "2A", "3A", "4A"]
    rules["turnover"]["rules"] = [
        {"clock": "first-contact", "period": "1min", "grades": grades},
        {"clock": "assignment", "period": "2min", "grades": grades},
    ]
    rules["turnover"]["warnings"] = [
        {"rung": "half", "share": 0.5},
        {"rung": "due", "before": "0d"},
    ]
    rules["holding"]["handovers"]["most"] = 1_000_000
    rules["most_returns"] = 1_000_000
    for pool in rules["pools"]:
        pool["limits"] = [{"name": "all", "claims": 1_000_000, "views": 1_000_000}]
        rests = ("last_holder", "everyone", "passive", "hold_new")
        pool.update(dict.fromkeys(rests, "0min"))
    return rules


class Floor:
    """People who want something done with leads: some of it can be, and then it is done once."""

    def __init__(
        self,
        addresses: Addresses,
        ledger: Ledger,
        name: str,
        rng: Random,
        rate: float,
        tally: Tally,
    ) -> None:
        self.refused: list[str] = []
        self._url = addresses.url(OWNER)
        self._bearer = token(addresses, "admin", client=FLOOR, subject=FLOOR)
        self._ledger, self._name, self._rng, self._rate = ledger, name, rng, rate
        self._tally = tally
        self._count = 0

    async def run(self, stopping: asyncio.Event) -> None:
        authorised = {"authorization": f"Bearer {self._bearer}"}
        async with httpx.AsyncClient(
            base_url=self._url, headers=authorised, timeout=TIMEOUT
        ) as client:
            while not stopping.is_set():
                if self._ledger.leads:
                    await self._want(client, self._wish(self._ledger.leads[-RECENT:]))
                await asyncio.sleep(self._rng.expovariate(self._rate))

    def _wish(self, leads: Sequence[str]) -> Wished:
        self._count += 1
        (verb,) = self._rng.choices(VERBS, WEIGHTS)
        named = verb in ("assign", "claim")
        return Wished(
            id=f"{self._name}-{self._count}",
            verb=verb,
            lead=self._rng.choice(leads),
            person=self._rng.choice(SELLERS).name if named else "",
        )

    async def _want(self, client: httpx.AsyncClient, wish: Wished) -> None:
        self._ledger.say(wish)
        url, body = f"/v1/leads/{wish.lead}/{wish.verb}", msgspec.json.encode(_body(wish))
        if wish.verb == "claim":
            url = f"/v1/pools/{POOL}/leads/{wish.lead}/claim"
        answer = await until_answered(lambda: post(client, url, body, wish.id), self._tally)
        if not answer.is_success and answer.json()["code"] == "lead-unknown":
            self.refused.append(f"{wish.id}: {answer.status_code} {answer.text[:200]}")
        done = answer.status_code == 201
        self._tally["wishes done" if done else "wishes refused"] += 1
        self._ledger.answer(wish, done, answer.text)


class Comings:
    """Sellers leave, their leads are held by others or wait, and they come back."""

    def __init__(self, addresses: Addresses, rng: Random, tally: Tally) -> None:
        self.refused: list[str] = []
        self._url = addresses.url(OWNER)
        self._bearer = token(addresses, "admin", client=STAFF, subject=STAFF)
        self._rng, self._tally = rng, tally

    async def run(self, stopping: asyncio.Event) -> None:
        authorised = {"authorization": f"Bearer {self._bearer}"}
        async with httpx.AsyncClient(
            base_url=self._url, headers=authorised, timeout=TIMEOUT
        ) as client:
            for number in range(1_000_000):
                await _unless(stopping, self._rng.uniform(0.5, 1.5) * AWAY_SECONDS)
                if stopping.is_set():
                    return
                await self._depart(
                    client, self._rng.choice(FEW_AT_ONCE), f"turn-{number}", stopping
                )

    async def _depart(
        self, client: httpx.AsyncClient, one: Place, turn: str, stopping: asyncio.Event
    ) -> None:
        """Whoever leaves comes back, also when the run ends: their leads have a holder who is here."""
        person, others = f"/v1/registers/people/{one.name}", [o.name for o in SELLERS if o != one]
        rehold = {"to": self._rng.sample(others, 3), "because": "left"}
        await self._told(client, f"{person}/leave", {}, f"{turn}-leave")
        await self._told(client, f"/v1/people/{one.name}/leads:rehold", rehold, f"{turn}-rehold")
        self._tally["departures"] += 1
        await _unless(stopping, AWAY_SECONDS)
        body = msgspec.json.encode(entry(one))
        answer = await until_answered(lambda: client.put(person, content=body), self._tally)
        self._note(answer, person)

    async def _told(self, client: httpx.AsyncClient, url: str, wish: Any, key: str) -> None:
        body = msgspec.json.encode(wish)
        self._note(await until_answered(lambda: post(client, url, body, key), self._tally), url)

    def _note(self, answer: httpx.Response, what: str) -> None:
        if not answer.is_success:
            self.refused.append(f"{what}: {answer.status_code} {answer.text[:200]}")


async def _unless(stopping: asyncio.Event, seconds: float) -> None:
    """So long, or until all ends."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def _body(wish: Wished) -> dict[str, Any]:
    match wish.verb:
        case "assign":
            return {"person": wish.person, "because": "customer-wish"}
        case "claim":
            return {"person": wish.person}
        case "pool":
            return {}
    return {"reason": "as the floor wants it"}
