"""Which facts a person on call means, by their names or by what they have in common."""

import pytest
from perennial_cli.parked_asking import ANY, chosen, placed, wanted_by
from perennial_cli.trouble import Trouble


def test_facts_are_named_with_their_service() -> None:
    assert placed("lead-intake/12") == ("lead-intake", "12")
    for wrong in ("12", "nobody/12", "scoring/x", "scoring/"):
        with pytest.raises(Trouble):
            placed(wrong)


def test_each_service_is_asked_for_its_own() -> None:
    found = chosen(["scoring/2", "lifecycle/9", "scoring/1"], "", {})
    assert found == {"scoring": {"ids": "2,1"}, "lifecycle": {"ids": "9"}}


def test_what_is_named_by_options_is_meant_everywhere_or_in_one_service() -> None:
    wanted = wanted_by("currency", "", "", "orders.v1", "")
    assert wanted == {"reason": "currency", "topic": "orders.v1"}
    assert len(chosen(None, "", wanted)) == 4
    assert chosen(None, "scoring", wanted) == {"scoring": wanted}
    assert chosen(None, "scoring", {}) == {"scoring": {"reason": ANY}}


def test_all_is_never_meant_by_saying_nothing() -> None:
    with pytest.raises(Trouble):
        chosen(None, "", {})
