"""The CDNOW sample: raw, and summarised up to the end of calibration."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scoring.models import bgnbd, mbgnbd, paretonbd
from scoring.models.catalog import Parameters
from scoring.models.fitting import Fit
from scoring.models.histories import Integers
from scoring.models.summary import Summary, summarise

CUT = date(1997, 9, 30).toordinal()
FILE = Path(__file__).parents[2] / "data" / "CDNOW_sample.txt"


@dataclass(frozen=True)
class Orders:
    customer: Integers
    day: Integers
    cents: Integers


@pytest.fixture(scope="session")
def orders() -> Orders:
    rows = [line.split() for line in FILE.read_text().splitlines()]
    days = [date(int(r[2][:4]), int(r[2][4:6]), int(r[2][6:])).toordinal() for r in rows]
    cents = [round(float(r[4]) * 100) for r in rows]
    return Orders(np.array([int(r[1]) for r in rows]), np.array(days), np.array(cents))


@pytest.fixture(scope="session")
def cdnow(orders: Orders) -> Summary:
    return summarise(orders.customer, orders.day, orders.cents, CUT)


@pytest.fixture(scope="session")
def fits(cdnow: Summary) -> dict[str, Fit[Parameters]]:
    found = {
        "bgnbd": bgnbd.fit(cdnow.x, cdnow.t_x, cdnow.age),
        "mbgnbd": mbgnbd.fit(cdnow.x, cdnow.t_x, cdnow.age),
        "paretonbd": paretonbd.fit(cdnow.x, cdnow.t_x, cdnow.age),
    }
    assert all(isinstance(fit, Fit) for fit in found.values())
    return found  # type: ignore[return-value]  # asserted the line before
