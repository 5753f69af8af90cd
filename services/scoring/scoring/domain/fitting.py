"""Models are versioned (S6): asked for, fitted outside the fold, compared, adopted by rule or person.

The fold keeps the record and applies the rule; the arithmetic runs in a job, whose result comes
back through the door as `FitFinished`.
"""

from datetime import date, datetime
from typing import Literal

import msgspec
from perennial.contracts.base import Decision, Event, Fact, Refusal, State
from perennial.contracts.scores import FitRequested, ModelAdopted, ModelFitted

from scoring.domain.model import World

KEY = "models"
Family = Literal["bg-nbd", "mbg-nbd", "pareto-nbd"]


class FitModels(msgspec.Struct, frozen=True):
    """Fit every model to the orders up to and with a business day."""

    TYPE = "scoring.fit-models"
    through: date
    by: str = "rule"


class Fitted(msgspec.Struct, frozen=True, omit_defaults=True):
    """One family's result; no parameters where it could not be fitted, `note` says why."""

    family: Family
    parameters: dict[str, float] = {}
    log_likelihood: float = 0.0
    money: dict[str, float] = {}
    customers: int = 0
    backtest: dict[str, float] = {}
    note: str = ""


class Champion(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the hold-out says: who predicts best, whose P(alive) ranks best, and why."""

    family: Family
    alive_by: Family
    reason: str


class FitFinished(msgspec.Struct, frozen=True):
    """The job's result for the fit asked for `through` a day."""

    TYPE = "scoring.fit-finished"
    fit: int
    """Which round of fitting this is."""
    through: date
    fits: list[Fitted]
    cohort_usual_days: float | None = None
    champion: Champion | None = None
    """None where no candidate passed the gates."""


class AdoptModel(msgspec.Struct, frozen=True):
    """A person's choice: also the way back to an earlier version."""

    TYPE = "scoring.adopt-model"
    model: str
    reason: str = ""


class KnownModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fitted version, with all that scoring by it takes."""

    family: Family
    parameters: dict[str, float]
    money: dict[str, float]
    through: date
    cohort_usual_days: float | None = None


class ModelsState(State, frozen=True, kw_only=True):
    """Every version fitted, the one in force, and the fit that is asked for."""

    known: dict[str, KnownModel] = msgspec.field(default_factory=dict)
    fits: int = 0
    """How many rounds of fitting have been asked for; their number is the version's."""
    pending: date | None = None
    """`through` of the fit under way."""
    through: date | None = None
    """Of the last fit asked for."""
    adopted: str = ""
    alive_by: str = ""
    """Whose P(alive) judges churn; the adopted model's own unless that must not."""
    adoptions: int = 0


def react(state: ModelsState, fact: Fact, world: World, _now: datetime) -> Decision:
    """What a request changes in the record of models."""
    match fact.data:
        case FitModels():
            return _requested(state, fact.data)
        case FitFinished():
            return _finished(state, fact.data, world)
        case AdoptModel():
            return _chosen(state, fact.data, fact.principal)
        case _:
            return []


def evolve(state: ModelsState, event: Event, _now: datetime) -> ModelsState:
    """The record after one of its own events."""
    match event:
        case FitRequested():
            return msgspec.structs.replace(
                state, fits=state.fits + 1, pending=event.through, through=event.through
            )
        case ModelFitted():
            return msgspec.structs.replace(
                state, pending=None, known={**state.known, event.model: _known(event)}
            )
        case ModelAdopted():
            return msgspec.structs.replace(
                state,
                adopted=event.model,
                alive_by=event.alive_by or event.model,
                adoptions=state.adoptions + 1,
            )
        case _:
            return state


def version(family: str, fit: int) -> str:
    """As `pareto-nbd@2`: the second round of fitting."""
    return f"{family}@{fit}"


def _requested(state: ModelsState, request: FitModels) -> Decision:
    if state.pending is not None:
        detail = f"A fit through {state.pending} is under way; ask again when it is done."
        return Refusal(code="fit-under-way", detail=detail)
    return [FitRequested(through=request.through, by=request.by)]


def _finished(state: ModelsState, result: FitFinished, world: World) -> Decision:
    if state.pending != result.through or state.fits != result.fit:
        return Refusal(code="fit-not-asked-for", detail="No such fit is under way.")
    events: list[Event] = [_fitted(fit, result, state.fits) for fit in result.fits]
    if result.champion is not None and world.policy.models.adopt_by_rule:
        events.append(_adopted_by_rule(state, result.champion))
    return list(events)


def _fitted(fit: Fitted, result: FitFinished, number: int) -> ModelFitted:
    return ModelFitted(
        model=version(fit.family, number),
        family=fit.family,
        parameters=fit.parameters,
        log_likelihood=fit.log_likelihood,
        money=fit.money,
        customers=fit.customers,
        through=result.through,
        backtest=fit.backtest,
        cohort_usual_days=result.cohort_usual_days,
        note=fit.note,
    )


def _adopted_by_rule(state: ModelsState, champion: Champion) -> ModelAdopted:
    alive_by = "" if champion.alive_by == champion.family else champion.alive_by
    return ModelAdopted(
        model=version(champion.family, state.fits),
        replaces=state.adopted,
        reason=champion.reason,
        alive_by=version(alive_by, state.fits) if alive_by else "",
    )


def _chosen(state: ModelsState, request: AdoptModel, principal: str) -> Decision:
    chosen = state.known.get(request.model)
    if chosen is None or not chosen.parameters:
        return Refusal(
            code="model-unknown",
            detail=f"No fitted model {request.model}; GET /v1/models lists them.",
            kind="missing",
        )
    if state.adopted == request.model:
        return []
    alive_by = _stand_in(state, request.model) if chosen.family == "bg-nbd" else ""
    if alive_by is None:
        detail = "BG/NBD's P(alive) must not judge churn, and no other model of that fit can."
        return Refusal(code="model-cannot-judge-churn", detail=detail)
    return [
        ModelAdopted(
            model=request.model,
            replaces=state.adopted,
            reason=request.reason,
            by=principal or "person",
            alive_by=alive_by,
        )
    ]


def _stand_in(state: ModelsState, model: str) -> str | None:
    """Another model of the same round of fitting, whose P(alive) ranks."""
    number = model.partition("@")[2]
    for family in ("mbg-nbd", "pareto-nbd"):
        found = state.known.get(f"{family}@{number}")
        if found is not None and found.parameters:
            return f"{family}@{number}"
    return None


def _known(event: ModelFitted) -> KnownModel:
    return KnownModel(
        family=event.family,
        parameters=event.parameters,
        money=event.money,
        through=event.through,
        cohort_usual_days=event.cohort_usual_days,
    )
