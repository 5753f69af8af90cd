"""Scores a million customers by our tables, and compares with what `models_lifetimes` left."""

import json
import sys
import time
from pathlib import Path

import numpy as np
from scoring.models import bgnbd, gamma_gamma
from scoring.models.horizon import discounted_purchases, purchases_within


def main(folder: Path) -> None:
    customers = np.load(folder / "customers.npz")
    told = json.loads((folder / "parameters.json").read_text())
    x, t_x, age, mean = (customers[name] for name in ("x", "t_x", "age", "mean"))
    began = time.process_time()
    amounts = gamma_gamma.Parameters(**told["amounts"])
    measures = (
        purchases_within(told["weeks"]),
        discounted_purchases(12, told["yearly_rate"], told["month_weeks"]),
    )
    scores = bgnbd.scorer(bgnbd.Parameters(**told["purchases"]), measures).scores(x, t_x, age)
    value = scores[2] * gamma_gamma.expected_amount(amounts, x, mean)
    spent = time.process_time() - began
    theirs = np.load(folder / "lifetimes.npz")
    some = slice(0, theirs["value"].size)
    worst = max(
        _difference(scores[1], theirs["purchases"]),
        _difference(scores[0], theirs["alive"]),
        _difference(value[some], theirs["value"]),
    )
    (folder / "worst.json").write_text(json.dumps(worst))
    print(json.dumps({"cpu_seconds": spent, "customers": int(x.size)}))


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.max(np.abs(ours - theirs) / np.abs(theirs)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
