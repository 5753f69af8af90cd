"""Who is who: people say that two parties are one, or two again; and what must hold of it afterwards."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from random import Random
from typing import Any

import msgspec
from lead_intake import lead_store, store
from lead_intake.asking import about_merge, about_union
from lead_intake.domain.customer import Customer as Party
from lead_intake.domain.identity import order_id
from lead_intake.domain.requests import DeclineMerge, MergeParties, UnmergeParties
from lead_intake.party_views import United
from lifecycle.domain.record import Customer as Served
from perennial.kit.ask import Ask

from tests.kit.memory import Tables
from tests.simulation.load import SOURCE, Company
from tests.simulation.outside import Outside, Wish
from tests.simulation.queries import states
from tests.simulation.rebuilding import in_hand

_json = msgspec.json.decode
BY = "p:ida"


class Registrar:
    """Draws wishes about who is who from what stands in the tables."""

    def __init__(self, seed: str, tables: Mapping[str, Tables]) -> None:
        self._random = Random(f"registrar {seed}")
        self._tables = tables
        self._asked = 0

    def wishes(self, _now: datetime) -> list[Wish]:
        """Now and then one or two: of what was proposed, of who is one, or of any two."""
        parties = known_parties(self._tables)
        often = self._random.choice((0, 0, 1, 1, 2))
        return [self._wish(parties) for _ in range(often)] if len(parties) > 1 else []

    def _wish(self, parties: dict[str, Party]) -> Wish:
        asked = [
            (key, other)
            for key, one in parties.items()
            for other, proposal in one.proposals.items()
            if not proposal.declined and not one.root
        ]
        taken_in = [(key, other) for key, one in parties.items() for other in one.absorbed]
        draw = self._random.random()
        if asked and draw < 0.5:
            key, other = self._random.choice(asked)
            return self._decline(key, other) if draw < 0.15 else self._unite(key, other)
        if taken_in and draw < 0.75:
            key, other = self._random.choice(taken_in)
            return self._unite(key, other, apart=True)
        key, other = self._random.sample(sorted(parties), 2)
        return self._unite(key, other)

    def _unite(self, key: str, other: str, apart: bool = False) -> Wish:
        """As `Desk.unite` of lead-intake asks it."""
        name = self._name()

        async def ask(runtime: Any) -> Ask:
            root = await store.root_of(runtime.pool, key)
            heard = await lead_store.heard(runtime.pool, [root, other])
            wish = (UnmergeParties if apart else MergeParties)(other=other, by=BY, heard=heard)
            return about_union(root, wish, name, name.encode(), BY)

        return Wish("lead-intake", name, ask)

    def _decline(self, key: str, other: str) -> Wish:
        name, wish = self._name(), DeclineMerge(other=other, by=BY)
        return Wish("lead-intake", name, lambda _: about_merge(key, wish, name, name.encode(), BY))

    def _name(self) -> str:
        self._asked += 1
        return f"union-{self._asked}"


def known_parties(tables: Mapping[str, Tables]) -> dict[str, Party]:
    """Everybody that lead-intake has heard of, by key."""
    rows = states(tables["lead-intake"], "customer")
    found = {row["key"]: _json(row["state"], type=Party) for row in rows}
    return {key: one for key, one in found.items() if one.captured}


class WhoIsWho:
    """What must be true of parties, whoever was merged with whom meanwhile."""

    def __init__(self, tables: Mapping[str, Tables], company: Company) -> None:
        self._tables, self._company = tables, company
        self._parties = known_parties(tables)

    def violations(self, outside: Outside, unions: list[Any]) -> Iterator[str]:
        yield from self._as_said(outside, unions)
        yield from self._both_sides()
        yield from self._held_at_the_root()
        yield from self._led_by_names()
        yield from self._same_everywhere()

    def root_of(self, name: str) -> str:
        """The key of whoever goes by a name."""
        return self._root(self._tables["lead-intake"].alias.get(("customer", name), name))

    def _root(self, key: str) -> str:
        party = self._parties.get(key)
        return self._root(party.root) if party is not None and party.root else key

    def _as_said(self, outside: Outside, unions: list[Any]) -> Iterator[str]:
        """Each that was acknowledged happened once, each that happened was asked for."""
        said: Counter[tuple[str, str]] = Counter()
        for wish_id, (_, answer) in outside.answered.items():
            if wish_id.startswith("union-") and answer.status == 201 and b'"root"' in answer.body:
                told = _json(answer.body, type=United)
                said[told.root, told.other] += 1
        made = Counter((one.root, one.loser) for one in unions if one.customer_id == one.root)
        lost = Counter((one.root, one.loser) for one in unions if one.customer_id == one.loser)
        if not said == made == lost:
            yield f"unions were acknowledged {said}, told on the one key {made}, on the other {lost}"
        for (root, loser), n in said.items():
            party = self._parties.get(loser)
            stands = party is not None and party.root == root
            if stands != bool(n % 2):
                yield f"{loser} and {root} were united and parted {n} times in all, and one: {stands}"

    def _both_sides(self) -> Iterator[str]:
        for key, one in self._parties.items():
            if one.root and key not in self._parties[one.root].absorbed:
                yield f"{key} is part of {one.root}, which does not know of it"
            for other in one.absorbed:
                if self._parties[other].root != key:
                    yield f"{key} took in {other}, which is part of {self._parties[other].root!r}"
            if one.root and one.leads:
                yield f"{key} is part of {one.root} and keeps {sorted(one.leads)}"

    def _held_at_the_root(self) -> Iterator[str]:
        """What came for a party is with whom that one was found to be."""
        for (_, order), (key, text) in self._tables["lead-intake"].part.items():
            of = _json(text).get("of") or key
            if self._root(of) != key:
                yield f"order {order} came for {of} and is with {key}, not {self._root(of)}"
        for key, one in self._parties.items():
            for lead_id, lead in one.leads.items():
                if self._root(lead.of or key) != key:
                    yield f"lead {lead_id} came for {lead.of} and is with {key}"

    def _led_by_names(self) -> Iterator[str]:
        """A lead's name leads to its holder, a party's in its source to whom its orders came for."""
        names, parts = self._tables["lead-intake"].alias, self._tables["lead-intake"].part
        for party in self._company.parties:
            key = self.root_of(party.name)
            for number in party.orders:
                holder = parts.get(("customer", order_id(SOURCE, number)), (key,))[0]
                if holder != key:
                    yield f"order {number} of {party.name} is with {holder}, not {key}"
        for key, one in self._parties.items():
            for lead_id in (*one.leads, *one.also):
                if names.get(("customer", lead_id)) != key:
                    yield f"lead {lead_id} is with {key}, its name leads elsewhere"

    def _same_everywhere(self) -> Iterator[str]:
        """Each order has one holder, the same in every service; who is part of another rests."""
        places = [
            {order: key for (_, order), (key, _) in in_hand(self._tables[name])}
            for name in ("lead-intake", "scoring")
        ]
        for order in sorted(places[0].keys() | places[1].keys()):
            here, there = places[0].get(order), places[1].get(order)
            if here != there:
                yield f"order {order} is with {here} in lead-intake, with {there} in scoring"
        for row in states(self._tables["lifecycle"], "customer"):
            party = self._parties.get(row["key"])
            root = _json(row["state"], type=Served).root
            if root != (party.root if party is not None else ""):
                yield f"{row['key']} is part of {root!r} in lifecycle"
