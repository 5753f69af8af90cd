"""What the rules know of the adopted model; the arithmetic lives in `scoring.models`."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from scoring.policy import Policy


class Prospect(NamedTuple):
    """What a model expects of a customer from now on; money in minor units."""

    alive: float
    """P(still a customer)."""
    orders: float
    """Purchases in the next 52 weeks."""
    value_12m: float
    value_36m: float
    """Discounted margin − cost to serve."""
    received_36m: float
    """Undiscounted value of the next 36 months' purchases."""


class Model(Protocol):
    """An adopted model with its parameters. Weeks; `x` repeats, `t_x` recency, `age`."""

    @property
    def version(self) -> str: ...

    @property
    def cohort_usual_days(self) -> float | None:
        """95th percentile of all customers' intervals."""

    def prospect(self, x: int, t_x: float, age: float, mean_repeat: float) -> Prospect:
        """Expectations at `age`, given the mean value of a repeat purchase."""

    def age_when_alive(self, falls_to: float, x: int, t_x: float, age: float) -> float:
        """The age at which P(alive) will have fallen so far in silence; infinite if never."""

    def next_order(self, share: float, x: int, age: float) -> float:
        """Weeks until that share of such customers, if they stay, order again."""


@dataclass(frozen=True)
class World:
    """What the rules may know beside the customer: the policy in force and the adopted model."""

    policy: Policy
    model: Model | None = None
