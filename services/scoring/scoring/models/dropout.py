"""Is there any dropout in the data? A model that finds none says so and invents no churn."""

from collections.abc import Callable

from scoring.models import nbd
from scoring.models.fitting import DROPOUT_GAIN, Fit, P, Peak
from scoring.models.histories import Histories

NO_DROPOUT = "no dropout found"
#: Stands for zero where a parameter must be positive.
NOTHING = 1e-9


def settled(
    rows: Histories, peak: Peak, parameters: Callable[..., P], steady: Callable[[float, float], P]
) -> Fit[P]:
    """The fit at the peak, or, where leaving explains no more than NBD does, NBD in the model's
    own parameters: along that ridge the dropout parameters mean nothing."""
    staying = nbd.fit_rows(rows)
    if not peak.height - staying.log_likelihood >= DROPOUT_GAIN:
        fitted = staying.parameters
        return Fit(
            steady(fitted.r, fitted.alpha), staying.log_likelihood,
            staying.standard_errors, staying.converged, NO_DROPOUT,
        )  # fmt: skip
    note = "a parameter lies at the edge of its range" if peak.on_edge else ""
    return Fit(parameters(*peak.at), peak.height, peak.standard_errors, peak.converged, note)
