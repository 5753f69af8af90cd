"""Whose a fact is that was set aside, and whose an edit would make it: told before it is folded.

The edited copy takes the way of a redriven fact, up to the lock; nothing is written on it.
"""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from typing import Any

import msgspec

from perennial.kit.actions import Action, Locate, Resolve
from perennial.kit.batch import ParkedRow
from perennial.kit.gathering import at_roots, located
from perennial.kit.kept import item_of
from perennial.kit.lanes import Door, at_the_edge
from perennial.kit.naming import resolved
from perennial.kit.postgres import LOCATE, RESOLVE

PUT_BACK_MOST = 64
"""Fields that are looked at one by one; whoever rewrote more has made another fact of it."""


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fact belongs, as far as it can be told now."""

    key: str = ""
    """The customer, or whatever else it folds into; empty while nobody is known for it."""
    names: list[str] = []
    """Customers, orders and leads that it names, and by what else its customer is found."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a fact is by what was said, and by the edited copy."""

    was: Whose | None
    """Null where that can't be read at all."""
    will_be: Whose

    @property
    def warning(self) -> str:
        """Empty where the edit leaves the fact with those whose it was."""
        now = self.will_be
        if self.was is None:
            return f"nobody can read whose this fact was; by the edit it is {_told(now.key)}"
        lost = [name for name in self.was.names if name not in now.names]
        new = [name for name in now.names if name not in self.was.names]
        parts = []
        if self.was.key != now.key:
            parts.append(f"this fact was {_told(self.was.key)}, and will be {_told(now.key)}")
        if lost:
            instead = f" but {', '.join(new)}" if new else ""
            parts.append(f"it will no longer name {', '.join(lost)}{instead}")
        return "; ".join(parts)


async def change(door: Door, pool: Any, row: ParkedRow, after: bytes) -> Change:
    """What an edit makes of whose the fact is; `after` can be read."""

    async def whose(said: bytes) -> Whose | None:
        return await _whose(door, pool, replace(row, edited=said))

    before = row.raw or b""
    will_be = await whose(after) or Whose()
    was = await whose(before) or await _put_back(before, after, will_be, whose)
    if was is None and row.subject:
        was = Whose(key=row.key)
    return Change(was=was, will_be=will_be)


async def _whose(door: Door, pool: Any, row: ParkedRow) -> Whose | None:
    """None for what can't be read, or has no place for another reason."""
    try:
        item = item_of(door.service, row)
    except msgspec.MsgspecError:
        return None
    if item.answer_id:
        item = await at_the_edge(door, item, _Unsealed(door.personal))
    if item.fact.data is None or item.park:
        return None
    names = [*item.names, *_ids_in(item.fact.data)]
    if item.wait and not item.names:
        names.append(item.key)
    (item,), _ = await _looked_up(resolved([item]), pool)
    (item,), _ = at_roots(await _looked_up(located(door.service, [item]), pool), door.roots)
    return Whose(key="" if item.wait else item.key, names=list(dict.fromkeys(names)))


def _ids_in(data: Any) -> list[str]:
    """Contracts name another in a field `<what>_id`."""
    found = ((name, getattr(data, name)) for name in data.__struct_fields__)
    return [value for name, value in found if name.endswith("_id") and value]


async def _looked_up(steps: Generator[Action, Any, Any], pool: Any) -> Any:
    """What the first steps of a batch come to, outside of one."""
    answer = None
    while True:
        try:
            action = steps.send(answer)
        except StopIteration as done:
            return done.value
        if isinstance(action, Resolve):
            answer = dict(await pool.fetch(RESOLVE, action.subject, action.names))
        else:
            assert isinstance(action, Locate)
            answer = dict(await pool.fetch(LOCATE, action.subject, action.ids))


async def _put_back(
    before: bytes, after: bytes, mended: Whose, whose: Callable[[bytes], Awaitable[Whose | None]]
) -> Whose | None:
    """By what was said, but for the fields that can't be read: of those, as they were mended."""
    try:
        said, standing = (msgspec.json.decode(text, type=dict) for text in (before, after))
    except msgspec.DecodeError:
        return None
    differing = [name for name in said | standing if said.get(name) != standing.get(name)]
    if len(differing) > PUT_BACK_MOST:
        return None
    found = mended
    for name in differing:
        trial = {one: value for one, value in standing.items() if one != name}
        trial |= {name: said[name]} if name in said else {}
        seen = await whose(msgspec.json.encode(trial))
        if seen is not None:
            found, standing = seen, trial
    return found


class _Unsealed:
    """Finds names as the edge does, and makes no key for whom an edit only might be about."""

    def __init__(self, personal: Any) -> None:
        self.pepper = personal.pepper if personal else b""

    async def seal(self, _party: str, _plain: bytes) -> str:
        return ""


def _told(key: str) -> str:
    return f"of {key}" if key else "nobody's yet"
