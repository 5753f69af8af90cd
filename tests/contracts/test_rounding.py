"""A published number is rounded once, and stays the same on every machine."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from perennial.contracts.rounding import round_to

pytestmark = pytest.mark.feature("P6")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_is_stable_and_survives_the_wire(value: float) -> None:
    rounded = round_to(value)

    assert round_to(rounded) == rounded
    assert msgspec.json.decode(msgspec.json.encode(rounded), type=float) == rounded
    assert str(rounded) != "-0.0"


@pytest.mark.parametrize(
    ("value", "digits", "rounded"),
    [(0.123456789, 6, 0.123457), (1234567.0, 6, 1234570.0), (-0.0, 6, 0.0), (2.5, 1, 2.0)],
)
def test_rounding_keeps_significant_digits(value: float, digits: int, rounded: float) -> None:
    assert round_to(value, digits) == rounded


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_published(value: float) -> None:
    with pytest.raises(ValueError, match="not a number"):
        round_to(value)
