"""The win-back case: diagnosis, ladder, recovery, check, loss (C14)."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from lifecycle import policy
from lifecycle.domain.months import month_after, month_starts, months_until
from lifecycle.domain.register import Entry
from lifecycle.domain.requests import (
    CloseWinback,
    DiagnoseWinback,
    GiveLostReason,
    LightRedLight,
    ReleaseCustomer,
)
from lifecycle.domain.world import world
from lifecycle.handlers import CUSTOMER
from perennial.contracts.customers import (
    CurveStarted,
    CustomerLost,
    CustomerMoved,
    CustomerRecovered,
    LostReasonGiven,
    WinbackClosed,
    WinbackDiagnosed,
    WinbackOpened,
    WinbackOverdue,
)
from perennial.contracts.registers import CalendarChanged

from tests.lifecycle.driving import (
    ANN,
    TEAM,
    Life,
    churn,
    declining,
    ordered,
    scored,
    serving,
    trend,
)

pytestmark = pytest.mark.feature("C14")
CAUSE = DiagnoseWinback(cause="product-mismatch", actions=["call"], competitor="acme")


def winning_back() -> Life:
    return declining().after(1, CAUSE)


def recovered() -> Life:
    life = winning_back()
    life.after(10, ordered(3, life.now + timedelta(10)))
    return life.after(20, ordered(4, life.now + timedelta(20), rolling_value=150_00))


def test_the_cause_names_the_department_and_begins_the_win_back() -> None:
    life = winning_back()
    move = life.made(CustomerMoved)[-1]
    assert (move.after, move.accountable) == ("winning-back", "market")
    diagnosed = life.made(WinbackDiagnosed)[0]
    assert (diagnosed.department, diagnosed.competitor, diagnosed.by) == ("market", "acme", "kim")


def test_a_later_diagnosis_adds_to_the_first() -> None:
    life = winning_back().after(1, DiagnoseWinback(cause="price", owner="cy"))
    assert [one.cause for one in life.made(WinbackDiagnosed)] == ["product-mismatch", "price"]
    assert (life.state.case.cause, life.state.case.owner) == ("price", "cy")


def test_an_unknown_cause_is_refused_with_the_known_ones() -> None:
    assert declining().asked(DiagnoseWinback(cause="weather")) == "unknown-cause"
    assert serving().asked(CAUSE) == "no-open-case"


def test_two_orders_in_rhythm_recover_on_the_next_curve() -> None:
    life = recovered()
    assert (life.segment, life.state.curve) == ("growing", 2)
    assert [one.because for one in life.made(CurveStarted)] == ["recovery"]
    assert life.made(CustomerRecovered)[0].saved == 50_00


def test_orders_out_of_rhythm_begin_the_count_anew() -> None:
    life = winning_back()
    life.after(5, ordered(3, life.now + timedelta(5)))
    life.after(40, ordered(4, life.now + timedelta(40)))
    assert life.segment == "winning-back"
    life.after(0, ordered(5, life.now))
    assert life.segment == "winning-back", "two orders of one day are one"
    life.after(9, ordered(6, life.now + timedelta(9)))
    assert life.segment == "growing"


def test_an_order_from_before_the_light_answers_nothing() -> None:
    life = winning_back()
    life.after(1, ordered(3, date(1997, 1, 20))).after(1, ordered(4, life.now))
    assert life.segment == "winning-back"


@pytest.mark.parametrize(
    ("window", "period", "segment"),
    [
        (90_00, "1997-05", "growing"),
        (89_99, "1997-05", "winning-back"),
        (90_00, "1997-02", "winning-back"),
    ],
)
def test_value_near_the_baseline_recovers_in_a_window_after_the_light(
    window: int, period: str, segment: str
) -> None:
    life = winning_back().after(5)
    life.take(ordered(3, life.now))
    life.take(trend("steady", window=window, period=period, baseline=100_00))
    assert life.segment == segment


def test_value_alone_without_an_order_since_proves_nothing() -> None:
    life = winning_back().after(60, trend("steady", window=100_00, period="1997-04"))
    assert life.segment == "winning-back"


def test_the_case_closes_only_after_its_check() -> None:
    life = recovered()
    assert not life.made(WinbackClosed)
    life.after(55)
    assert not life.made(WinbackClosed)
    life.after(1)
    closed = life.made(WinbackClosed)[0]
    assert (closed.outcome, closed.saved) == ("recovered", 50_00)
    assert CUSTOMER.due(life.state, TEAM) == {}


def test_a_light_before_the_check_reopens_the_case_and_clears_nothing() -> None:
    life = recovered().after(40, scored(silence_days=31.0))
    first, second = life.made(WinbackOpened)
    assert (second.case_id, second.reopens) == (first.case_id, 1)
    assert not life.made(WinbackClosed)
    life.after(20)
    assert life.segment == "declining", "the old check is off"
    life.after(1, CAUSE).after(400)
    assert [one.outcome for one in life.made(WinbackClosed)] == ["lost"]


def test_a_light_after_the_check_opens_another_case() -> None:
    life = recovered().after(57, scored(silence_days=31.0))
    assert [one.case_id for one in life.made(WinbackOpened)] == [f"{ANN}-w1", f"{ANN}-w2"]


@pytest.mark.feature("C15")
def test_past_the_deadline_and_silent_a_case_is_lost_without_an_answer() -> None:
    life = winning_back()
    life.after(88)
    assert life.segment == "winning-back"
    life.after(2)
    assert life.segment == "lost"
    lost = life.made(CustomerLost)[0]
    assert (lost.reason, lost.value_lost) == ("no answer", 100_00)
    assert life.asked(GiveLostReason(reason="went to acme", competitor="acme")) == ""
    assert life.made(LostReasonGiven)[0].by == "kim"


def test_an_order_during_the_win_back_moves_the_loss_away() -> None:
    life = winning_back()
    life.after(80, ordered(3, life.now + timedelta(80)))
    life.after(20)
    assert life.segment == "winning-back", "past the deadline, silent for only 20 days"
    life.after(41)
    assert life.segment == "lost", "silent for twice the usual 30"


def test_nobody_answers_the_ladder_ends_the_case_stays() -> None:
    """Unattended, a case is neither lost nor forgotten: the ladder has three rungs."""
    life = declining().after(1000)
    rungs = life.made(WinbackOverdue)
    assert [one.step for one in rungs] == [1, 2, 3]
    assert [one.escalated_to for one in rungs] == ["kim", "lou", "role:service-head"]
    assert life.segment == "declining"
    assert CUSTOMER.due(life.state, TEAM) == {}
    life.take(CAUSE)
    assert life.segment == "winning-back"


def test_days_lost_before_the_cause_was_known_are_given_back() -> None:
    life = declining().after(202, CAUSE)
    life.after(85)
    assert life.segment == "winning-back"
    life.after(1)
    assert life.segment == "lost"


def test_declining_is_lost_only_by_a_person() -> None:
    life = declining()
    assert life.asked(CloseWinback(outcome="lost", reason="bankrupt")) == ""
    assert (life.segment, life.made(WinbackClosed)[0].by) == ("lost", "kim")


def test_a_win_back_is_not_cleared_by_wish() -> None:
    assert (
        winning_back().asked(CloseWinback(outcome="light-cleared", reason="hm")) == "cause-recorded"
    )


@pytest.mark.feature("C15")
def test_release_closes_what_is_open() -> None:
    life = winning_back()
    assert life.asked(ReleaseCustomer(reason="abuse")) == ""
    assert [(one.outcome, one.reason) for one in life.made(WinbackClosed)] == [("lost", "released")]
    assert (life.segment, life.state.light, life.state.case) == ("released", None, None)


def test_the_diagnosis_is_due_in_working_days() -> None:
    life = serving().after(4, LightRedLight(reason="a call"))  # Friday 17 January, 10:00
    assert life.made(WinbackOpened)[0].diagnose_by == datetime(1997, 1, 21, 10, tzinfo=UTC)
    closed = CalendarChanged(
        calendar_id="default", timezone="America/New_York", holidays=[date(1997, 1, 20)]
    )
    entries = {"calendar:default": Entry(calendar=closed)}
    life = serving()
    life.world = world({"register": entries}, policy.default())
    saturday = datetime(1997, 1, 18, 12, tzinfo=UTC)
    life.after((saturday - life.now).total_seconds() / 86400, LightRedLight(reason="a call"))
    assert life.now == saturday
    assert life.made(WinbackOpened)[0].diagnose_by == datetime(1997, 1, 23, 5, tzinfo=UTC)


def test_months_begin_in_the_tenants_zone() -> None:
    assert month_after("1997-12") == "1998-01"
    assert months_until("1998-01", 3) == ["1997-11", "1997-12", "1998-01"]
    assert month_starts("1997-02", "Asia/Shanghai") == datetime(1997, 1, 31, 16, tzinfo=UTC)


def test_the_state_survives_storage_at_every_step() -> None:
    for life in (declining(), winning_back(), recovered(), winning_back().after(200)):
        stored = msgspec.json.encode(life.state)
        assert msgspec.json.decode(stored, type=type(life.state)) == life.state


def test_churn_while_winning_back_is_noted_for_the_deadline() -> None:
    life = winning_back().after(1, churn("at-risk", alive=0.1, silence_days=33.0, usual_days=90.0))
    assert CUSTOMER.due(life.state, TEAM)["deadline"] > life.made(WinbackOpened)[0].deadline
    life.after(1, ordered(3, life.now, alive=0.2)).after(9, ordered(4, life.now, alive=0.2))
    assert life.segment == "winning-back", "the model does not believe it yet"
