"""What the decoder found wrong, in words of whoever sent it: which field, what is wrong, what to write.

Looked at only when something is refused, so it may be slow.
"""

import re
from collections.abc import Callable
from typing import Any

from msgspec import inspect

FORMS = {
    r"^[A-Z]{3}$": "needs three capital letters, as USD",
    r"^[^\u0000]+$": "contains the character U+0000: take it out",
    r"^[a-z0-9][a-z0-9-]{0,63}$": "needs small letters, digits and hyphens, as last-call",
    r"^\d{1,5}(s|m|h|d)$": "needs a number and its unit (s, m, h, d), as 30m",
    r"^[0-9]{1,5}(min|h|d)$": "needs a number and its unit (min, h, d), as 24h",
    r"^([0-9]{1,5})(min|h|d|wd|wh)$": (
        "needs a number and its unit (min, h, d; wd and wh of working time), as 3wd"
    ),
    r"^(grandfather|recompute|grace [0-9]{1,5}(min|h|d|wd|wh))$": (
        "needs grandfather, recompute or grace and a period, as grace 14d"
    ),
}
"""Every pattern that a field may have, in words."""
MOMENT = "a time with its offset, as 2026-01-31T09:00:00Z"
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "datetime": MOMENT,
    "date": "a day as 2026-01-31",
}
_CENTS = "; amounts are whole minor units: 12900 is 129.00"
_PATH = re.compile(r"^(.*?) - at (`key` in )?`\$([^`]*)`\s*$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
SOME_KEY = "..."
"""How the decoder names a key that no struct gives a name to."""


def explained(message: str, form: Any = None) -> tuple[str, str]:
    """msgspec's `… - at `$.lines[0].amount`` as a reason and the pointer `/lines/0/amount`.

    `form` is the type that was to be decoded; with it the reason can name what is known there.
    """
    found = _PATH.match(message)
    fault, path = (found[1], found[3]) if found else (message, "")
    steps = steps_in(path)
    for pattern, say in _SAYINGS:
        if match := re.fullmatch(pattern, fault):
            reason, field = say(match[1], match[match.lastindex or 1], _inside(form, steps))
            return reason, pointer_of([*steps, *field])
    return fault, pointer_of(steps)


def steps_in(path: str) -> list[str | int]:
    """The names and places of the decoder's `.lines[0].amount`."""
    found = _STEP.findall(path)
    return [name or (index if index == SOME_KEY else int(index)) for name, index in found]


def pointer_of(steps: list[str | int]) -> str:
    """Names and places as a JSON pointer (RFC 6901), as far as they are known."""
    known = (str(step) for step in steps if step != SOME_KEY)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in known)


_Said = tuple[str, list[str | int]]


def _missing(name: str, _: str, _known: list[str]) -> _Said:
    return f"required field `{name}` is missing", [name]


def _unknown(name: str, _: str, known: list[str]) -> _Said:
    choice = f"; known here are {', '.join(known)}" if known else ""
    return f"unknown field `{name}`: correct its name or leave it out{choice}", [name]


def _another_kind(wanted: str, got: str, _known: list[str]) -> _Said:
    words = " or ".join(_WORDS.get(kind, kind) for kind in wanted.split(" | "))
    cents = _CENTS if "int" in wanted.split(" | ") and got in ("float", "str") else ""
    return (
        f"needs {words}, not {'a fraction' if got == 'float' else _WORDS.get(got, got)}{cents}",
        [],
    )


def _another_form(told: str, _: str, _known: list[str]) -> _Said:
    pattern = told.encode().decode("unicode_escape") if "\\\\" in told else told
    return FORMS.get(pattern, f"does not have the form {pattern}"), []


def _no_such_value(told: str, _: str, known: list[str]) -> _Said:
    choice = f": known are {', '.join(known)}" if known else ""
    return f"{told} is not known here{choice}", []


def _long(kind: str, least: str, _known: list[str]) -> _Said:
    things = "items" if kind == "array" else "characters"
    return "is empty" if least == "1" else f"has less than {least} {things}", []


def _short(kind: str, most: str, _known: list[str]) -> _Said:
    return f"is longer than {most} {'items' if kind == 'array' else 'characters'}", []


def _in_full(reason: str) -> Callable[[str, str, list[str]], _Said]:
    return lambda first, last, _known: (reason.format(first, last), [])


_SAYINGS: list[tuple[str, Callable[[str, str, list[str]], _Said]]] = [
    (r"Object missing required field `(.*)`", _missing),
    (r"Object contains unknown field `(.*)`", _unknown),
    (r"Expected `(.*)`, got `(.*)`", _another_kind),
    (r"Expected `str` matching regex '(.*)'", _another_form),
    (r"Expected `(\w+)` of length >= (\d+)", _long),
    (r"Expected `(\w+)` of length <= (\d+)", _short),
    (r"Expected `(\w+)` >= (.*)", _in_full("is below {1}")),
    (r"Expected `(\w+)` > (.*)", _in_full("must be above {1}")),
    (r"Expected `(\w+)` <= (.*)", _in_full("is above {1}")),
    (r"Expected `(\w+)` < (.*)", _in_full("must be below {1}")),
    (r"Invalid enum value (.*)", _no_such_value),
    (r"Invalid RFC3339 encoded (date)", _in_full(f"needs {_WORDS['date']}")),
    (r"Invalid RFC3339 encoded (.*)", _in_full(f"needs {MOMENT}")),
    (r"(Input data was truncated)", _in_full("the JSON ends too early: send it whole")),
    (r"JSON is malformed: (.*) \(byte (\d+)\)", _in_full("is not JSON at byte {1}: {0}")),
]


def _inside(form: Any, steps: list[str | int]) -> list[str]:
    """The names or values known at a place of a form; none where that can't be told."""
    if form is None:
        return []
    place: Any = inspect.type_info(form)
    for step in steps:
        place = _one_step(_solid(place), step)
    match _solid(place):
        case inspect.StructType(fields=fields):
            return [field.encode_name for field in fields if field.name != "receipt"]
        case inspect.LiteralType(values=values):
            return [str(value) for value in values]
        case inspect.DictType(key_type=inspect.LiteralType(values=values)):
            return [str(value) for value in values]
    return []


def _solid(place: Any) -> Any:
    """The one type of a field that may be absent."""
    if isinstance(place, inspect.UnionType):
        kinds = [kind for kind in place.types if not isinstance(kind, inspect.NoneType)]
        return kinds[0] if len(kinds) == 1 else None
    return place.type if isinstance(place, inspect.Metadata) else place


def _one_step(place: Any, step: str | int) -> Any:
    match place:
        case inspect.StructType(fields=fields):
            return next((one.type for one in fields if one.encode_name == step), None)
        case inspect.ListType(item_type=item):
            return item
        case inspect.DictType(value_type=value):
            return value
    return None
