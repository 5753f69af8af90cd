"""S11: still a customer? S5: silence speaks when it matters, and only then."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from perennial.contracts.base import Fact
from perennial.contracts.scores import ChurnChanged, CustomerScored
from scoring import policy
from scoring.adopted import adopted_model
from scoring.domain.churn import Silence, judge
from scoring.domain.fitting import KnownModel, ModelsState
from scoring.domain.history import History
from scoring.domain.model import World
from scoring.domain.rescoring import Rescore, react

from tests.scoring.replaying import Replay, each, noon, order

POLICY = policy.default()
RULES = POLICY.churn
START = date(1997, 1, 1)
MBG = KnownModel(
    family="mbg-nbd",
    parameters={"r": 0.524843, "alpha": 6.183085, "a": 0.891359, "b": 1.614002},
    money={"p": 6.249573, "q": 3.744225, "gamma": 15.443519},
    through=date(1997, 9, 30),
    cohort_usual_days=164.0,
)
BG = KnownModel(
    family="bg-nbd",
    parameters={"r": 0.242595, "alpha": 4.413602, "a": 0.792922, "b": 2.425906},
    money=MBG.money,
    through=MBG.through,
    cohort_usual_days=164.0,
)
KNOWN = {"mbg-nbd@1": MBG, "bg-nbd@1": BG}


def world(adopted: str = "mbg-nbd@1") -> World:
    models = ModelsState(known=KNOWN, adopted=adopted, alive_by="mbg-nbd@1")
    return World(POLICY, adopted_model(models, POLICY.money))


WITHOUT_MODEL, WITH_MODEL = World(POLICY), world()


@pytest.mark.feature("S11")
@pytest.mark.parametrize(
    ("before", "alive", "days", "after"),
    [
        ("active", 0.29, 5, "at-risk"),
        ("active", 0.31, 5, "active"),
        ("active", 0.9, 31, "overdue"),
        ("overdue", 0.9, 30, "active"),
        ("at-risk", 0.31, 31, "at-risk"),
        ("at-risk", 0.5, 31, "at-risk"),
        ("at-risk", 0.51, 31, "overdue"),
        ("at-risk", 0.51, 5, "active"),
        ("at-risk", None, 40, "at-risk"),
        ("active", None, 31, "overdue"),
    ],
)
def test_the_way_back_is_longer_than_the_way_out(
    before: str, alive: float | None, days: int, after: str
) -> None:
    silence = Silence(days, usual=30.0, by_cohort=False)
    history = History(last=START, before_last=START - timedelta(days=90))
    assert judge(before, alive, silence, history, RULES) == after  # type: ignore[arg-type]


@pytest.mark.feature("S11")
def test_a_restored_rhythm_brings_a_customer_back_below_half() -> None:
    history = History(last=START, before_last=START - timedelta(days=20))
    assert judge("at-risk", 0.4, Silence(10, 30.0, False), history, RULES) == "active"
    assert judge("at-risk", 0.4, Silence(31, 30.0, False), history, RULES) == "at-risk"


@pytest.mark.feature("S11")
def test_overdue_the_day_after_the_own_rhythm_is_exceeded() -> None:
    replay = Replay(WITHOUT_MODEL).take(each(START, 10, 5))
    last = START + timedelta(days=40)
    replay.until(noon(last + timedelta(days=10)))
    assert replay.state.churn == "active"
    replay.until(noon(last + timedelta(days=11)))
    changed = replay.events[-1]

    assert isinstance(changed, ChurnChanged)
    assert (changed.before, changed.after, changed.silence_days) == ("active", "overdue", 11)
    assert changed.cohort_rhythm is False
    assert replay.moments[-1] == datetime(1997, 2, 21, tzinfo=UTC)


@pytest.mark.feature("S11")
def test_with_few_intervals_the_cohort_s_rhythm_holds() -> None:
    replay = Replay(WITH_MODEL).take([order(START)]).until(noon(START + timedelta(days=170)))
    overdue = [e for e in replay.events if isinstance(e, ChurnChanged) and e.after == "overdue"]
    assert [(e.cohort_rhythm, e.usual_days, e.silence_days) for e in overdue] == [(True, 164, 165)]


@pytest.mark.feature("S11")
def test_bg_nbd_never_judges_churn_by_its_own_p_alive() -> None:
    """Whoever never bought again counts as alive for ever under BG/NBD."""
    replay = Replay(world("bg-nbd@1")).take([order(START)]).until(noon(date(1999, 1, 1)))
    assert replay.state.churn == "at-risk"
    assert replay.state.told.model == "bg-nbd@1"


@pytest.mark.feature("S11")
def test_the_next_order_is_expected_by_the_own_rhythm_or_by_the_model() -> None:
    own = Replay(WITHOUT_MODEL).take(each(START, 10, 5)).events[-1]
    model = Replay(WITH_MODEL).take([order(START)]).events[-1]
    neither = Replay(WITHOUT_MODEL).take([order(START)]).events[-1]
    assert isinstance(own, CustomerScored)
    assert isinstance(model, CustomerScored)
    assert isinstance(neither, CustomerScored)

    assert own.next_order == own.next_order_latest == date(1997, 2, 20)
    assert model.next_order is not None
    assert model.next_order_latest is not None
    assert START < model.next_order < model.next_order_latest
    assert neither.next_order is None


@pytest.mark.feature("S5")
def test_each_silence_that_is_told_brings_news() -> None:
    replay = Replay(WITH_MODEL).take(each(START, 21, 8, 3000))
    ordered = len(replay.events) - 1
    replay.until(noon(date(2010, 1, 1)))
    since = list(zip(replay.events[ordered:], replay.moments[ordered:], strict=True))
    changes = {moment for event, moment in since if isinstance(event, ChurnChanged)}
    told = [(event, at) for event, at in since if isinstance(event, CustomerScored)]

    assert told[0][0].because == "order"
    assert 5 < len(told) < 50
    for (before, _), (after, at) in pairwise(told):
        assert after.because == "silence"
        assert at.hour == at.minute == 0
        assert at in changes or moved(before, after)
    last = told[-1][0]
    assert replay.state.review_at is None
    assert last.alive is not None
    assert last.alive < POLICY.review.alive_end


def moved(before: CustomerScored, after: CustomerScored) -> bool:
    """By the policy's steps, with a tenth for whole days and the linear guess."""
    assert before.alive is not None
    assert after.alive is not None
    assert before.value_36m is not None
    assert after.value_36m is not None
    fell = before.value_36m - after.value_36m
    least = max(POLICY.review.value_step * before.value_36m, POLICY.review.value_step_least)
    by_value = fell >= 0.9 * least
    return (
        by_value
        or before.alive - after.alive >= 0.9 * POLICY.review.alive_step
        or (after.alive < POLICY.review.alive_end)
    )


@pytest.mark.feature("S5")
def test_a_threshold_is_told_on_the_day_it_is_crossed() -> None:
    replay = Replay(WITH_MODEL).take(each(START, 21, 8, 3000)).until(noon(date(2000, 1, 1)))
    at = next(
        moment
        for event, moment in zip(replay.events, replay.moments, strict=True)
        if isinstance(event, ChurnChanged) and event.after == "at-risk"
    )
    x, t_x = 7, 21.0
    assert WITH_MODEL.model is not None
    today = (at.date() - START).days / 7
    assert WITH_MODEL.model.prospect(x, t_x, today, 3000.0).alive < 0.3
    assert WITH_MODEL.model.prospect(x, t_x, today - 1 / 7, 3000.0).alive >= 0.3


@pytest.mark.feature("S6")
def test_an_adoption_rescores_each_customer_once() -> None:
    replay = Replay(WITHOUT_MODEL).take(each(START, 21, 3))
    asked = Fact(
        data=Rescore("mbg-nbd@1"),
        id="r",
        key="c1",
        now=noon(date(1997, 4, 1)),
        time=noon(date(1997, 4, 1)),
    )
    assert react(replay.state, asked, WITHOUT_MODEL, asked.now) == []
    replay.world = WITH_MODEL
    replay.take([asked])
    scored = [e for e in replay.events if isinstance(e, CustomerScored)][-1]

    assert (scored.because, scored.model) == ("model", "mbg-nbd@1")
    assert scored.alive is not None
    assert react(replay.state, asked, WITH_MODEL, asked.now) == []
