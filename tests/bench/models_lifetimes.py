"""The same customers by `lifetimes`, run by its own Python: nothing of ours can be imported here."""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped,unused-ignore]
from lifetimes import BetaGeoFitter, GammaGammaFitter

warnings.filterwarnings("ignore")

CUSTOMERS, VALUED = 1_000_000, 200_000
PURCHASES = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}
AMOUNTS = {"p": 6.25, "q": 3.74, "gamma": 15.44}
"""Published estimates of CDNOW."""
WEEKS, MONTH_WEEKS, YEARLY_RATE = 52.0, 4.345, 0.10


def customers() -> dict[str, Any]:
    luck = np.random.default_rng(1)
    age = luck.uniform(4.0, 104.0, CUSTOMERS)
    rate = luck.gamma(0.6, 0.1, CUSTOMERS)
    x = np.minimum(luck.poisson(rate * age), 40)
    t_x = np.where(x > 0, age * luck.beta(2.0, 1.0, CUSTOMERS), 0.0)
    mean = np.where(x > 0, luck.gamma(6.0, 6.0, CUSTOMERS) + 1.0, 0.0)
    return {"x": x, "t_x": t_x, "age": age, "mean": mean}


def main(folder: Path) -> None:
    known = customers()
    np.savez(folder / "customers.npz", **known)
    told = {
        "purchases": PURCHASES,
        "amounts": AMOUNTS,
        "weeks": WEEKS,
        "month_weeks": MONTH_WEEKS,
        "yearly_rate": YEARLY_RATE,
    }
    (folder / "parameters.json").write_text(json.dumps(told))
    spent = _score(folder, known)
    print(json.dumps({"cpu_seconds": spent, "customers": VALUED}))


def _score(folder: Path, known: dict[str, Any]) -> float:
    """CPU seconds for all customers; the 12-month value is measured on some of them and scaled."""
    buys, amounts = BetaGeoFitter(), GammaGammaFitter()
    buys.params_ = pd.Series(PURCHASES)
    buys.predict = buys.conditional_expected_number_of_purchases_up_to_time  # as its fit would
    amounts.params_ = pd.Series({"p": AMOUNTS["p"], "q": AMOUNTS["q"], "v": AMOUNTS["gamma"]})
    x, t_x, age, mean = (known[name] for name in ("x", "t_x", "age", "mean"))
    began = time.process_time()
    purchases = buys.conditional_expected_number_of_purchases_up_to_time(WEEKS, x, t_x, age)
    alive = buys.conditional_probability_alive(x, t_x, age)
    all_of_them = time.process_time() - began
    some = [pd.Series(column[:VALUED]) for column in (x, t_x, age, mean)]
    monthly = (1 + YEARLY_RATE) ** (1 / 12) - 1
    began = time.process_time()
    value = amounts.customer_lifetime_value(buys, *some, time=12, discount_rate=monthly, freq="W")
    some_of_them = time.process_time() - began
    np.savez(folder / "lifetimes.npz", purchases=purchases, alive=alive, value=np.asarray(value))
    return all_of_them + some_of_them * CUSTOMERS / VALUED


if __name__ == "__main__":
    main(Path(sys.argv[1]))
