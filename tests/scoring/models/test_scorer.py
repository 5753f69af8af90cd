"""Scores: one function in two forms, monotone, finite, exact against independent formulas."""

from math import inf, isfinite

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1
from scoring.models import bgnbd, mbgnbd, paretonbd
from scoring.models.catalog import Parameters, model_of, scorer_of
from scoring.models.horizon import Outlook, months_served, purchases_within
from scoring.models.scorer import Scorer

CDNOW: dict[str, Parameters] = {
    "bgnbd": bgnbd.Parameters(0.242595, 4.4136, 0.792922, 2.42591),
    "mbgnbd": mbgnbd.Parameters(0.524843, 6.18309, 0.891359, 1.614),
    "paretonbd": paretonbd.Parameters(0.553277, 10.5777, 0.60624, 11.6687),
}
ODD: list[Parameters] = [
    bgnbd.Parameters(0.05, 0.02, 1.0, 0.3),
    bgnbd.Parameters(9.0, 40.0, 45.0, 900.0),
    bgnbd.Parameters(2.0, 10.0, 1e-9, 1.0),
    mbgnbd.Parameters(0.3, 200.0, 3.0, 0.02),
    mbgnbd.Parameters(1.0, 0.5, 2.0, 400.0),
    paretonbd.Parameters(0.5, 30.0, 1.0, 0.05),
    paretonbd.Parameters(3.0, 0.5, 4.0, 300.0),
    paretonbd.Parameters(1.0, 5.0, 1e-9, 5.0),
]
SCORERS = [scorer_of(p, Outlook().measures()) for p in (*CDNOW.values(), *ODD)]

scorers = st.sampled_from(SCORERS)
ages = st.floats(0.15, 2000.0)
counts = st.one_of(st.integers(0, 20), st.integers(0, 5000))
shares = st.floats(0.001, 1.0)


def last(x: int, share: float, age: float) -> float:
    return share * age if x else 0.0


@pytest.mark.feature("S1")
@settings(max_examples=300, deadline=None)
@given(scorers, counts, shares, ages)
def test_scores_are_finite_and_one_function_in_two_forms(
    scorer: Scorer, x: int, share: float, age: float
) -> None:
    t_x = last(x, share, age)

    one = scorer.score(x, t_x, age)
    many = scorer.scores([x, 0, x], [t_x, 0.0, t_x], [age, age, age])

    assert all(isfinite(number) and number >= 0.0 for number in one)
    assert 0.0 <= scorer.alive(x, t_x, age) <= 1.0
    assert many[:, 0] == pytest.approx(one, rel=1e-9, abs=1e-290)
    assert many[:, 2] == pytest.approx(many[:, 0], rel=1e-12)
    assert np.isfinite(many).all()


@settings(max_examples=200, deadline=None)
@given(scorers, counts, shares, ages, st.floats(0.01, 500.0))
def test_silence_never_raises_the_chance_of_being_a_customer(
    scorer: Scorer, x: int, share: float, age: float, silence: float
) -> None:
    t_x = last(x, share, age)

    assert scorer.alive(x, t_x, age + silence) <= scorer.alive(x, t_x, age) * (1 + 1e-11)


@settings(max_examples=200, deadline=None)
@given(scorers, counts, shares, ages)
def test_longer_horizons_hold_more(scorer: Scorer, x: int, share: float, age: float) -> None:
    _, _, year, three_years, served, served_longer = scorer.score(x, last(x, share, age), age)

    assert year <= three_years
    assert served <= served_longer * (1 + 1e-11)
    assert served_longer <= 36.0


@pytest.mark.feature("S11")
@settings(max_examples=300, deadline=None)
@given(scorers, counts, shares, ages, st.floats(0.02, 0.98))
def test_crossing_is_when_the_threshold_is_reached(
    scorer: Scorer, x: int, share: float, age: float, threshold: float
) -> None:
    t_x = last(x, share, age)

    moment = scorer.crossing(threshold, x, t_x, age)

    if moment == inf:
        assert scorer.alive(x, t_x, 1e5 * 0.999) > threshold
    elif moment == age:
        assert scorer.alive(x, t_x, age) <= threshold + 1e-9
    else:
        assert scorer.alive(x, t_x, moment) == pytest.approx(threshold, rel=1e-6)


def papers_expectation(p: Parameters, t: float, x: int, t_x: float, age: float) -> float:
    """As printed: Fader, Hardie & Lee 2005 eq. 10 (b + 1 for MBG), Schmittlein et al. 1987."""
    if isinstance(p, paretonbd.Parameters):
        k = p.r + x
        closed = k * (p.beta + age) / ((p.alpha + age) * (p.s - 1))
        closed *= 1 - ((p.beta + age) / (p.beta + age + t)) ** (p.s - 1)
        return float(closed * paretonbd.alive(p, [x], [t_x], [age])[0])
    b = p.b + isinstance(p, mbgnbd.Parameters)
    total = p.alpha + age + t
    series = hyp2f1(p.r + x, b + x, p.a + b + x - 1, t / total)
    closed = (p.a + b + x - 1) / (p.a - 1) * (1 - ((p.alpha + age) / total) ** (p.r + x) * series)
    odds = p.a / (b + x - 1) * ((p.alpha + age) / (p.alpha + t_x)) ** (p.r + x)
    return float(closed / (1 + (odds if b != p.b or x else 0.0)))


@pytest.mark.feature("S1")
@pytest.mark.parametrize("model", CDNOW)
@pytest.mark.parametrize("weeks", [0.5, 12.0, 156.0])
@pytest.mark.parametrize("customer", [(0, 0.0, 30.0), (2, 30.43, 38.86), (40, 70.0, 78.0)])
def test_expectations_are_the_printed_formulas(
    model: str, weeks: float, customer: tuple[int, float, float]
) -> None:
    p = CDNOW[model]

    got = scorer_of(p, [purchases_within(weeks)]).score(*customer)[1]

    assert got == pytest.approx(papers_expectation(p, weeks, *customer), rel=1e-9)


@pytest.mark.parametrize("model", CDNOW)
def test_survival_is_what_simulated_customers_do(model: str) -> None:
    """Of 200,000 draws from the posterior, seeded."""
    p, (x, t_x, age) = CDNOW[model], (3, 20.0, 26.0)
    rng = np.random.default_rng(11)
    rate = rng.gamma(p.r + x, 1 / (p.alpha + age), 200_000)
    if isinstance(p, paretonbd.Parameters):
        leaving = rng.gamma(p.s, 1 / (p.beta + age), rate.size)
    else:
        first = isinstance(p, mbgnbd.Parameters)
        leaving = rate * rng.beta(p.a, p.b + x + first, rate.size)
    scorer = scorer_of(p, [months_served(12, 0.0)])

    alive, served = scorer.score(x, t_x, age)

    months = np.exp(-leaving[:, None] * np.arange(12) * 365.25 / 84).sum(axis=1)
    assert served == pytest.approx(alive * months.mean(), rel=5e-3)


def test_half_of_waits_end_before_the_median() -> None:
    scorer = SCORERS[1]
    rate = np.random.default_rng(5).gamma(0.524843 + 4, 1 / (6.18309 + 20.0), 200_000)
    waits = np.random.default_rng(6).exponential(1 / rate)

    for share in (0.1, 0.5, 0.9):
        assert float(np.mean(waits <= scorer.next_order(share, 4, 20.0))) == pytest.approx(
            share, abs=5e-3
        )


def test_every_parameter_knows_its_model() -> None:
    assert [model_of(p).name for p in CDNOW.values()] == list(CDNOW)
    assert not model_of(CDNOW["bgnbd"]).alive_ranks
