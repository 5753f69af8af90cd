"""The verdict on an answer, the schedule, and the circuit breaker: all without a network."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notifications.deliveries import result_of
from notifications.delivery_queue import Claimed
from notifications.domain.delivery import Answer, Circuit, admits, after, judge, next_try
from notifications.policy import span

from tests.notifications.told import POLICY, START, hours

RULE = POLICY.delivery
OK, BAD = Answer(204), Answer(500)


@pytest.mark.feature("N8")
@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "sent"),
        (299, "sent"),
        (301, "retry"),
        (307, "retry"),
        (404, "retry"),
        (410, "gone"),
        (429, "throttled"),
        (500, "retry"),
        (502, "throttled"),
        (503, "throttled"),
        (504, "throttled"),
        (0, "retry"),
    ],
)
def test_only_2xx_is_a_success(status: int, verdict: str) -> None:
    assert judge(Answer(status)) == verdict


@pytest.mark.feature("N8")
def test_the_schedule_is_that_of_standard_webhooks_and_then_it_is_given_up() -> None:
    due, waits = START, []
    for attempts in range(len(RULE.schedule) - 1):
        result = result_of(Claimed("m", "ep", "{}", attempts, 0), BAD, RULE, due)
        assert result.due_at is not None
        waits.append(result.due_at - due)
        due = result.due_at
    last = result_of(Claimed("m", "ep", "{}", len(RULE.schedule) - 1, 0), BAD, RULE, due)

    assert last.state == "failed"
    for wait, planned in zip(waits, RULE.schedule[1:], strict=True):
        assert span(planned) <= wait <= span(planned) * (1 + RULE.jitter)


@pytest.mark.feature("N8")
def test_a_replayed_delivery_starts_its_schedule_anew() -> None:
    result = result_of(Claimed("m", "ep", "{}", 10, 10), BAD, RULE, START)

    assert result.state == "pending"
    assert result.due_at is not None
    assert result.due_at <= START + timedelta(seconds=6)


@given(st.text(), st.integers(1, 9))
def test_jitter_spreads_but_the_same_delivery_waits_the_same(delivery: str, attempts: int) -> None:
    first = next_try(delivery, attempts, BAD, RULE, START)

    assert first == next_try(delivery, attempts, BAD, RULE, START)
    assert first >= START + span(RULE.schedule[attempts])


@pytest.mark.feature("N8")
def test_a_throttle_is_waited_for_by_the_whole_endpoint_up_to_a_limit() -> None:
    asked = Answer(429, retry_after=timedelta(seconds=90))
    greedy = Answer(503, retry_after=timedelta(days=9))

    assert after(Circuit(), [asked], RULE, START).paused_until == START + timedelta(seconds=90)
    assert next_try("m", 1, asked, RULE, START) == START + timedelta(seconds=90)
    assert after(Circuit(), [greedy], RULE, START).paused_until == hours(1)


@pytest.mark.feature("N8")
def test_the_circuit_opens_probes_doubles_and_closes() -> None:
    circuit = Circuit()
    for _ in range(RULE.breaker.failures):
        assert admits(circuit, RULE.breaker, 50, START) == 50
        circuit = after(circuit, [BAD], RULE, START)
    pauses = []
    for _ in range(8):
        assert circuit.paused_until is not None
        assert admits(circuit, RULE.breaker, 50, START) == 0
        assert admits(circuit, RULE.breaker, 50, circuit.paused_until) == 1
        pauses.append((circuit.paused_until - START).total_seconds())
        circuit = after(circuit, [BAD], RULE, START)

    assert pauses == [30, 60, 120, 240, 480, 960, 1800, 1800]
    assert after(circuit, [OK], RULE, START) == Circuit()


def test_failures_of_one_moment_open_the_circuit_once() -> None:
    circuit = after(Circuit(), [BAD] * 50, RULE, START)

    assert circuit == Circuit(RULE.breaker.failures, START + timedelta(seconds=30))
    assert after(circuit, [BAD] * 49 + [OK], RULE, START) == Circuit()
