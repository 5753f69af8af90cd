"""Customer numbers: their form, and slips that the check digits find (C2)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifecycle.domain.numbering import is_valid, number, scope
from lifecycle.domain.record import Customer
from lifecycle.handlers import CUSTOMER
from perennial.contracts.base import At, Fact
from perennial.contracts.customers import CustomerActivated

from tests.lifecycle.driving import ANN, START, TEAM, UNHURRIED, ordered

pytestmark = pytest.mark.feature("C2")
NUMBERS = st.builds(number, st.integers(1900, 2200).map(lambda y: f"C-{y}"), st.integers(1, 10**7))


def test_the_form() -> None:
    activated = CustomerActivated(customer_id=ANN, number="", owner="bo", watchers=["bo", "cy"])
    assert scope(activated, datetime(1997, 3, 1, tzinfo=UTC)) == "C-1997"
    assert number("C-1997", 1) == "C-1997-000001-37"
    assert number("C-1997", 1_234_567).startswith("C-1997-1234567-")


@UNHURRIED
@given(NUMBERS)
def test_every_number_drawn_is_valid(drawn: str) -> None:
    assert is_valid(drawn)


@UNHURRIED
@given(NUMBERS, st.data())
def test_a_wrong_digit_is_found(drawn: str, data: st.DataObject) -> None:
    places = [at for at, sign in enumerate(drawn) if sign.isdigit()]
    at = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != drawn[at]]))
    assert not is_valid(drawn[:at] + other + drawn[at + 1 :])


@UNHURRIED
@given(NUMBERS, st.data())
def test_swapped_neighbours_are_found(drawn: str, data: st.DataObject) -> None:
    pairs = [
        at
        for at in range(len(drawn) - 1)
        if drawn[at : at + 2].isdigit() and drawn[at] != drawn[at + 1]
    ]
    at = data.draw(st.sampled_from(pairs))
    assert not is_valid(drawn[:at] + drawn[at + 1] + drawn[at] + drawn[at + 2 :])


@pytest.mark.parametrize("text", ["", "C-1997-1-37", "X-1997-000001-37", "C-1997-000001-37 "])
def test_other_forms_are_not_numbers(text: str) -> None:
    assert not is_valid(text)


def test_the_year_is_that_of_the_order_not_of_its_import() -> None:
    imported = datetime(2026, 1, 1, tzinfo=UTC)
    fact = Fact(data=ordered(1, START), id="f", key=ANN, now=imported, time=START)
    decision = CUSTOMER.react(Customer(), fact, TEAM, imported)
    assert isinstance(decision, list)
    activation = next(wish for wish in decision if isinstance(wish, At))
    assert scope(activation.event, activation.time) == "C-1997"
