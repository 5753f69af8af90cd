"""Maximum likelihood on the log scale, done the same way for every model of this folder.

Quasi-Newton from several starting points, then Newton steps at the best peak until the parameters
stand still to about ten digits: what is published after rounding is the same on every machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import numpy as np
from scipy.optimize import minimize

from scoring.models.histories import Floats

P = TypeVar("P")

#: log-parameters -> (log-likelihood, its gradient by the log-parameters)
Likelihood = Callable[[Floats], tuple[float, Floats]]

NEWTON_STEPS = 12
STANDS_STILL = 1e-9
CURVATURE_STEP = 1e-4
#: Gain in log-likelihood from which dropout counts as found: the 5 % point of the mixture of
#: chi-squared 0 and 1 that holds for a parameter on its boundary (Self & Liang 1987), halved.
DROPOUT_GAIN = 1.353


class Fit(msgspec.Struct, Generic[P], frozen=True, tag=True):
    """What was learnt. ``standard_errors`` follow the order of the parameters' fields and are
    empty where the curvature gives none."""

    parameters: P
    log_likelihood: float
    standard_errors: tuple[float, ...] = ()
    converged: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest point found; ``at`` are the parameters themselves, not their logarithms."""

    at: tuple[float, ...]
    height: float
    standard_errors: tuple[float, ...]
    converged: bool
    on_edge: bool


def maximise(
    likelihood: Likelihood,
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
) -> Peak:
    """The highest peak from all starts. Starts and bounds are given in parameters (> 0)."""
    log_bounds = [(float(np.log(low)), float(np.log(high))) for low, high in bounds]
    climbed = [_climb(likelihood, np.log(np.asarray(s, dtype=float)), log_bounds) for s in starts]
    best = max(climbed, key=lambda place: likelihood(place)[0])
    place, curvature, still = _polish(likelihood, best, log_bounds)
    at = np.exp(place)
    on_edge = _on_edge(place, log_bounds)
    errors = () if on_edge else _standard_errors(at, curvature)
    height = likelihood(place)[0]
    return Peak(tuple(at.tolist()), height, errors, still or on_edge, on_edge)


def _climb(likelihood: Likelihood, start: Floats, bounds: list[tuple[float, float]]) -> Floats:
    scale = max(1.0, abs(likelihood(start)[0]))

    def downhill(place: Floats) -> tuple[float, Floats]:
        height, slope = likelihood(place)
        return -height / scale, -slope / scale

    low, high = np.array(bounds).T
    found = minimize(
        downhill, np.clip(start, low, high), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 300, "ftol": 1e-13, "gtol": 1e-8},
    )  # fmt: skip
    return np.asarray(found.x, dtype=np.float64)


def _polish(
    likelihood: Likelihood, place: Floats, bounds: list[tuple[float, float]]
) -> tuple[Floats, Floats, bool]:
    low, high = np.array(bounds).T
    curvature = _curvature(likelihood, place)
    for _ in range(NEWTON_STEPS):
        step = _newton_step(likelihood(place)[1], curvature)
        if step is None or _on_edge(place, bounds):
            return place, curvature, False
        if float(np.abs(step).max()) < STANDS_STILL:
            return place, curvature, True
        place = np.asarray(np.clip(place + step, low, high), dtype=np.float64)
        if float(np.abs(step).max()) > CURVATURE_STEP:
            curvature = _curvature(likelihood, place)
    return place, curvature, False


def _newton_step(slope: Floats, curvature: Floats) -> Floats | None:
    if not (np.isfinite(curvature).all() and np.isfinite(slope).all()):
        return None
    if float(np.linalg.eigvalsh(curvature).max()) >= 0.0:
        return None
    step = np.asarray(np.linalg.solve(-curvature, slope), dtype=np.float64)
    shrunk: Floats = step / max(1.0, float(np.abs(step).max()))
    return shrunk


def _curvature(likelihood: Likelihood, place: Floats) -> Floats:
    """Second derivatives by the log-parameters, from central differences of the gradient."""
    rows = []
    for offset in np.eye(len(place)) * CURVATURE_STEP:
        ahead, behind = likelihood(place + offset)[1], likelihood(place - offset)[1]
        rows.append((ahead - behind) / (2.0 * CURVATURE_STEP))
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2.0


def _standard_errors(at: Floats, curvature: Floats) -> tuple[float, ...]:
    """By the delta method: d parameter = parameter x d log-parameter."""
    step = _newton_step(np.zeros(len(at)), curvature)
    if step is None:
        return ()
    spread = np.sqrt(np.diag(np.linalg.inv(-curvature)))
    return tuple((at * spread).tolist())


def _on_edge(place: Floats, bounds: list[tuple[float, float]]) -> bool:
    low, high = np.array(bounds).T
    return bool(((place - low < 1e-6) | (high - place < 1e-6)).any())


def six_digits(number: float) -> float:
    """A number as it is published or compared: rounded once, to 6 significant digits."""
    return float(f"{number:.6g}")


def published(parameters: P) -> P:
    """A parameters struct with every field rounded as it is published; scores use these."""
    return type(parameters)(*(six_digits(value) for value in msgspec.structs.astuple(parameters)))  # type: ignore[arg-type]
