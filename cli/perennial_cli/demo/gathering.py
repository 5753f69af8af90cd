"""The demo's figures, asked for over the public REST interface when the history has been played."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from perennial_cli.demo import sample
from perennial_cli.demo.funnel import GRADES
from perennial_cli.demo.published import PUBLISHED, reproduced
from perennial_cli.demo.receiver import Receiver
from perennial_cli.demo.report import (
    AtRisk,
    Forecast,
    Frequency,
    Model,
    Month,
    correlation,
    not_reconciled,
)
from perennial_cli.rest import Services

PAGE = 200
MOST_AT_RISK = 10
MANY_REPEATS = 7
"""From so many repeat orders on customers stand in one group, as in the published tables."""
WORDS = {
    "silence": "silent for {value:.0f} days, usually {limit:.0f} at most",
    "not-alive": "still a customer with {value:.0%} only (limit {limit:.0%})",
    "sudden-fall": "value {value:.0%} below its best (limit {limit:.0%})",
    "creeping-fall": "value fell {value:.0f} periods in a row",
}
CALIBRATED_THROUGH = "1997-09-30"


def pages(services: Services, service: str, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """All rows of a list."""
    cursor = ""
    while True:
        more = {"cursor": cursor} if cursor else {}
        found = services.get(service, path, limit=PAGE, **query, **more)
        yield from found["items"]
        cursor = found["next_cursor"]
        if not cursor:
            return


def month_starts(first: datetime, last: datetime) -> list[datetime]:
    """Midnights at which months begin, both ends included if they are such."""
    count = (last.year - first.year) * 12 + last.month - first.month
    index = first.year * 12 + first.month - 1
    return [first.replace(year=n // 12, month=n % 12 + 1) for n in range(index, index + count + 1)]


def segments(services: Services, as_of: datetime | None = None) -> dict[str, int]:
    moment = {"as_of": as_of.isoformat()} if as_of else {}
    counts: dict[str, int] = services.get("lifecycle", "/v1/segments", **moment)["counts"]
    return counts


def segments_over_time(services: Services) -> dict[str, dict[str, int]]:
    starts = month_starts(sample.STARTS, sample.ENDS)[1:]
    return {f"{start:%Y-%m-%d}": segments(services, start) for start in starts}


def forecast(services: Services) -> Forecast:
    """What was expected on 1997-10-01, against what came in the weeks after it."""
    asked = {"as_of": sample.FORECAST_AT.isoformat(), "weeks": sample.FORECAST_WEEKS}
    whole = services.get("scoring", "/v1/forecast", **asked)
    rows = list(pages(services, "scoring", "/v1/forecast/customers", **asked))
    expected = [row["expected_orders"] for row in rows]
    actual = [row["actual_orders"] for row in rows]
    real = sample.truth()
    return Forecast(
        as_of=whole["as_of"],
        model=whole["model"],
        weeks=sample.FORECAST_WEEKS,
        customers=whole["customers"],
        expected=whole["expected_orders"],
        actual=sum(actual),
        actual_in_file=real.after_forecast,
        total_error=round(whole["expected_orders"] / max(sum(actual), 1) - 1, 6),
        correlation=round(correlation(expected, actual), 6),
        expected_by_week=[week["expected_orders"] for week in whole["weeks"]],
        actual_by_week=real.repeats_by_week,
        by_frequency=by_frequency(rows),
    )


def by_frequency(rows: Sequence[dict[str, Any]]) -> list[Frequency]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(min(row["frequency"], MANY_REPEATS), []).append(row)
    return [
        Frequency(
            repeats=f"{repeats}+" if repeats == MANY_REPEATS else str(repeats),
            customers=len(group),
            expected=round(sum(row["expected_orders"] for row in group) / len(group), 4),
            actual=round(sum(row["actual_orders"] for row in group) / len(group), 4),
        )
        for repeats, group in sorted(groups.items())
    ]


def models(services: Services) -> list[Model]:
    """The fits of the first nine months, each beside what was published of it."""
    fits = services.get("scoring", "/v1/models")["fits"]
    ours = [fit for fit in fits if fit["through"] == CALIBRATED_THROUGH]
    money: dict[str, float] = next((fit["money"] for fit in ours if fit["money"]), {})
    found = [
        _model(fit["model"], fit["family"], fit["parameters"], fit["log_likelihood"])
        for fit in sorted(ours, key=lambda fit: list(PUBLISHED).index(fit["family"]))
    ]
    if not money:
        return found
    parameters = {name: value for name, value in money.items() if name != "log_likelihood"}
    return [*found, _model("gamma-gamma", "gamma-gamma", parameters, money["log_likelihood"])]


def _model(model: str, family: str, parameters: dict[str, float], fit: float) -> Model:
    return Model(
        model=model,
        family=family,
        parameters={name: parameters[name] for name in PUBLISHED[family] if name in parameters},
        log_likelihood=fit,
        published=dict(PUBLISHED[family]),
        reproduced=reproduced(family, {**parameters, "log_likelihood": fit}),
    )


def at_risk(services: Services) -> list[AtRisk]:
    """The customers with the most to lose, why, and who was called."""
    found = services.get("lifecycle", "/v1/customers", limit=MOST_AT_RISK)["items"]
    return [_at_risk(services, customer) for customer in found]


def _at_risk(services: Services, customer: dict[str, Any]) -> AtRisk:
    wanted = {"customer": customer["customer_id"], "kind": "red-light", "limit": 1}
    alerts = services.get("notifications", "/v1/alerts", **wanted)["items"]
    alert = services.get("notifications", f"/v1/alerts/{alerts[0]['id']}") if alerts else {}
    light = customer["light"] or {}
    return AtRisk(
        customer_id=customer["customer_id"],
        number=customer["number"],
        segment=customer["segment"],
        value_at_risk=customer["value_at_risk"],
        since=light.get("since", "")[:10],
        reason=reason(alert.get("evidence", []), light.get("signs", [])),
        warned=alert.get("person", ""),
        next_step=alert.get("next_step", ""),
    )


def reason(evidence: Sequence[dict[str, Any]], signs: Sequence[str]) -> str:
    """The strongest evidence in words; where none came with the alert, the signs by name."""
    if not evidence:
        return ", ".join(signs)
    first = evidence[0]
    words = WORDS.get(first["sign"])
    if words is None or "value" not in first:
        return str(first.get("text") or first["sign"].replace("-", " "))
    return words.format(value=first["value"], limit=first.get("threshold", 0))


def winback(services: Services) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = services.get("lifecycle", "/v1/winback-results")["items"]
    return results


def alerts(services: Services, receiver: Receiver) -> dict[str, Any]:
    """Raised, sent, acknowledged; beside what the receiving app took under a valid signature."""
    kinds = services.get("notifications", "/v1/alerts/counts")["items"]
    sums = ("raised", "open", "acknowledged", "resolved", "escalated", "sent", "failed")
    return {
        **{name: sum(one[name] for one in kinds) for name in sums},
        "received": len(receiver.ids),
        "received_again": receiver.repeats,
        "refused": receiver.refused,
        "by_kind": kinds,
        "lead_times": services.get("notifications", "/v1/alerts/lead-times")["items"],
    }


def leads(services: Services) -> list[dict[str, Any]]:
    """All leads as they stand."""
    return list(pages(services, "lead-intake", "/v1/leads"))


def moves(services: Services, known: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every move of every lead that anybody ever held, or that lay in a pool."""
    moved = [one["lead_id"] for one in known if one.get("holdings") or one.get("pool")]
    return [
        move
        for lead in moved
        for move in services.get("lead-intake", f"/v1/leads/{lead}/moves")["items"]
    ]


def grades(services: Services, known: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Leads by the grade that was expected of them, customers by the one they have."""
    customers = {
        grade: sum(
            bool(one["number"])
            for one in pages(services, "lifecycle", "/v1/customers", grade=grade)
        )
        for grade in GRADES
    }
    return {
        "leads": dict(sorted(Counter(one["grade"] for one in known).items())),
        "customers": customers,
    }


def monthly_report(services: Services) -> Month:
    """The last one, and whether all of them add up and follow on each other."""
    starts = month_starts(sample.STARTS, sample.ENDS)[:-1]
    reports = [services.get("lifecycle", f"/v1/reports/{start:%Y-%m}") for start in starts]
    wrong = not_reconciled(reports)
    return Month(
        month=reports[-1]["month"],
        report=reports[-1],
        reconciles=not wrong,
        months=len(reports),
        not_reconciled=wrong,
    )
