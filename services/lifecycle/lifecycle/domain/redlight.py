"""The red light: which signs light it, and what puts it out again (C12).

A sign is judged on the fact that brings it. While the light is on, the signs are remembered
(`SignsNoted`), because one fact may cure what another lit. The gap between lighting and going out
is the hysteresis: a light never flickers on one threshold.
"""

from datetime import date, datetime, timedelta

import msgspec
from perennial.contracts.base import Minor
from perennial.contracts.customers import Evidence, Signs
from perennial.contracts.rounding import round_to
from perennial.contracts.scores import ChurnChanged, CustomerScored, TrendChanged

from lifecycle.policy import Light

Numbers = CustomerScored | ChurnChanged | TrendChanged
FALL_SIGNS = frozenset({"sudden-fall", "creeping-fall"})
replace = msgspec.structs.replace


def read(signs: Signs, fact: Numbers, now: datetime, rules: Light) -> Signs:
    """The signs once this fact is taken in; what it does not speak of stays as remembered."""
    if isinstance(fact, TrendChanged):
        fallen = fact.after == "falling" and (signs.fallen or bool(_falls(fact, rules, "")))
        return replace(signs, trend=fact.after, fallen=fallen, rolling_value=fact.rolling_value)
    believed = fact.alive is not None and is_believed(fact.model, rules)
    rolling = fact.rolling_value if isinstance(fact, CustomerScored) else signs.rolling_value
    return replace(
        signs,
        alive=fact.alive if believed else signs.alive,
        last_order=_last_order(fact, now),
        usual_days=fact.usual_days,
        rolling_value=rolling,
    )


def _last_order(fact: CustomerScored | ChurnChanged, now: datetime) -> date:
    """From the silence; an hour is added because silence is rounded and counts from midnight."""
    by_silence = (now - timedelta(days=fact.silence_days, hours=-1)).date()
    day = order_day(fact)
    return by_silence if day is None else max(by_silence, day)


def is_believed(model: str, rules: Light) -> bool:
    return model.partition("@")[0] not in rules.models_not_believed


def evidence(fact: Numbers, rules: Light, fact_id: str = "") -> list[Evidence]:
    """The reasons for a red light that this fact brings by itself."""
    if isinstance(fact, TrendChanged):
        return _falls(fact, rules, fact_id) if fact.after == "falling" else []
    found = []
    alive, silence, usual = fact.alive, fact.silence_days, fact.usual_days
    if alive is not None and alive < rules.not_alive_below and is_believed(fact.model, rules):
        found.append(_sign("not-alive", alive, rules.not_alive_below, fact_id))
    if usual is not None and silence > (limit := round_to(rules.silence_factor * usual)):
        found.append(_sign("silence", silence, limit, fact_id))
    return found


def cure(
    lit_by: list[str], signs: Signs, fact: Numbers, rules: Light, fact_id: str
) -> list[Evidence]:
    """Why the light may go out; empty while anything stands against it.

    What a person lit, a person puts out.
    """
    if "person" in lit_by or signs.fallen or evidence(fact, rules) or still_not_alive(signs, rules):
        return []
    if isinstance(fact, TrendChanged):
        mended = fact.after in ("rising", "steady") and FALL_SIGNS.issuperset(lit_by)
        return [Evidence(sign="trend", text=fact.after, event_id=fact_id)] if mended else []
    if FALL_SIGNS.intersection(lit_by) and signs.trend == "falling":
        return []
    if order_day(fact) is not None:
        return [_sign("rhythm", fact.silence_days, fact.usual_days, fact_id)]
    alive, again = signs.alive, rules.alive_again_above
    if fact.alive is not None and alive is not None and alive > again:
        return [_sign("alive", alive, again, fact_id)]
    return []


def order_day(fact: Numbers) -> date | None:
    """The business day of the order this fact tells of; payments and returns are no sign of life."""
    if not isinstance(fact, CustomerScored) or fact.order is None:
        return None
    placed = fact.because == "order" and fact.order.kind == "placed" and fact.order.orders > 0
    return fact.order.day if placed else None


def still_not_alive(signs: Signs, rules: Light) -> bool:
    """Whether the last believed model still counts the customer out, whatever it orders."""
    return signs.alive is not None and signs.alive < rules.not_alive_below


def value_at_risk(fact: Numbers) -> Minor:
    """Lifetime value by the score that brought the sign; 0 where the fact names none."""
    return 0 if isinstance(fact, TrendChanged) else fact.value_36m or 0


def rolling_value(fact: Numbers) -> Minor:
    return 0 if isinstance(fact, ChurnChanged) else fact.rolling_value


def _falls(fact: TrendChanged, rules: Light, fact_id: str) -> list[Evidence]:
    found = []
    if fact.below_baseline >= rules.fall_below_baseline:
        limit = rules.fall_below_baseline
        found.append(_sign("sudden-fall", fact.below_baseline, limit, fact_id))
    if fact.falls >= rules.falls_in_a_row:
        found.append(_sign("creeping-fall", fact.falls, rules.falls_in_a_row, fact_id))
    return found


def _sign(name: str, value: float, threshold: float | None, fact_id: str) -> Evidence:
    return Evidence(sign=name, value=value, threshold=threshold, event_id=fact_id)
