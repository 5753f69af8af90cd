"""Names by which facts find their subject: resolved before the lock, given by events, one holder each."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact, Refusal
from perennial.kit.actions import Action, Resolve
from perennial.kit.batch import Item, PartId
from perennial.kit.subject import Subject


def resolved(items: list[Item]) -> Generator[Action, Any, tuple[list[Item], dict[PartId, str]]]:
    """Give facts the key that their names lead to: in the store, or by another fact of this batch."""
    wanted: dict[str, set[str]] = {}
    for item in items:
        if item.subject is not None and item.names:
            wanted.setdefault(item.subject.name, set()).update(item.names)
    known: dict[PartId, str] = {}
    for subject, names in sorted(wanted.items()):
        found: dict[str, str] = yield Resolve(subject, sorted(names))
        known.update({(subject, name): key for name, key in found.items()})
    meeting = dict(known)
    for item in items:
        _meet(item, meeting)
    return [_at_holder(item, meeting) for item in items], known


def _meet(item: Item, meeting: dict[PartId, str]) -> None:
    """Facts of one batch that share a name are of one subject, whichever of them makes it."""
    key = _holder(item, meeting)
    if item.subject is not None and item.key and key:
        for name in item.names:
            meeting.setdefault((item.subject.name, name), key)


def _at_holder(item: Item, meeting: Mapping[PartId, str]) -> Item:
    key = _holder(item, meeting)
    return item if key == item.key else replace(item, key=key, wait="")


def _holder(item: Item, meeting: Mapping[PartId, str]) -> str:
    if item.subject is None or item.settled:
        return item.key
    held = (meeting.get((item.subject.name, name)) for name in item.names)
    return next((key for key in held if key), item.key)


def nobodys(name: str) -> Refusal:
    """The answer to a wish about what is not there."""
    return Refusal(code="unknown", detail=f"There is no {name} here.", kind="missing")


class Names:
    """Whose each name is, as one fold finds and changes it."""

    def __init__(
        self,
        known: Mapping[PartId, str],
        given: list[tuple[str, str, str]],
        renamed: dict[PartId, str],
    ) -> None:
        self._known = dict(known)
        self._given = given
        self._renamed = renamed
        self._before: list[tuple[PartId, str | None, str | None]] = []

    def told(self, item: Item, key: str) -> Fact:
        """The fact under its subject's key, with the holders of its names beside it."""
        fact, subject = item.fact, item.subject
        if subject is None or not item.names:
            return fact if fact.key == key else msgspec.structs.replace(fact, key=key)
        places = ((name, (subject.name, name)) for name in item.names)
        known = {name: self._known[place] for name, place in places if place in self._known}
        return msgspec.structs.replace(fact, key=key, known=known)

    def give(self, subject: Subject, event: Event) -> None:
        """From this event on these names lead to the subject."""
        for name, key in subject.aliases(event).items():
            if (subject.name, name) not in self._known:
                self._known[subject.name, name] = key
                self._given.append((subject.name, name, key))
        for name, key in subject.renames(event).items():
            place = subject.name, name
            self._before.append((place, self._known.get(place), self._renamed.get(place)))
            self._known[place] = self._renamed[place] = key

    @property
    def held(self) -> Mapping[PartId, str]:
        """(subject, name) → key, of all that is known."""
        return self._known

    @property
    def given(self) -> tuple[int, int]:
        """How many were given and renamed so far; a mark to `undo` back to."""
        return len(self._given), len(self._before)

    def undo(self, mark: tuple[int, int]) -> None:
        """A poison fact leaves no trace."""
        given, renamed = mark
        while len(self._before) > renamed:
            place, known, written = self._before.pop()
            _put_back(self._known, place, known)
            _put_back(self._renamed, place, written)
        while len(self._given) > given:
            subject, name, _ = self._given.pop()
            del self._known[subject, name]


def _put_back(names: dict[PartId, str], place: PartId, key: str | None) -> None:
    if key is None:
        del names[place]
    else:
        names[place] = key
