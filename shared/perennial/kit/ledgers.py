"""What limits over many keys are decided from: ledger entries beside a batch's subjects. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact
from perennial.kit.batch import Entity, EntityId
from perennial.kit.subject import Ledger, Subject


class Ledgers:
    """The locked entries of one fold; one that is not there is missed, and locked for the next try."""

    def __init__(self, entities: Mapping[EntityId, Entity]) -> None:
        self._entities = entities
        self.missing: set[EntityId] = set()
        self._before: list[tuple[Entity, Any]] = []

    def beside(self, entity: Entity, fact: Fact) -> Any:
        """The subject's state, with the entries its rule looks at for this fact put beside it."""
        ledger, state = entity.subject.ledger, entity.state
        if ledger is None:
            return state
        keys = entity.subject.beside(state, fact)
        entries = {key: self._standing(ledger, key) for key in keys}
        return msgspec.structs.replace(state, beside=entries) if entries else state

    def enter(self, subject: Subject, event: Event, now: datetime) -> None:
        """Let an event count in the entries that it concerns."""
        ledger = subject.ledger
        if ledger is None:
            return
        for key in ledger.keys(event):
            entry = self._entry(ledger, key)
            if entry is not None:
                self._before.append((entry, entry.state))
                entry.state = ledger.enter(entry.state, key, event, now)
                entry.touched = True

    @property
    def entered(self) -> int:
        """How many entries were changed so far; a mark to `undo` back to."""
        return len(self._before)

    def undo(self, mark: int) -> None:
        """A poison fact leaves no trace."""
        while len(self._before) > mark:
            entry, state = self._before.pop()
            entry.state = state

    def _standing(self, ledger: Ledger, key: str) -> Any:
        entry = self._entry(ledger, key)
        return ledger.state() if entry is None else entry.state

    def _entry(self, ledger: Ledger, key: str) -> Entity | None:
        place = ledger.name, key
        entry = self._entities.get(place)
        if entry is None:
            self.missing.add(place)
        return entry
