"""Ids are made from what they name, or from the moment; two things never share one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perennial.kit.ids import event_id, uuid7

from tests.kit.on_the_wire import texts

pytestmark = pytest.mark.feature("P2")


parts = st.tuples(texts, texts, texts, texts)


@given(parts, parts)
def test_different_parts_make_different_ids(
    one: tuple[str, str, str, str], other: tuple[str, str, str, str]
) -> None:
    made, same = event_id(*one, 0), event_id(*one, 0)

    assert made == same
    assert (made == event_id(*other, 0)) == (one == other)
    assert made != event_id(*one, 1)
    assert (made[14], made[19] in "89ab", len(made)) == ("8", True, 36)


def test_parts_do_not_run_together() -> None:
    assert event_id("ab", "c", "k", "x", 0) != event_id("a", "bc", "k", "x", 0)
    assert event_id("a", "b", "k", "x1", 0) != event_id("a", "b", "k", "x", 10)


def test_fresh_ids_are_version_7_and_sort_by_time() -> None:
    made = [uuid7() for _ in range(1000)]

    assert len(set(made)) == 1000
    assert all((one[14], one[19] in "89ab", len(one)) == ("7", True, 36) for one in made)
    assert [one[:13] for one in made] == sorted(one[:13] for one in made)
