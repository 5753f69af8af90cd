"""Whose each part is, as one fold finds and changes it. Pure."""

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

from perennial.contracts.base import Fact, Refusal
from perennial.kit.batch import Entity, EntityId, PartId, Writes
from perennial.kit.subject import Subject


class BarredError(Exception):
    """A part is on its way to this subject: nobody has let go of it to this one yet."""

    def __init__(self, part_id: str, comes: bool) -> None:
        super().__init__(f"{part_id} was not let go of yet")
        self.waits_for = f"{'come' if comes else 'free'}:{part_id}"


class Parts:
    """Parts have one holder each; one that was not looked for is missed, and loaded for the next try."""

    def __init__(
        self, entities: Mapping[EntityId, Entity], holders: dict[PartId, str], writes: Writes
    ) -> None:
        self._entities = entities
        self._stored = holders
        self._holders = copy(holders)
        self._writes = writes
        self._before: list[tuple[PartId, str]] = []
        self.missing: set[PartId] = set()

    @property
    def holders(self) -> Mapping[PartId, str]:
        """Whose each part is by now."""
        return self._holders

    def stranger(self, entity: Entity, fact: Fact) -> Refusal | None:
        """Who names another's part is refused, or both would write it.

        Raises `BarredError` for a fact of a topic of ours: what it names will be let go of. What
        comes from another must have been let go of to this very subject, or a part that is not known
        yet, or that went to and fro, would be taken too early, and never be free for its next holder.
        """
        subject = entity.subject
        if subject.part is None:
            return None
        hands = subject.hands(fact)
        for part_id in subject.names(fact):
            holder = self._holders.get((subject.name, part_id))
            comes = hands.get(part_id) == entity.key
            if holder is None:
                self.missing.add((subject.name, part_id))
            elif holder != entity.key and (holder or comes):
                if fact.ver:
                    raise BarredError(part_id, comes)
                return Refusal(
                    code="held-by-another",
                    detail=f"{part_id} belongs to another {subject.name}; name the right one.",
                )
        return None

    def follow(self, changed: Iterable[tuple[Entity, Any]]) -> None:
        """Take note of who holds what after a decision, from each one's state before it: first of what
        was let go of, then of what was gained."""
        held = [(one, before) for one, before in changed if one.subject.part is not None]
        for entity, before in held:
            for part_id in before.parts.keys() - entity.state.parts.keys():
                place = entity.subject.name, part_id
                if self._holders.get(place) == entity.key:
                    self._set(place, "")
        for entity, _ in held:
            for part_id in entity.state.parts:
                self._set((entity.subject.name, part_id), entity.key)

    def hand_over(self, subject: Subject, fact: Fact) -> None:
        """What the fact has let go of is on its way to whom it names."""
        for part_id, key in subject.hands(fact).items():
            self._set((subject.name, part_id), key)

    def _set(self, place: PartId, key: str) -> None:
        before = self._holders.get(place, "")
        if before != key:
            self._before.append((place, before))
            self._holders[place] = key

    @property
    def changes(self) -> int:
        """How many there were so far; a mark to `undo` back to."""
        return len(self._before)

    def undo(self, mark: int) -> None:
        """A poison fact leaves no trace."""
        while len(self._before) > mark:
            place, key = self._before.pop()
            self._holders[place] = key

    def stand(self) -> None:
        """Nothing so far will be undone."""
        self._before.clear()

    def write(self, entity: Entity) -> None:
        """What the subject has changed, and what came to it from another."""
        name, writes = entity.subject.name, self._writes
        for part_id, part in entity.state.parts.items():
            former = self._stored.get((name, part_id), "")
            if former not in ("", entity.key):
                writes.moved.append((name, part_id, former, entity.key, part))
            elif entity.parts_before.get(part_id) is not part:
                writes.parts.append((name, part_id, entity.key, part))

    def write_let_go(self) -> None:
        """What nobody holds any more, and what is on its way: a row without a state."""
        writes = self._writes
        for place in dict.fromkeys([place for place, _ in self._before]):
            former, key = self._stored.get(place, ""), self._holders[place]
            if not key and former:
                writes.dropped.append((*place, former))
            elif key and self._in_hand(place, key):
                continue
            elif key and former:
                writes.moved.append((*place, former, key, None))
            elif key:
                writes.parts.append((*place, key, None))

    def _in_hand(self, place: PartId, key: str) -> bool:
        name, part_id = place
        entity = self._entities.get((name, key))
        return entity is not None and part_id in entity.state.parts
