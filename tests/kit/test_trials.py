"""What there is to try: a wish that says nothing about a draft is refused, with the path and the cure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from perennial.kit.trials import TryPolicy, fault_in

pytestmark = pytest.mark.feature("P6")

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("wish", "status", "path"),
    [
        ({"version": 1, "document": {}}, 422, "/document"),
        ({"version": 3}, 404, "/version"),
        ({"version": -1}, 404, "/version"),
        ({"version": 1, "starts": NOW, "ends": NOW - DAY}, 422, "/ends"),
        ({"version": 1, "starts": NOW + DAY}, 422, "/starts"),
        ({"version": 1, "shadow": True, "ends": NOW - DAY}, 422, "/ends"),
    ],
)
def test_what_would_say_nothing_is_refused(wish: dict[str, Any], status: int, path: str) -> None:
    fault = fault_in(TryPolicy(**wish), versions=2, now=NOW)
    assert fault is not None
    assert fault[:2] == (status, path)
    assert fault[2]


@pytest.mark.parametrize(
    "wish",
    [
        {"version": 0},
        {"version": 2, "starts": NOW - DAY, "ends": NOW},
        {"document": {}, "starts": NOW - DAY},
        {"version": 1, "shadow": True, "starts": NOW, "ends": NOW + DAY},
    ],
)
def test_what_can_be_tried_is_taken(wish: dict[str, Any]) -> None:
    assert fault_in(TryPolicy(**wish), versions=2, now=NOW) is None
