"""The service without servers: the kit's own batch machine over dictionaries, and the REST routes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import msgspec
from fastapi import FastAPI
from joserfc.jwk import KeySet, OKPKey
from lead_intake.api import router
from lead_intake.domain.world import build
from lead_intake.main import SERVICE
from lead_intake.policy import Policy, default
from perennial.contracts.base import Event
from perennial.kit import actions, door
from perennial.kit.ask import Answer, Ask
from perennial.kit.auth import Tokens
from perennial.kit.batch import Item, Outcome, Parked, Writes
from perennial.kit.http import build_app
from perennial.kit.ingest import asked, placed
from perennial.kit.tokens import issue
from perennial.kit.worlds import Worlds

from tests.kit.memory import NEW, Memory
from tests.lead_intake.histories import NOW, SEALING


class House:
    """What Postgres would hold, and the asks of its REST face."""

    def __init__(self) -> None:
        self.worlds = Worlds(SERVICE, {})
        self.store = Memory()
        self.events: list[Event] = []
        self.parked: list[Parked] = []

    def now(self) -> datetime:
        return NOW

    async def ask(self, ask: Ask) -> Answer:
        return (await self.ask_all([ask]))[0]

    async def ask_all(self, asks: list[Ask]) -> list[Answer]:
        outcome = self.run([asked(SERVICE, ask, self.now()) for ask in asks])
        return [outcome.answers[id(ask)] for ask in asks]

    def state(self, subject: str, key: str) -> Any:
        """What its events have made of a subject, parts apart."""
        kind = SERVICE.subjects[subject].state
        row = self.store.tables.entity.get((subject, key), NEW)
        return msgspec.json.decode(row[5], type=kind)

    def adopt(self, **rules: Any) -> None:
        """Judge by the default policy with these changes from now on."""
        document = msgspec.to_builtins(default()) | rules
        changed = msgspec.convert(document, Policy)
        service = replace(SERVICE, world=lambda reference, _: build(reference, changed))
        self.worlds = Worlds(service, self.worlds.reference)

    def release(self) -> None:
        """Fold again what waited."""
        waiting, self.parked = self.parked, []
        self.run([_again(one, number) for number, one in enumerate(waiting, 1)])

    def run(
        self,
        items: list[Item],
        timers: Sequence[tuple[str, str]] = (),
        until: datetime | None = None,
    ) -> Outcome:
        job = door.Job("requests", items, list(timers), until)
        machine = door.batch(SERVICE, self.worlds, job)
        try:
            action = next(machine)
            while True:
                action = machine.send(self._perform(action))
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome

    def _perform(self, action: actions.Action) -> Any:
        match action:
            case actions.LockParked(ids):
                return [
                    SimpleNamespace(id=one, state="waiting", holds=False, subject="", key="")
                    for one in ids
                ]
            case actions.Write(writes):
                self._take_note(writes)
                self.store.perform(replaced(action))
                return None
        return self.store.perform(action)

    def _take_note(self, writes: Writes) -> None:
        for one in writes.entities:
            if one.subject.reference:
                self.worlds = self.worlds.with_states({(one.subject.name, one.key): one.state})
        self.events += [made.event for made in writes.events]
        self.parked += writes.parked


def replaced(action: actions.Write) -> actions.Write:
    """Without what is set aside: this house keeps it itself."""
    return actions.Write(replace(action.writes, parked=[], released=[]))


def rest(
    asks: Any, pool: Any = None, door: Any = None, personal: Any = SEALING
) -> tuple[FastAPI, dict[str, str]]:
    """The REST face over these asks, and tokens by role."""
    keys = KeySet([OKPKey.generate_key("Ed25519", {"kid": "k", "alg": "Ed25519", "use": "sig"})])
    app = build_app("lead-intake", [router], Tokens(keys))
    clock = door or asks
    app.state.runtime = SimpleNamespace(
        asks=asks,
        personal=personal,
        pool=pool,
        service=SERVICE,
        now=lambda: clock.now(),
        world=lambda: clock.worlds.at(clock.now()),
    )
    roles = ("admin", "partner", "seller", "notifier")
    return app, {role: issue(keys, role, client="shop") for role in roles}


def _again(parked: Parked, number: int) -> Item:
    """As the kit reads a parked row back: nobody waits for an answer any more."""
    item = Item(parked.item.fact, parked_id=number, ready_for=parked.waits_for or "")
    return placed(SERVICE, item)
