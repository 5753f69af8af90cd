"""Which facts a person on call means, by their names or by what they have in common."""

import pytest
from perennial_cli.parked import _confirmed
from perennial_cli.parked_asking import ANY, chosen, in_states, placed, preview_of, wanted_by
from perennial_cli.showing import Show
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


def test_what_only_waits_is_told_apart_from_what_is_parked_and_what_stands_behind() -> None:
    would = {"facts": 5, "parked": 3, "waiting": 2, "behind": 4}
    assert preview_of("redrive", would, 12) == (
        "3 parked would be tried again; 2 waiting too, though what they wait for is still unknown;"
        " 4 behind them would go on; 7 more are left for another time (--most)"
    )
    alone = {"facts": 1, "parked": 1, "waiting": 0, "behind": 0}
    assert preview_of("discard", alone, 1) == "1 parked would be given up"


def test_the_closing_line_counts_by_state() -> None:
    causes = [
        {"state": state, "facts": n} for state, n in (("parked", 2), ("waiting", 3), ("parked", 4))
    ]
    assert in_states(causes) == {"facts": 9, "parked": 6, "waiting": 3}
    assert in_states([]) == {"facts": 0, "parked": 0, "waiting": 0}


def test_a_fact_becomes_anothers_only_if_that_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    out = Show(as_json=True)
    _confirmed(out, {"warning": ""}, yes=False)
    assert capsys.readouterr().err == ""
    with pytest.raises(Trouble, match="--yes"):
        _confirmed(out, {"warning": "this fact was of anna, and will be of bob"}, yes=False)
    _confirmed(out, {"warning": "this fact was of anna, and will be of bob"}, yes=True)
    assert "of bob" in capsys.readouterr().err
