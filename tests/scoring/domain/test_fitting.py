"""S6: models are versioned, compared on held-out weeks, adopted by rule or person, rolled back."""

from array import array
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from perennial.contracts.base import Event, Fact, Refusal
from perennial.contracts.scores import FitRequested, ModelAdopted, ModelFitted
from scoring import policy
from scoring.domain.fitting import (
    AdoptModel,
    Champion,
    FitFinished,
    FitModels,
    Fitted,
    ModelsState,
    evolve,
    react,
)
from scoring.domain.model import World
from scoring.fits import fit_all
from scoring.jobs import last_day_before_fit
from scoring.store import Purchases

WORLD = World(policy.default())
THROUGH = date(1997, 9, 30)
NOW = datetime(1997, 10, 1, tzinfo=UTC)
CDNOW = Path(__file__).parents[2] / "data" / "CDNOW_sample.txt"

FITS = [
    Fitted(family="bg-nbd", parameters={"r": 0.2, "alpha": 4.0, "a": 0.8, "b": 2.4}),
    Fitted(family="mbg-nbd", parameters={"r": 0.5, "alpha": 6.0, "a": 0.9, "b": 1.6}),
    Fitted(family="pareto-nbd", note="the search for parameters did not settle"),
]
FINISHED = FitFinished(
    fit=1,
    through=THROUGH,
    fits=FITS,
    champion=Champion("mbg-nbd", "mbg-nbd", "closest on the hold-out"),
)


def asked(state: ModelsState, *wishes: Any) -> tuple[ModelsState, list[Event]]:
    made: list[Event] = []
    for wish in wishes:
        fact = Fact(data=wish, id="r", key="models", now=NOW, time=NOW, principal="ann")
        decision = react(state, fact, WORLD, NOW)
        assert isinstance(decision, list), decision
        for event in decision:
            assert isinstance(event, Event)
            state = evolve(state, event, NOW)
            made.append(event)
    return state, made


def refused(state: ModelsState, wish: Any) -> str:
    fact = Fact(data=wish, id="r", key="models", now=NOW, time=NOW)
    decision = react(state, fact, WORLD, NOW)
    assert isinstance(decision, Refusal)
    return decision.code


@pytest.mark.feature("S6")
def test_a_fit_is_asked_for_told_and_adopted_by_rule() -> None:
    state, events = asked(ModelsState(), FitModels(through=THROUGH), FINISHED)

    assert [type(event) for event in events] == [FitRequested, *[ModelFitted] * 3, ModelAdopted]
    assert (state.adopted, state.alive_by, state.pending) == ("mbg-nbd@1", "mbg-nbd@1", None)
    assert state.through == THROUGH


@pytest.mark.feature("S6")
def test_one_fit_at_a_time_and_no_result_that_nobody_asked_for() -> None:
    pending, _ = asked(ModelsState(), FitModels(through=THROUGH))
    assert refused(pending, FitModels(through=THROUGH)) == "fit-under-way"
    assert refused(ModelsState(), FINISHED) == "fit-not-asked-for"


@pytest.mark.feature("S6")
def test_rollback_is_one_call() -> None:
    again = msgspec.structs.replace(FINISHED, fit=2)
    twice, _ = asked(
        ModelsState(), FitModels(through=THROUGH), FINISHED, FitModels(through=THROUGH), again
    )
    assert twice.adopted == "mbg-nbd@2"
    back, events = asked(twice, AdoptModel(model="mbg-nbd@1", reason="churn was overstated"))

    assert back.adopted == "mbg-nbd@1"
    assert isinstance(events[0], ModelAdopted)
    assert (events[0].replaces, events[0].by) == ("mbg-nbd@2", "ann")
    assert asked(back, AdoptModel(model="mbg-nbd@1"))[1] == []


@pytest.mark.feature("S6")
def test_only_what_was_fitted_can_be_adopted_and_bg_nbd_leaves_churn_to_another() -> None:
    state, _ = asked(ModelsState(), FitModels(through=THROUGH), FINISHED)
    assert refused(state, AdoptModel(model="pareto-nbd@1")) == "model-unknown"
    assert refused(state, AdoptModel(model="bg-nbd@9")) == "model-unknown"
    assert asked(state, AdoptModel(model="bg-nbd@1"))[0].alive_by == "mbg-nbd@1"


@pytest.mark.parametrize(
    ("today", "through"),
    [
        (date(1997, 10, 1), date(1997, 9, 30)),
        (date(1997, 12, 31), date(1997, 9, 30)),
        (date(1997, 9, 30), date(1997, 6, 30)),
        (date(1998, 1, 1), date(1997, 12, 31)),
    ],
)
def test_a_fit_knows_what_was_over_when_it_was_due(today: date, through: date) -> None:
    assert last_day_before_fit(today, WORLD.policy.models) == through


@pytest.mark.feature("S6")
def test_the_quarter_s_fit_reproduces_the_published_cdnow_parameters() -> None:
    result = fit_all(cdnow(), THROUGH, WORLD.policy.models, None)
    by_family = {fit.family: fit for fit in result.fits}

    assert by_family["bg-nbd"].log_likelihood == pytest.approx(-9582.4292, abs=5e-4)
    assert by_family["bg-nbd"].parameters["r"] == pytest.approx(0.2426, abs=5e-5)
    assert by_family["pareto-nbd"].parameters["alpha"] == pytest.approx(10.5777, abs=5e-4)
    assert by_family["mbg-nbd"].money["gamma"] == pytest.approx(15.4435, abs=5e-4)
    assert result.champion is not None
    assert result.champion.alive_by in ("mbg-nbd", "pareto-nbd")
    assert result.cohort_usual_days == 164


def cdnow() -> Purchases:
    value: dict[tuple[int, int], int] = defaultdict(int)
    for customer, day, amount in cdnow_rows():
        value[customer, day.toordinal()] += amount
    return Purchases(
        array("q", [customer for customer, _ in value]),
        array("q", [day for _, day in value]),
        array("q", value.values()),
    )


def cdnow_rows() -> Iterable[tuple[int, date, int]]:
    for line in CDNOW.read_text().splitlines():
        _, customer, day, _, amount = line.split()
        yield int(customer), datetime.strptime(day, "%Y%m%d").date(), round(float(amount) * 100)
