"""In which order a key takes its facts: the next version, no other; what comes behind waits behind."""

from perennial.kit.batch import Entity, Gap, Item, Parked
from perennial.kit.verdicts import Verdicts

MARK = 8
"""Characters of a fact's id that tell a fork of history from a duplicate."""


class Ordering(Verdicts):
    """Judges versions under the key's lock."""

    def _is_next(self, entity: Entity, item: Item) -> bool:
        """Whether this version is the key's next one; duplicates and those behind are dealt with."""
        fact = item.fact
        if not fact.ver:
            return True
        seen = entity.seen.get(fact.topic, 0)
        if item.parked_id and (fact.ver <= seen) != item.behind:
            # Set aside alone, its version was counted then; or it stood behind and is still to come.
            return fact.ver <= seen or self._flows(entity, item, seen)
        last = max(seen, entity.aside.get(fact.topic, 0)) if entity.held else seen
        if fact.ver <= last:
            self._seen_before(entity, item, seen)
            return False
        return self._flows(entity, item, last)

    def _flows(self, entity: Entity, item: Item, last: int) -> bool:
        """Whether the key takes facts at all, and this one is not ahead of a missing one."""
        fact = item.fact
        if entity.held and item.parked_id:
            self._park(Parked(item, "behind", "behind a parked fact of the same key"), entity)
            return False
        if fact.ver > last + 1:
            detail = f"{fact.topic} {fact.key}: version {fact.ver} after {last}"
            if not item.parked_id:
                raise Gap(item, detail)
            self._cannot(item, entity, "gap", detail, holds=True)
            return False
        if entity.held:
            entity.aside[fact.topic] = fact.ver
            self._park(Parked(item, "behind", "behind a parked fact of the same key"), entity)
            return False
        return True

    def _seen_before(self, entity: Entity, item: Item, seen: int) -> None:
        fact, mark = item.fact, entity.marks.get(item.fact.topic)
        if fact.ver == seen and mark and fact.id and fact.id[:MARK] != mark and not item.parked_id:
            raise Gap(item, f"{fact.topic} {fact.key}: another fact under version {seen}: a fork")
        self.outcome.duplicates += 1
        if item.record is not None:
            self._count(item, -1)
        self._done_with(item)
