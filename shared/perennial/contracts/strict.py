"""What no fact may contain, whoever sent it: found here, before a rule or Postgres meets it.

The fast way is a handful of scans over the raw bytes; only what looks odd is walked in Python.
"""

import re
from datetime import date, datetime
from typing import Any

import msgspec

from perennial.contracts.complaints import MOMENT, explained

MAX_VALUE = 900_000
"""Bytes of one fact; the broker's own limit is 1 MB with its headers."""
MAX_DEPTH = 32
FIRST_YEAR, LAST_YEAR = 1900, 2200
INT64 = 2**63

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_ODD_ESCAPE = re.compile(rb"\\u(?:00|[dD][89a-fA-F])")
_SHAPE = bytes.maketrans(b"123456789E[", b"000000000e{")
"""Every digit as `0`, every bracket as `{`: a number's or date's shape can then be looked for as a literal, fast."""
_BEFORE_NUMBERS = (b"", *(bytes([one]) for one in b":,{ \t\n\r"))
"""A bracket stands as `{` in the shape."""
_DATE = b'"0000-00-00'
_LONG = b"0" * 19
_USUAL_CENTURIES = (b"19", b"20", b"21")


class Malformed(Exception):
    """A fact that can never be applied as it stands; it is parked or refused with this reason."""

    def __init__(self, reason: str, pointer: str = "") -> None:
        super().__init__(f"{reason} (at {pointer})" if pointer else reason)
        self.reason = reason
        self.pointer = pointer


class Foreign(Malformed):
    """A body of a kind that is not taken here, whatever stands in it (415 over HTTP)."""


def decode_json(decoder: msgspec.json.Decoder[Any], value: bytes, limit: int = MAX_VALUE) -> Any:
    """`value` as the decoder's type, or `Malformed` with the JSON pointer of the fault."""
    odd = _scan(value, limit)
    decoded = _decoded(decoder, value)
    if odd:
        _walk(msgspec.json.decode(value), "")
        _walk(msgspec.to_builtins(decoded, builtin_types=(datetime, date)), "")
    return decoded


def decode_outside(decoder: msgspec.json.Decoder[Any], value: bytes, limit: int = MAX_VALUE) -> Any:
    """The shell of something whose inside stays `Raw`: whoever decodes that looks into it."""
    _scan(value, limit)
    return _decoded(decoder, value)


def _decoded(decoder: msgspec.json.Decoder[Any], value: bytes) -> Any:
    if not value.strip():
        raise Malformed("nothing was sent: a JSON body is needed")
    try:
        return decoder.decode(value)
    except msgspec.DecodeError as error:
        raise malformed(error, decoder.type) from error


def malformed(error: msgspec.DecodeError, form: Any = None) -> Malformed:
    """The decoder's complaint in words of whoever sent it; `form` is what was to be decoded."""
    return Malformed(*explained(str(error), form))


def check_moment(moment: datetime, pointer: str) -> datetime:
    """The moment itself, if it names its zone and lies where a business can have been."""
    if moment.tzinfo is None:
        raise Malformed(f"needs {MOMENT}", pointer)
    _check_year(moment, pointer)
    return moment


def check_text(text: str, pointer: str) -> None:
    """Refuse what neither UTF-8 nor Postgres can hold."""
    if "\x00" in text:
        raise Malformed("contains the character U+0000", pointer)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("contains half of a surrogate pair", pointer) from error


def _scan(value: bytes, limit: int) -> bool:
    """Refuse what the bytes alone betray; true if something in them deserves a closer look."""
    if len(value) > limit:
        raise Malformed(f"{len(value)} bytes; at most {limit} are taken")
    if not value.isascii():
        _check_utf8(value)
    if b"\x00" in value:
        raise Malformed("contains the character U+0000")
    shape = value.translate(_SHAPE)
    if shape.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    return _looks_odd(value, shape)


def _looks_odd(value: bytes, shape: bytes) -> bool:
    """Whether some escape, number or date is of a kind that only a walk can judge."""
    if b"\\" in value and _ODD_ESCAPE.search(value):
        return True
    if _LONG in shape:
        return True
    if _huge_exponent(shape, b"0e000") or (b"+" in value and _huge_exponent(shape, b"0e+000")):
        return True
    return not _usual_dates(value, shape)


def _huge_exponent(shape: bytes, literal: bytes) -> bool:
    """Whether it ends a number; in ids it is common and means nothing."""
    at = shape.find(literal)
    while at >= 0:
        if shape[: at + 1].rstrip(b"0.-")[-1:] in _BEFORE_NUMBERS:
            return True
        at = shape.find(literal, at + 1)
    return False


def _usual_dates(value: bytes, shape: bytes) -> bool:
    """Every date of a usual century, every time with its offset from UTC."""
    start = shape.find(_DATE)
    while start >= 0:
        end = value.find(b'"', start + 11)
        if value[start + 1 : start + 3] not in _USUAL_CENTURIES:
            return False
        if end > start + 11 and value[end - 1] not in b"Zz" and value[end - 6] not in b"+-":
            return False
        start = shape.find(_DATE, end)
    return True


def _check_utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"is not UTF-8 at byte {error.start}") from error


def _check_depth(value: bytes) -> None:
    depth = 0
    for bracket in _STRINGS.sub(b"", value).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            raise Malformed(f"is nested deeper than {MAX_DEPTH} levels")


def _walk(value: Any, pointer: str) -> None:
    match value:
        case dict():
            for name, inner in value.items():
                check_text(name, pointer)
                _walk(inner, f"{pointer}/{name}")
        case list() | tuple():
            for index, inner in enumerate(value):
                _walk(inner, f"{pointer}/{index}")
        case str():
            check_text(value, pointer)
        case int() if not -INT64 <= value < INT64:
            raise Malformed("is a number beyond 64 bits", pointer)
        case datetime():
            check_moment(value, pointer)
        case date():
            _check_year(value, pointer)


def _check_year(day: date, pointer: str) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Malformed(f"the year {day.year} is outside {FIRST_YEAR} to {LAST_YEAR}", pointer)
