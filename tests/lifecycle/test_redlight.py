"""What lights the red light and what puts it out: thresholds, hysteresis, no repeat (C12)."""

import dataclasses
from typing import Any

import pytest
from lifecycle.domain.requests import CloseWinback, LightRedLight
from msgspec.structs import replace
from perennial.contracts.customers import (
    CustomerMoved,
    RedLightCleared,
    RedLightLit,
    WinbackClosed,
    WinbackOpened,
)
from perennial.contracts.scores import OrderEffect

from tests.lifecycle.driving import Life, churn, declining, ordered, scored, serving, trend

pytestmark = pytest.mark.feature("C12")


def lit_by(life: Life) -> list[str]:
    lights = life.made(RedLightLit)
    return [one.sign for one in lights[-1].evidence] if lights else []


@pytest.mark.parametrize(
    ("fact", "signs"),
    [
        (scored(alive=0.3), []),
        (scored(alive=0.299999), ["not-alive"]),
        (scored(alive=None), []),
        (scored(alive=0.1, model="bg-nbd@3"), ["not-alive"]),
        (scored(silence_days=30.0), []),
        (scored(silence_days=30.1), ["silence"]),
        (scored(silence_days=400.0, usual_days=None), []),
        (scored(alive=0.1, silence_days=31.0), ["not-alive", "silence"]),
        (churn("overdue", silence_days=31.0), ["silence"]),
        (trend("falling", below_baseline=0.3), ["sudden-fall"]),
        (trend("falling", below_baseline=0.299), []),
        (trend("steady", below_baseline=0.5), []),
        (trend("falling", falls=2), []),
        (trend("falling", falls=3), ["creeping-fall"]),
        (LightRedLight(reason="they complained"), ["person"]),
    ],
)
def test_each_sign_lights_at_its_threshold_and_not_before(fact: Any, signs: list[str]) -> None:
    assert lit_by(serving().after(1, fact)) == signs


def test_a_model_that_the_policy_does_not_believe_lights_nothing() -> None:
    life = serving()
    light = replace(life.world.policy.light, models_not_believed=["bg-nbd"])
    life.world = dataclasses.replace(life.world, policy=replace(life.world.policy, light=light))
    life.after(1, scored(alive=0.1, model="bg-nbd@3"))
    assert not life.made(RedLightLit)
    life.after(1, scored(alive=0.1, model="mbg-nbd@3"))
    assert len(life.made(RedLightLit)) == 1


def test_a_light_opens_a_case_with_an_owner_in_the_same_breath() -> None:
    life = serving()
    made: list[Any] = life.take(scored(silence_days=31.0, value_36m=700_00, rolling_value=90_00))
    assert [type(one) for one in made] == [RedLightLit, CustomerMoved, WinbackOpened]
    lit, moved, opened = made
    assert (lit.value_at_risk, lit.rolling_value) == (700_00, 90_00)
    assert (lit.evidence[0].value, lit.evidence[0].threshold) == (31.0, 30.0)
    assert moved.evidence == lit.evidence
    assert opened.owner == lit.owner == life.state.owner != ""


def test_no_repeat_while_lit() -> None:
    life = declining()
    life.after(1, scored(silence_days=32.0), churn("at-risk", alive=0.1, silence_days=32.0))
    life.after(1, trend("falling", falls=4), scored(alive=0.05, silence_days=33.0))
    assert len(life.made(RedLightLit)) == len(life.made(WinbackOpened)) == 1
    assert life.asked(LightRedLight(reason="again")) == "already-lit"


def test_an_order_in_rhythm_puts_it_out_and_closes_the_case() -> None:
    life = declining()
    life.after(1, ordered(3, life.now))
    assert (life.segment, life.state.curve) == ("maintaining", 1)
    assert [one.outcome for one in life.made(WinbackClosed)] == ["light-cleared"]
    assert life.state.case is None


@pytest.mark.parametrize(("alive", "segment"), [(0.5, "declining"), (0.51, "maintaining")])
def test_between_the_thresholds_nothing_changes(alive: float, segment: str) -> None:
    life = serving().after(1, scored(alive=0.2))
    life.after(1, scored(alive=0.45), scored(alive=alive, because="model"))
    assert life.segment == segment


def test_alive_again_is_not_enough_while_the_silence_goes_on() -> None:
    life = declining().after(1, scored(alive=0.95, silence_days=32.0))
    assert life.segment == "declining"


def test_an_order_that_leaves_the_model_unconvinced_does_not_put_it_out() -> None:
    life = serving().after(1, scored(alive=0.2))
    assert life.after(1, ordered(3, life.now, alive=0.28)).segment == "declining"
    assert life.after(1, ordered(4, life.now, alive=0.31)).segment == "maintaining"


def test_a_fall_in_value_is_cured_by_value_not_by_one_order() -> None:
    life = serving().after(1, trend("rising"), trend("falling", below_baseline=0.4))
    life.after(1, ordered(3, life.now), scored(alive=0.99))
    assert life.segment == "declining"
    life.after(30, trend("falling", below_baseline=0.1), ordered(4, life.now))
    assert life.segment == "declining", "below the threshold, still falling"
    assert life.after(30, trend("steady")).segment == "maintaining"


def test_a_silent_customer_is_not_cured_by_a_trend() -> None:
    life = declining().after(30, trend("rising"))
    assert life.segment == "declining"
    assert life.after(1, ordered(3, life.now)).segment == "growing", "the trend it has by now"


@pytest.mark.parametrize(
    ("way", "back"),
    [
        (["rising"], "growing"),
        (["steady"], "maintaining"),
        ([], "maintaining"),
    ],
)
def test_it_goes_back_to_where_the_trend_puts_it(way: list[str], back: str) -> None:
    life = serving()
    for after in way:
        life.after(1, trend(after))
    life.after(31, scored(silence_days=31.0))
    assert life.after(1, ordered(3, life.now)).segment == back


def test_maturing_stays_maturing_over_a_light() -> None:
    life = serving().after(1, trend("steady"), trend("steady", steady=6))
    life.after(31, scored(silence_days=31.0)).after(1, ordered(3, life.now))
    assert life.segment == "maturing"


def test_what_a_person_lit_a_person_puts_out() -> None:
    life = serving().after(1, LightRedLight(reason="the buyer left"))
    life.after(1, ordered(3, life.now), scored(alive=0.99), trend("rising"))
    assert life.segment == "declining"
    assert life.asked(CloseWinback(outcome="light-cleared", reason="a new buyer")) == ""
    assert life.segment == "growing"
    assert len(life.made(RedLightCleared)) == 1


def test_payments_returns_and_cancellations_are_no_sign_of_life() -> None:
    life = declining()
    kinds: list[Any] = ["paid", "returned", "cancelled"]
    for kind in kinds:
        effect = OrderEffect(order_id="o2", day=life.now.date(), kind=kind, orders=0, paid=1)
        life.after(0, scored(because="order", order=effect, alive=0.4))
    assert life.segment == "declining"


def test_remembered_silence_counts_no_trend_judged_before_it() -> None:
    """A light that went out leaves nothing behind that could light it again."""
    life = declining()
    life.after(1, ordered(3, life.now)).after(60, trend("steady"))
    assert life.segment == "maintaining"
    assert len(life.made(RedLightLit)) == 1
