"""What may stand at a place of a form, in words and with an example: the cure beside a complaint.

Looked at only when something is refused, so it may be slow.
"""

import re
from copy import copy
from typing import Any

import msgspec
from msgspec import inspect

from perennial.contracts.complaints import (
    FORMS,
    MOMENT,
    SOME_KEY,
    explained,
    pointer_of,
    steps_in,
)

_AT = re.compile(r" - at (`key` in )?`\$([^`]*)`\s*$")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
TEXT = "text"
"""Where any text will do: no example tells more."""
_DEEPEST = 4
_EXAMPLES = {
    pattern: words.rpartition(", as ")[2] for pattern, words in FORMS.items() if ", as " in words
}


def fault_of(error: msgspec.ValidationError, document: Any, form: Any) -> tuple[str, str]:
    """Where a document has no such form, and what is wrong there and what would be right."""
    reason, _ = explained(str(error), form)
    pointer, right = _pointer(error, document, form), _right(error, form)
    told = f"{reason} (at {pointer})" if pointer else reason
    return pointer, f"{told}; right is {right}" if right else told


def _right(error: msgspec.ValidationError, form: Any) -> str:
    """Empty where the fault's own words say it."""
    message = str(error)
    if not message.startswith(("Expected", "Object missing", "Invalid RFC3339")):
        return ""
    steps, in_key = _place(message)
    place: Any = inspect.type_info(form)
    for step in [*steps, *_MISSING.findall(message)]:
        place = _inner(place, step)
    if in_key:
        place = _plain(place).key_type
    example = sample(place)
    words = _words(place)
    return words if example == TEXT else f"{words}, as {msgspec.json.encode(example).decode()}"


def _pointer(error: msgspec.ValidationError, document: Any, form: Any) -> str:
    """With the keys that the decoder does not name."""
    steps = list[str | int]()
    plain, _ = _place(str(error))
    for step in plain:
        if step == SOME_KEY:
            here = _at(document, steps)
            step = next((k for k in here if _fails_by(k, document, steps, form, error)), step)
        steps.append(step)
    beyond = explained(str(error))[1].removeprefix(pointer_of(plain))
    return pointer_of(steps) + beyond


def _place(message: str) -> tuple[list[str | int], bool]:
    """The steps to a fault, and whether it is in a key there."""
    found = _AT.search(message)
    return (steps_in(found[2]), bool(found[1])) if found else ([], False)


def sample(place: Any, depth: int = 0) -> Any:
    """The plainest value that is taken there."""
    place = _plain(place)
    match place:
        case inspect.BoolType():
            return True
        case inspect.IntType() | inspect.FloatType():
            return _number(place)
        case inspect.StrType(pattern=pattern, max_length=most):
            return _EXAMPLES.get(pattern or "", TEXT)[:most]
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.ListType() | inspect.VarTupleType():
            return [sample(place.item_type, depth + 1)] * max(place.min_length or 0, 1)
        case inspect.TupleType(item_types=kinds):
            return [sample(kind, depth + 1) for kind in kinds]
        case inspect.DictType(key_type=key, value_type=value):
            return {sample(key, depth + 1): sample(value, depth + 1)}
        case inspect.StructType(fields=fields) if depth < _DEEPEST:
            wanted = (one for one in fields if one.required)
            return {one.encode_name: sample(one.type, depth + 1) for one in wanted}
        case inspect.DateType():
            return "2026-01-31"
        case inspect.DateTimeType():
            return MOMENT.rpartition(" as ")[2]
    return {}


def _words(place: Any) -> str:
    place = _plain(place)
    match place:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            kind = "a whole number" if isinstance(place, inspect.IntType) else "a number"
            return f"{kind}{_range(place)}"
        case inspect.StrType(pattern=pattern):
            form = FORMS.get(pattern or "", "").removeprefix("needs ").rpartition(", as ")[0]
            return form or f"a text{_length(place, 'characters')}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.ListType() | inspect.VarTupleType():
            return f"a list{_length(place, 'items')}, each {_words(place.item_type)}"
        case inspect.TupleType(item_types=kinds):
            return f"a list of {len(kinds)}: {', '.join(map(_words, kinds))}"
        case inspect.DictType(key_type=key, value_type=value):
            return f"an object whose names are {_words(key)}, each with {_words(value)}"
        case inspect.DateType():
            return "a day"
        case inspect.DateTimeType():
            return MOMENT.rpartition(", as ")[0]
    return "an object"


def _range(place: inspect.IntType | inspect.FloatType) -> str:
    if place.ge is not None and place.le is not None:
        return f" from {place.ge:g} to {place.le:g}"
    told = (("of at least", place.ge), ("above", place.gt), ("of at most", place.le), ("below", place.lt))  # fmt: skip
    bounds = [f"{word} {bound:g}" for word, bound in told if bound is not None]
    return f" {' and '.join(bounds)}" if bounds else ""


def _length(place: Any, things: str) -> str:
    least, most = place.min_length or 0, place.max_length
    if most is not None:
        return f" of {least} to {most} {things}"
    return f" of at least {least} {things}" if least > 1 else ""


def _number(place: inspect.IntType | inspect.FloatType) -> float:
    whole = isinstance(place, inspect.IntType)
    for bound in (place.ge, place.le):
        if bound is not None:
            return bound
    if place.gt is not None:
        return (place.gt + place.lt) / 2 if place.lt is not None and not whole else place.gt + 1
    if place.lt is not None:
        return place.lt - 1
    return 1 if whole else 1.5


def _plain(place: Any) -> Any:
    """The first kind of a field that may be one of several, or absent."""
    if isinstance(place, inspect.UnionType):
        return next(kind for kind in place.types if not isinstance(kind, inspect.NoneType))
    return _plain(place.type) if isinstance(place, inspect.Metadata) else place


def _inner(place: Any, step: str | int) -> Any:
    place = _plain(place)
    match place:
        case inspect.StructType(fields=fields):
            return next((one.type for one in fields if one.encode_name == step), None)
        case inspect.ListType() | inspect.VarTupleType():
            return place.item_type
        case inspect.TupleType(item_types=kinds):
            return kinds[int(step)]
        case inspect.DictType(value_type=value):
            return value
    return None


def _at(document: Any, steps: list[str | int]) -> Any:
    for step in steps:
        document = document[step]
    return document


def _fails_by(
    key: str, document: Any, steps: list[str | int], form: Any, error: msgspec.ValidationError
) -> bool:
    """Whether the same fault is found where the object at this place has this key alone."""
    alone = {key: _at(document, steps)[key]}
    try:
        msgspec.convert(_with(document, steps, alone), form)
    except msgspec.ValidationError as found:
        return str(found) == str(error)
    return False


def _with(document: Any, steps: list[str | int], value: Any) -> Any:
    """The document with another value at this place."""
    if not steps:
        return value
    first, *rest = steps
    changed = copy(document)
    changed[first] = _with(document[first], rest, value)
    return changed
