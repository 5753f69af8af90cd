"""What a check found: a word, a sentence, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    check: str
    verdict: Verdict
    says: str
    cure: str = ""


def ok(check: str, says: str) -> Finding:
    return Finding(check, Verdict.OK, says)


def warn(check: str, says: str, cure: str) -> Finding:
    return Finding(check, Verdict.WARN, says, cure)


def fail(check: str, says: str, cure: str) -> Finding:
    return Finding(check, Verdict.FAIL, says, cure)
