"""Whose each part is, as one fold finds and changes it. Pure."""

from collections.abc import Iterable, Mapping
from copy import copy

from perennial.contracts.base import Fact, Refusal
from perennial.kit.batch import Entity, EntityId, PartId, Writes


class BarredError(Exception):
    """A part is on its way to this subject: the former one has not let go of it yet."""


class Parts:
    """Parts have one holder each; one that was not looked for is missed, and loaded for the next try."""

    def __init__(
        self, entities: Mapping[EntityId, Entity], holders: dict[PartId, str], writes: Writes
    ) -> None:
        self._entities = entities
        self._stored = holders
        self._holders = copy(holders)
        self._writes = writes
        self.missing: set[PartId] = set()

    @property
    def holders(self) -> Mapping[PartId, str]:
        """Whose each part is by now."""
        return self._holders

    def stranger(self, entity: Entity, fact: Fact) -> Refusal | None:
        """Who names another's part is refused, or both would write it.

        Raises `BarredError` for a fact of a topic of ours: what it names will be let go of.
        """
        subject = entity.subject
        for part_id in subject.names(fact) if subject.part is not None else ():
            holder = self._holders.get((subject.name, part_id))
            if holder is None:
                self.missing.add((subject.name, part_id))
            elif holder and holder != entity.key:
                if fact.ver:
                    raise BarredError(part_id)
                return Refusal(
                    code="held-by-another",
                    detail=f"{part_id} belongs to another {subject.name}; name the right one.",
                )
        return None

    def follow(self, changed: Iterable[Entity]) -> None:
        """Take note of who holds what now: first of what was let go of, then of what was gained."""
        held = [one for one in changed if one.subject.part is not None]
        for entity in held:
            for part_id in entity.parts_before.keys() - entity.state.parts.keys():
                place = entity.subject.name, part_id
                if self._holders.get(place) == entity.key:
                    self._holders[place] = ""
        for entity in held:
            for part_id in entity.state.parts:
                self._holders[entity.subject.name, part_id] = entity.key

    def write(self, entity: Entity) -> None:
        """What changed, what came from another, and what nobody holds any more."""
        before, name, writes = entity.parts_before, entity.subject.name, self._writes
        for part_id, part in entity.state.parts.items():
            former = self._stored.get((name, part_id), "")
            if former not in ("", entity.key):
                writes.moved.append((name, part_id, former, entity.key, part))
            elif before.get(part_id) is not part:
                writes.parts.append((name, part_id, entity.key, part))
        for part_id in before.keys() - entity.state.parts.keys():
            if not self._holders.get((name, part_id)):
                writes.dropped.append((name, part_id, entity.key))
