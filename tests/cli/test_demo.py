"""What the demo plans, checks and shows, without servers."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from perennial_cli.demo import plots, sample
from perennial_cli.demo.company import STAFF, team_of
from perennial_cli.demo.funnel import funnel, turnover
from perennial_cli.demo.gathering import by_frequency, month_starts
from perennial_cli.demo.office import is_working_day
from perennial_cli.demo.plan import CAUSES, answers, diagnoses
from perennial_cli.demo.published import agrees, reproduced
from perennial_cli.demo.receiver import receiving
from perennial_cli.demo.report import (
    AtRisk,
    Forecast,
    Model,
    Month,
    Pace,
    Report,
    correlation,
    faults,
    not_reconciled,
    reconciles,
)
from perennial_cli.demo.running import MARKER, demo_home, wipe
from perennial_cli.demo.tables import money
from perennial_cli.demo.team import Staffed
from perennial_cli.demo.telling import tell
from perennial_cli.desk import default_home
from perennial_cli.driving import History
from perennial_cli.trouble import Trouble
from rich.console import Console
from standardwebhooks import Webhook

MONDAY = datetime(1997, 10, 6, tzinfo=UTC)
LEAD = {
    "lead_id": "l1", "stage": "won", "channel": "referral", "grade": "2A",
    "since": "1997-01-20T00:00:00Z", "ready_at": "1997-01-10T00:00:00Z",
    "touches": [{"channel": "referral", "cost": 300}],
    "holdings": [{"person": "mei", "since": "1997-01-13T00:00:00Z", "how": "matched", "ended": "won"}],
}  # fmt: skip
SECRET = "whsec_" + "c2VjcmV0" * 4


def line(customers: int, value: int) -> dict[str, int]:
    return {"customers": customers, "value": value}


def month(name: str, opening: int = 10, new: int = 2, closing: int = 11) -> dict[str, Any]:
    unmoved = ("reactivated", "unmerged", "risen", "steady", "revaluation", "fallen", "released")
    nothing = dict.fromkeys((*unmoved, "merged"), line(0, 0))
    lines = {
        **nothing,
        "opening": line(opening, opening * 100),
        "new": line(new, new * 100),
        "lost": line(1, 100),
        "closing": line(closing, closing * 100),
    }
    return {"month": name, "lines": lines, "classes": {"rising": line(11, 1100)}}


def declining(name: str, opened_at: datetime, value: int = 1) -> dict[str, Any]:
    case = {"case_id": f"{name}-w1", "owner": "anna", "opened_at": opened_at.isoformat()}
    return {"customer_id": name, "value_at_risk": value, "case": case}


def report(total_error: float = -0.115, parked: int = 0, **more: Any) -> Report:
    figures: dict[str, Any] = {
        "facts": 6919,
        "seconds": 60.0,
        "days": 546,
        "parked": parked,
        "left_out": 0,
        "ms_a_day": Pace(facts=50, tick=40, team=10, rules=20),
        "customers_by_segment": {"serving": 11},
        "segments_over_time": {"1997-02-01": {"serving": 4}, "1997-03-01": {"serving": 11}},
        "forecast": forecast(total_error),
        "models": [model()],
        "at_risk": [at_risk()],
        "winback": [{"state": "lost", "cause": "price", "cases": 3, "saved": 0}],
        "alerts": alerts(),
        "monthly_report": monthly(),
        "turnover": turnover([LEAD], []),
        "funnel": funnel([LEAD]),
        "grades": {"leads": {"2A": 1}, "customers": {"1A": 11}},
    }
    return Report(**{**figures, **more})


def forecast(total_error: float) -> Forecast:
    rows = [
        {"frequency": n % 9, "expected_orders": float(n % 9), "actual_orders": n % 9}
        for n in range(30)
    ]
    return Forecast(
        as_of="1997-10-01T00:00:00Z",
        model="pareto-nbd@1",
        weeks=39,
        customers=30,
        expected=100.0,
        actual=113,
        actual_in_file=113,
        total_error=total_error,
        correlation=0.63,
        expected_by_week=[float(week) for week in range(1, 40)],
        actual_by_week=list(range(1, 79)),
        by_frequency=by_frequency(rows),
    )


def model() -> Model:
    return Model(
        model="bg-nbd@1",
        family="bg-nbd",
        parameters={"r": 0.242595},
        log_likelihood=-9582.4292,
        published={"r": ".243"},
        reproduced=True,
    )


def at_risk() -> AtRisk:
    return AtRisk(
        customer_id="c1",
        number="1997-000001-3",
        segment="declining",
        value_at_risk=123_456,
        since="1997-10-01",
        reason="not alive 0.1 [see]",
        warned="anna",
        next_step="call",
    )


def alerts() -> dict[str, Any]:
    names = ("raised", "open", "acknowledged", "resolved", "escalated", "sent", "failed")
    counts = dict.fromkeys(names, 1)
    return {
        **counts,
        "received": 1,
        "received_again": 0,
        "refused": 0,
        "by_kind": [{"kind": "red-light", **counts}],
        "lead_times": [
            {
                "clock": "activity",
                "rung": "2d",
                "warned": 3,
                "raised_least": 172_800,
                "raised_median": 172_800,
            }
        ],
    }


def monthly() -> Month:
    told = month("1998-06")
    return Month(month="1998-06", report=told, reconciles=True, months=18, not_reconciled=[])


@pytest.mark.feature("C13")
def test_a_month_reconciles_in_customers_and_in_value() -> None:
    assert reconciles(month("1997-02")["lines"])
    assert not reconciles(month("1997-02", closing=12)["lines"])
    off_by_a_cent = {**month("1997-02")["lines"], "risen": line(1, 1)}
    assert not reconciles(off_by_a_cent)


@pytest.mark.feature("C13")
def test_months_follow_on_each_other() -> None:
    following = [month("1997-02"), month("1997-03", opening=11, closing=12)]

    assert not_reconciled(following) == []
    assert not_reconciled([*following, month("1997-04", opening=13, closing=14)]) == ["1997-04"]


def test_the_bars_of_the_demo() -> None:
    assert faults(report()) == []
    assert faults(report(total_error=-0.14)) == ["total error -14.0% exceeds 13%"]
    assert faults(report(parked=2)) == ["2 facts are parked"]
    torn = Month(month="1998-06", report={}, reconciles=False, months=2, not_reconciled=["1998-05"])
    assert faults(report(monthly_report=torn)) == ["months do not reconcile: 1998-05"]


def test_correlation_is_pearsons() -> None:
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert correlation([1, 1], [1, 2]) == 0


@pytest.mark.feature("S1")
def test_a_published_figure_is_met_in_its_last_digit() -> None:
    assert agrees(0.242595, ".243")
    assert agrees(-9594.9762, "-9595.0")
    assert not agrees(0.2412, ".243")
    ours = {"r": 0.524843, "alpha": 6.183085, "a": 0.891359, "b": 1.614002}
    assert reproduced("mbg-nbd", ours)
    assert not reproduced("mbg-nbd", {**ours, "b": 1.7})


def test_cases_wait_a_day_or_two_and_those_with_the_most_at_risk_come_first() -> None:
    fresh = declining("c0", MONDAY)
    old = [declining(f"c{n}", MONDAY - timedelta(days=3)) for n in range(1, 20)]

    found = diagnoses([fresh, *old], MONDAY, most=5)

    assert [one.customer for one in found] == ["c1", "c2", "c3", "c4", "c5"]
    waits = Counter(
        next(d for d in range(4) if diagnoses([one], MONDAY - timedelta(days=3 - d))) for one in old
    )
    assert set(waits) == {1, 2}


def test_the_same_case_has_the_same_cause_in_every_run() -> None:
    cases = [declining(f"c{n}", MONDAY - timedelta(days=3)) for n in range(500)]

    found = diagnoses(cases, MONDAY, most=500)

    assert found == diagnoses(list(reversed(cases)), MONDAY, most=500)[::-1]
    shares = Counter(one.cause for one in found)
    assert set(shares) == set(CAUSES)
    assert all(abs(shares[cause] / 5 - share) < 6 for cause, share in CAUSES.items())
    assert all(bool(one.competitor) == (one.cause == "competitor") for one in found)


def test_urgent_alerts_are_answered_first_by_who_was_called() -> None:
    told = [
        {"id": "a", "severity": "info", "raised_at": "1", "person": "ben"},
        {"id": "b", "severity": "critical", "raised_at": "2", "person": "anna"},
        {"id": "c", "severity": "critical", "raised_at": "1", "person": "fay"},
    ]

    assert answers(told, most=2) == [("c", "fay"), ("b", "anna")]


def test_nobody_works_at_weekends() -> None:
    days = [MONDAY + timedelta(days=n) for n in range(7)]

    assert [is_working_day(day) for day in days] == [True] * 5 + [False] * 2


async def test_the_team_works_before_time_goes_on() -> None:
    told: list[str] = []

    class Driver:
        async def publish(self, facts: Iterable[History]) -> int:
            told.append(", ".join(ids := [fact.id for fact in facts]))
            return len(ids)

        async def tick(self, to: datetime) -> None:
            told.append(f"tick {to:%d}")

        async def settle(self) -> dict[str, Any]:
            return {}

    class People:
        async def work(self, now: datetime) -> None:
            told.append(f"work {now:%d}")

    class Sellers:
        async def work(self, today: datetime) -> list[History]:
            told.append(f"sell {today:%d}")
            return [History("deed", "crm", "p", today + timedelta(hours=9), None)]

    staffed = Staffed(Driver(), People(), Sellers(), MONDAY)  # type: ignore[arg-type]
    for days in (0, 1):
        order = History("order", "cdnow", "c", MONDAY + timedelta(days=days), None)
        assert await staffed.publish([order]) == 2
        await staffed.tick(MONDAY + timedelta(days=days + 1))

    assert told == [
        "sell 06", "order, deed", "work 06", "tick 07", "sell 07", "order, deed", "work 07", "tick 08",
    ]  # fmt: skip


def test_everybody_has_a_manager_and_a_team_of_that_name() -> None:
    assert len(STAFF) == 32
    for person, entry in STAFF.items():
        assert {entry.get("manager", "dora"), entry.get("substitute", "dora")} <= set(STAFF)
        assert entry.get("manager") != person
    assert (team_of("anna"), team_of("dora"), team_of("nobody")) == ("east", "", "")


@pytest.mark.feature("N8")
async def test_the_receiver_takes_only_what_is_signed() -> None:
    body = '{"type":"perennial.alert.raised.v1"}'
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg-1", now, body),
    }
    async with receiving() as receiver, aiohttp.ClientSession() as session:
        receiver.secret = SECRET
        statuses = []
        for sent in (body, body, body + " "):
            async with session.post(receiver.url, data=sent, headers=headers) as response:
                statuses.append(response.status)

    assert statuses == [204, 204, 401]
    assert (receiver.ids, receiver.repeats, receiver.refused) == ({"msg-1"}, 1, 1)


def test_months_and_weeks_are_counted_from_the_start() -> None:
    starts = month_starts(sample.STARTS, sample.ENDS)
    assert (len(starts), starts[0], starts[-1]) == (19, sample.STARTS, sample.ENDS)
    days = {("a", date(1997, 1, 1)), ("a", date(1997, 1, 7)), ("a", date(1997, 1, 8))}
    assert sample.repeats_by_week(days, 3) == [1, 2, 2]


@pytest.mark.feature("S1")
def test_the_file_tells_what_came_after_the_forecast() -> None:
    real = sample.truth()

    assert real.repeats_by_week[sample.KNOWN_WEEKS - 1] == 2457
    assert real.after_forecast == 1882


def test_the_report_has_the_promised_figures(tmp_path: Path) -> None:
    told = json.loads(msgspec.json.encode(report()))

    assert {"facts", "seconds", "ms_a_day", "customers_by_segment", "forecast", "models"} <= set(
        told
    )
    assert {"at_risk", "winback", "alerts", "monthly_report"} <= set(told)
    assert {"turnover", "funnel", "grades"} <= set(told)
    assert {"facts", "tick", "rules"} <= set(told["ms_a_day"])
    assert {"correlation", "total_error"} <= set(told["forecast"])
    assert {"parameters", "log_likelihood"} <= set(told["models"][0])


LEADS = ("referral", "mei", "harbour", "$3.00", "2A", "activity", "2.0")


@pytest.mark.feature("P10")
def test_the_last_page_shows_it_all() -> None:
    console = Console(width=110, record=True, highlight=False, file=StringIO())

    tell(console, report())

    shown = console.export_text()
    for words in (
        "serving",
        "-11.5%",
        "0.630",
        "bg-nbd@1",
        "$1,235",
        "anna",
        "[see]",
        "price",
        *LEADS,
    ):
        assert words in shown
    assert "all of them reconcile" in shown
    assert money(-250_00) == "−$250"


@pytest.mark.feature("S16")
def test_the_pictures_are_drawn(tmp_path: Path) -> None:
    told = report()

    drawn = plots.draw_all(tmp_path, told)

    assert [file.name for file in drawn] == [
        "repeat-orders.svg",
        "segments.svg",
        "by-frequency.svg",
        "funnel.svg",
    ]
    assert all("<svg" in file.read_text() for file in drawn)
    assert "11.5% too low" in drawn[0].read_text()
    assert "1 of 1 leads were won" in drawn[3].read_text()


def test_only_a_demo_is_wiped(tmp_path: Path) -> None:
    assert demo_home(default_home()).name == "demo"
    assert demo_home(tmp_path) == tmp_path
    home = tmp_path / "demo"
    wipe(home)
    (home / "old").touch()
    wipe(home)
    assert [file.name for file in home.iterdir()] == [MARKER]
    (home / MARKER).unlink()
    (home / "diary.txt").touch()
    with pytest.raises(Trouble, match="something else"):
        wipe(home)
    assert (home / "diary.txt").exists()
