"""The demo's last page on the terminal: what a manager would want to see, one table a question."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from perennial_cli.demo.report import Forecast, Model, Report
from perennial_cli.demo.tables import NO, YES, money, table
from perennial_cli.demo.telling_leads import tables
from perennial_cli.showing import escaped

SEGMENTS = (
    "identified", "prospecting", "activated", "serving", "growing", "maintaining", "maturing",
    "declining", "winning-back", "lost", "released",
)  # fmt: skip
STAGES = {"identified": "acquire", "serving": "develop", "maturing": "retain", "lost": "resting"}
"""The segment with which each stage begins."""
CASES = ("undiagnosed", "winning-back", "checking", "recovered", "lost", "light-cleared")
BAR = 30
LINES = (
    ("opening", ""), ("new", "+"), ("reactivated", "+"), ("unmerged", "+"), ("risen", "+"),
    ("fallen", "−"), ("steady", "±"), ("lost", "−"), ("released", "−"), ("merged", "−"),
    ("revaluation", "±"), ("closing", "="),
)  # fmt: skip


def tell(console: Console, report: Report) -> None:
    for title, shown in (
        *tables(report),
        ("Customers by segment", _segments(report)),
        (_forecast_title(report.forecast), _forecast(report.forecast)),
        ("Published models found again (weeks 1 to 39)", _models(report.models)),
        ("Most at risk by value", _at_risk(report)),
        ("Win-back cases by root cause", _winback(report.winback)),
        ("Alerts", _alerts(report.alerts)),
        (_month_title(report), _month(report.monthly_report.report)),
    ):
        console.print(f"\n[bold]{title}[/]\n")
        console.print(shown)
    _pace(console, report)


def _segments(report: Report) -> Table:
    counts = report.customers_by_segment
    most = max(counts.values(), default=1)
    made = table("stage", "segment", "customers", "", left=2)
    made.columns[3].justify = "left"
    for segment in SEGMENTS:
        count = counts.get(segment, 0)
        bar = f"[cyan]{'━' * round(BAR * count / most)}[/]"
        made.add_row(STAGES.get(segment, ""), segment, f"{count:,}" if count else "·", bar)
    made.add_row("", "[bold]all[/]", f"[bold]{sum(counts.values()):,}[/]", "")
    return made


def _forecast_title(one: Forecast) -> str:
    return (
        f"The forecast of {one.as_of[:10]} by {one.model} against what came in weeks 40 to 78: "
        f"total {one.total_error:+.1%}, correlation {one.correlation:.3f}"
    )


def _forecast(one: Forecast) -> Table:
    made = table("repeat orders by then", *(group.repeats for group in one.by_frequency), "all")
    everybody = max(one.customers, 1)
    rows = {
        "customers": [f"{group.customers:,}" for group in one.by_frequency],
        "expected each": [f"{group.expected:.2f}" for group in one.by_frequency],
        "came each": [f"{group.actual:.2f}" for group in one.by_frequency],
    }
    sums = (
        f"{one.customers:,}",
        f"{one.expected / everybody:.2f}",
        f"{one.actual / everybody:.2f}",
    )
    for (name, cells), everyone in zip(rows.items(), sums, strict=True):
        made.add_row(name, *cells, everyone)
    made.add_row("orders expected", *[""] * len(one.by_frequency), f"{one.expected:,.1f}")
    made.add_row("orders that came", *[""] * len(one.by_frequency), f"{one.actual:,}")
    return made


def _models(models: Sequence[Model]) -> Table:
    made = table("model", "", "parameters", "log-likelihood", "", left=3)
    for one in models:
        names = one.parameters
        ours = "  ".join(f"{name} {value:.5g}" for name, value in names.items())
        printed = "  ".join(f"{name} {one.published.get(name, '·')}" for name in names)
        mark = YES if one.reproduced else NO
        made.add_row(one.model, "ours", ours, f"{one.log_likelihood:,.4f}", mark)
        made.add_row("", "[dim]published[/]", f"[dim]{printed}[/]", _printed_fit(one), "")
    return made


def _printed_fit(one: Model) -> str:
    return f"[dim]{one.published.get('log_likelihood', '·')}[/]"


def _at_risk(report: Report) -> Table:
    made = table("customer", "segment", "since", "why", "warned", "at risk", left=5)
    for one in report.at_risk:
        reason = escaped(one.reason)
        made.add_row(
            one.number, one.segment, one.since, reason, one.warned, money(one.value_at_risk)
        )
    return made


def _winback(results: Sequence[dict[str, Any]]) -> Table:
    made = table("root cause", *(state.replace("-", " ") for state in CASES), "win rate", "saved")
    made.columns[0].no_wrap = True
    causes = sorted({one["cause"] for one in results}, key=lambda cause: (not cause, cause))
    for cause in causes:
        made.add_row(*_case_row(cause or "not recorded", _of_cause(results, cause)))
    made.add_row(*_case_row("[bold]all[/]", results))
    return made


def _of_cause(results: Iterable[dict[str, Any]], cause: str) -> list[dict[str, Any]]:
    return [one for one in results if one["cause"] == cause]


def _case_row(name: str, results: Sequence[dict[str, Any]]) -> list[str]:
    counts = {
        state: sum(one["cases"] for one in results if one["state"] == state) for state in CASES
    }
    won = counts["recovered"] + counts["checking"]
    over = won + counts["lost"]
    rate = f"{won / over:.0%}" if over else "·"
    saved = sum(one["saved"] for one in results)
    return [
        name,
        *(f"{count:,}" if count else "·" for count in counts.values()),
        rate,
        money(saved),
    ]


def _alerts(alerts: dict[str, Any]) -> Table:
    made = table(
        "kind", "raised", "acknowledged", "resolved", "escalated", "still open", "sent", "failed"
    )
    for one in (*alerts["by_kind"], {"kind": "[bold]all[/]", **alerts}):
        names = ("raised", "acknowledged", "resolved", "escalated", "open", "sent", "failed")
        made.add_row(one["kind"], *(f"{one[name]:,}" if one[name] else "·" for name in names))
    made.caption = (
        f"our receiver took {alerts['received']:,} messages with a valid signature, "
        f"{alerts['received_again']:,} of them twice, and refused {alerts['refused']:,}"
    )
    made.caption_justify = "left"
    return made


def _month_title(report: Report) -> str:
    month = report.monthly_report
    adds_up = "all of them reconcile" if month.reconciles else "NOT all reconcile"
    return f"Report of {month.month}, the last of {month.months}; {adds_up} to the cent"


def _month(month: dict[str, Any]) -> Table:
    lines, classes = month["lines"], list(month["classes"].items())
    made = table("", "", "customers", "value", "    of closing", "customers", "value", left=2)
    made.columns[4].justify = "left"
    for place, (name, sign) in enumerate(LINES):
        line = lines[name]
        cells = [sign, name, f"{line['customers']:,}", money(line["value"])]
        if place < len(classes):
            kind, share = classes[place]
            cells += [f"    {kind}", f"{share['customers']:,}", money(share["value"])]
        made.add_row(*cells)
    return made


def _pace(console: Console, report: Report) -> None:
    pace, rate = report.ms_a_day, report.facts / report.seconds if report.seconds else 0
    console.print(
        f"\n[bold]{report.facts:,} facts over {report.days:,} days in {report.seconds:.1f} s[/] "
        f"({rate:,.0f} facts a second); a day takes {pace.facts:.0f} ms for its facts, "
        f"{pace.tick:.0f} ms for its end, {pace.team:.0f} ms for its people; "
        f"the rules of all services need {pace.rules:.0f} ms of it"
    )
