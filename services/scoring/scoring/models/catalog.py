"""The models of customers without a contract, by name, as values that look alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from scoring.models import bgnbd, mbgnbd, paretonbd
from scoring.models.fitting import Fit
from scoring.models.histories import Floats, Unfit
from scoring.models.horizon import Measure
from scoring.models.scorer import Scorer

Parameters = bgnbd.Parameters | mbgnbd.Parameters | paretonbd.Parameters


@dataclass(frozen=True, slots=True)
class Model:
    """``alive_ranks`` is False where P(alive) must not rank customers or flag churn (BG/NBD)."""

    name: str
    fit: Callable[..., Fit[Any] | Unfit]
    log_likelihood: Callable[..., Floats]
    scorer: Callable[..., Scorer]
    alive_ranks: bool


def _model(module: ModuleType) -> Model:
    name = module.__name__.rpartition(".")[2]
    return Model(name, module.fit, module.log_likelihood, module.scorer, module.ALIVE_RANKS)


MODELS = {model.name: model for model in map(_model, (bgnbd, mbgnbd, paretonbd))}


def model_of(parameters: Parameters) -> Model:
    """The model whose parameters these are."""
    return MODELS[type(parameters).__struct_config__.tag]  # type: ignore[index]


def scorer_of(parameters: Parameters, measures: Sequence[Measure]) -> Scorer:
    """Tables for parameters of any model."""
    return model_of(parameters).scorer(parameters, measures)
