"""How hard a delivery is tried: the verdict on an answer, the schedule, and the circuit breaker.

A pure state machine; the worker brings the time and the answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from notifications.policy import Breaker, Delivery, span

Verdict = Literal["sent", "retry", "throttled", "gone", "refused", "deferred"]
"""`refused`: never, whoever tries; `deferred`: not now; after either the server itself is well."""
_WELL = frozenset({"sent", "refused", "deferred"})
_THROTTLES = frozenset({429, 502, 503, 504})
_GONE = 410


@dataclass(frozen=True)
class Answer:
    """What came of one attempt. Status 0 means that there was no answer at all."""

    status: int = 0
    error: str = ""
    retry_after: timedelta | None = None
    verdict: Verdict | None = None
    """The channel's own reading, where the status is none of HTTP."""


@dataclass(frozen=True)
class Circuit:
    """How an endpoint has behaved lately, and until when it is left alone."""

    failures: int = 0
    """In a row."""
    paused_until: datetime | None = None


def judge(answer: Answer) -> Verdict:
    """Only 2xx is a success; a redirect is a failure, since following it would leave the check."""
    if answer.verdict:
        return answer.verdict
    if 200 <= answer.status < 300:
        return "sent"
    if answer.status == _GONE:
        return "gone"
    return "throttled" if answer.status in _THROTTLES else "retry"


def exhausted(attempts: int, rule: Delivery) -> bool:
    return attempts >= len(rule.schedule)


def next_try(
    delivery: str, attempts: int, answer: Answer, rule: Delivery, now: datetime
) -> datetime:
    """When a delivery is tried again after `attempts` failures; not before the endpoint asks."""
    scheduled = lengthened(span(rule.schedule[attempts]), f"{delivery}:{attempts}", rule.jitter)
    return now + max(scheduled, _asked_pause(answer, rule))


def lengthened(wait: timedelta, seed: str, jitter: float) -> timedelta:
    """A wait with its jitter, drawn from a hash: the same delivery waits the same in a replay."""
    share = int.from_bytes(sha256(seed.encode()).digest()[:4]) / 2**32
    return wait * (1 + jitter * share)


def after(circuit: Circuit, answers: Sequence[Answer], rule: Delivery, now: datetime) -> Circuit:
    """The circuit after posts made side by side.

    One success shows that the endpoint lives. Failures of one moment open it once: they must not
    lengthen the pause as probes that failed one after another do.
    """
    failed = [one for one in answers if judge(one) not in _WELL]
    opened = max(rule.breaker.failures, circuit.failures + 1)
    lives = len(failed) < len(answers)
    failures = 0 if lives else min(circuit.failures + len(failed), opened)
    asked = [_asked_pause(one, rule) for one in failed if judge(one) == "throttled"]
    pause = max([_pause(failures, rule.breaker), *asked])
    return Circuit(failures, now + pause if pause else None)


def admits(circuit: Circuit, rule: Breaker, most: int, now: datetime) -> int:
    """How many posts an endpoint may get now: none while paused, one as a probe, or `most`."""
    if circuit.paused_until and now < circuit.paused_until:
        return 0
    return 1 if circuit.failures >= rule.failures else most


def _pause(failures: int, rule: Breaker) -> timedelta:
    """Doubles with every failed probe, up to the longest."""
    beyond = failures - rule.failures
    if beyond < 0:
        return timedelta()
    return min(span(rule.open_for) * (1 << min(beyond, 20)), span(rule.longest))


def _asked_pause(answer: Answer, rule: Delivery) -> timedelta:
    asked = answer.retry_after or timedelta()
    return min(max(asked, timedelta()), span(rule.longest_throttle))
