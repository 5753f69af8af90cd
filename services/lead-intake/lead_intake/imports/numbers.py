"""Amounts as people and programs write them. Where a text can mean two numbers, it is not guessed."""

import re
from collections.abc import Iterable
from decimal import Decimal

_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_DRESS = re.compile(r"[\s\u00a0\u202f'’_$€£¥₹]|(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
_SHAPES = {
    ".": re.compile(r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)?(?:\.[0-9]*)?"),
    ",": re.compile(r"(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)?(?:,[0-9]*)?"),
}


class NotANumber(Exception):
    """The text is no amount in this notation; the reason is for the report."""


class AmbiguousDecimalError(Exception):
    """Nothing in the file tells whether 1,234 is a thousand or a bit more than one."""


def number(text: str, decimal: str) -> Decimal:
    """The amount that `text` writes, with `decimal` before its fraction."""
    if decimal == "." and _PLAIN.fullmatch(text):
        return Decimal(text)
    sign, digits = _undressed(text)
    if not any(char.isdigit() for char in digits) or not _SHAPES[decimal].fullmatch(digits):
        raise NotANumber(f"{text!r} is no number with decimal {decimal!r}")
    other = "," if decimal == "." else "."
    value = Decimal(digits.replace(other, "").replace(",", "."))
    return -value if sign else value


def find_decimal(texts: Iterable[str]) -> str:
    """The decimal sign that all of a column's texts agree on."""
    votes: set[str] = set()
    open_question = ""
    for text in texts:
        if _PLAIN.fullmatch(text) and not _could_be_thousands(text):
            votes |= {"."} if "." in text else set()
            continue
        vote = _vote(_undressed(text)[1])
        if vote == "?":
            open_question = text
        elif vote:
            votes.add(vote)
    if len(votes) > 1 or (open_question and not votes):
        shown = open_question or "some with a point, some with a comma"
        raise AmbiguousDecimalError(f"amounts ({shown}) can be read in two ways: set `decimal`")
    return votes.pop() if votes else "."


def _could_be_thousands(text: str) -> bool:
    whole, point, fraction = text.lstrip("-").partition(".")
    return bool(point) and len(fraction) == 3 and len(whole) <= 3 and whole != "0"


def _vote(digits: str) -> str:
    """`.` or `,` if this text can only be read so, `?` if in two ways, "" if it says nothing."""
    points, commas = digits.count("."), digits.count(",")
    if not points and not commas:
        return ""
    if points and commas:
        return "." if digits.rfind(".") > digits.rfind(",") else ","
    sign, other = (".", ",") if points else (",", ".")
    if points + commas > 1:
        return other
    whole, _, fraction = digits.partition(sign)
    thousands = len(fraction) == 3 and 1 <= len(whole) <= 3 and whole != "0"
    return "?" if thousands else sign


def _undressed(text: str) -> tuple[bool, str]:
    """Whether it is negative, and its digits and separators without currency and spaces."""
    bare = _DRESS.sub("", text).replace("−", "-")
    if bare.startswith("(") and bare.endswith(")"):
        return True, bare[1:-1]
    if bare.endswith("-") or bare.startswith("-"):
        return True, bare.strip("-")
    return False, bare.removeprefix("+")
