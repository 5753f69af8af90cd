"""Whether a type still says what was published under its name: only optional fields may be added.

The log is kept for ever and read by builds older and newer than its writer, so every change must
hold both ways: what was written stays readable, what is written now is readable by older readers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

SAYS_NOTHING = ("title", "description", "examples", "$ref", "$defs", "$id", "$schema")
NESTED = ("properties", "required", "items", "prefixItems", "anyOf", "additionalProperties")
CURE = "publish a new type beside it ({next}) and write both until nobody reads the old one"


@dataclass(frozen=True)
class Break:
    """One way in which a type no longer keeps what it promised."""

    type: str
    field: str
    what: str

    def __str__(self) -> str:
        return f"{self.type}: {self.field or 'the type'} {self.what}; {CURE.format(next=next_type(self.type))}"


def next_type(kind: str) -> str:
    """`order.placed.v1` → `order.placed.v2`."""
    stem, _, version = kind.rpartition(".v")
    return f"{stem}.v{int(version) + 1}" if version.isdecimal() else f"{kind}.v2"


def breaks(kind: str, published: Schema, present: Schema | None) -> list[Break]:
    """Everything that breaks the published promise of a type; `None` = the type is gone."""
    if present is None:
        return [Break(kind, "", "is gone from the catalogue")]
    return [Break(kind, field, what) for field, what in _Comparison(published, present).all()]


class _Comparison:
    """Walks both schemas side by side, each with its own definitions."""

    def __init__(self, published: Schema, present: Schema) -> None:
        self._published, self._present = published, present

    def all(self) -> Iterator[tuple[str, str]]:
        yield from self._compare(self._published, self._present, "")

    def _compare(self, old: Schema, new: Schema, field: str) -> Iterator[tuple[str, str]]:
        default_changed = "default" in old and old.get("default") != new.get("default", _ABSENT)
        old, new = _resolved(self._published, old), _resolved(self._present, new)
        if default_changed:
            yield field, "has another default, so old events would mean something else"
        if set(old.get("enum", ())) - set(new.get("enum", ())):
            lost = sorted(set(old["enum"]) - set(new.get("enum", ())), key=str)
            yield field, f"is narrowed: {', '.join(map(str, lost))} no longer allowed"
        elif _own(old) != _own(new):
            yield field, f"is retyped: {_own(old)} became {_own(new)}"
        yield from self._fields(old, new, field)
        yield from self._inner(old, new, field)

    def _fields(self, old: Schema, new: Schema, field: str) -> Iterator[tuple[str, str]]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            here = f"{field}/{name}"
            if name not in after:
                yield here, "is removed"
                continue
            if name in needed - needed_before:
                yield here, "became required"
            if name in needed_before - needed:
                yield here, "is no longer required"
            yield from self._compare(before[name], after[name], here)
        for name in sorted(needed - set(before)):
            yield f"{field}/{name}", "is new and required; give it a default, or"

    def _inner(self, old: Schema, new: Schema, field: str) -> Iterator[tuple[str, str]]:
        for name, place in (("items", "[]"), ("additionalProperties", "{}")):
            before, after = old.get(name), new.get(name)
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                yield from self._compare(before, after, field + place)
            elif isinstance(before, Mapping) or isinstance(after, Mapping):
                yield field + place, "is retyped"
        before_all, after_all = old.get("anyOf", ()), new.get("anyOf", ())
        if len(before_all) != len(after_all):
            yield field, "is retyped: other alternatives"
            return
        for one, other in zip(before_all, after_all, strict=True):
            yield from self._compare(one, other, field)


_ABSENT = object()


def _resolved(root: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        target: Schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
        schema = target
    return schema


def _own(schema: Schema) -> dict[str, Any]:
    """What a schema says by itself: type and bounds, without fields, texts and default."""
    skipped = (*SAYS_NOTHING, *NESTED, "default")
    return {
        name: sorted(map(str, said)) if name == "enum" else said
        for name, said in sorted(schema.items())
        if name not in skipped
    }
