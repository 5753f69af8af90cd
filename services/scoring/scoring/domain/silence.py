"""When silence alone would next change something that matters (S5): a timer is set for that day.

P(alive) falls steadily in silence, so all its thresholds come down to one crossing: the highest.
Value falls with it and a little faster; one correction of the guess is enough, since a review
happens on whole days.
"""

from datetime import date
from math import ceil, floor

from perennial.contracts.scores import Churn

from scoring.domain.churn import Silence
from scoring.domain.history import History
from scoring.domain.model import Model, Prospect
from scoring.domain.periods import days_later
from scoring.policy import Policy


def next_review(
    history: History,
    today: date,
    silence: Silence,
    churn: Churn,
    told: tuple[Model, Prospect] | None,
    policy: Policy,
) -> date | None:
    """The day to look again if no order comes; none where nothing more is to be said."""
    days = [_rhythm_exceeded(history, silence, churn)]
    if told is not None:
        days.append(_numbers_moved(history, today, churn, *told, policy))
    found = [day for day in days if day is not None and day > today]
    return min(found, default=None)


def _rhythm_exceeded(history: History, silence: Silence, churn: Churn) -> date | None:
    if silence.usual is None or churn != "active" or history.last is None:
        return None
    return days_later(history.last, floor(silence.usual) + 1)


def _numbers_moved(
    history: History, today: date, churn: Churn, model: Model, told: Prospect, policy: Policy
) -> date | None:
    first, last, rules = history.first, history.last, policy.review
    if told.alive < rules.alive_end or first is None or last is None:
        return None
    x, t_x = history.repeats, (last - first).days / 7.0
    age = max(t_x, (today - first).days / 7.0)
    goal = _highest_goal(told, churn, policy)
    moved = model.age_when_alive(goal, x, t_x, age)
    if _value_goal(told, policy) == goal:
        moved = _corrected(moved, age, x, t_x, history.mean_repeat, model, told, policy)
    day = days_later(first, ceil(moved * 7.0 - 1e-6)) if moved < 1e5 else None
    tomorrow = days_later(today, 1)
    return day if day is None or tomorrow is None else max(day, tomorrow)


def _highest_goal(told: Prospect, churn: Churn, policy: Policy) -> float:
    """The P(alive) that is reached first of those at which something is to be said."""
    rules = policy.review
    goals = [told.alive - rules.alive_step, _value_goal(told, policy), rules.alive_end]
    if churn != "at-risk":
        goals.append(policy.churn.at_risk_below - 1e-6)
    return max(min(goal, told.alive) for goal in goals)


def _value_goal(told: Prospect, policy: Policy) -> float:
    """Where value has moved enough, if it moved as P(alive) does; 0 where it never can."""
    return told.alive * (1.0 - min(1.0, _value_share(told, policy)))


def _value_share(told: Prospect, policy: Policy) -> float:
    rules = policy.review
    value = abs(told.value_36m)
    least = max(rules.value_step * value, float(rules.value_step_least))
    return least / value if value > 0.0 else 1.0


def _corrected(
    guess: float,
    age: float,
    x: int,
    t_x: float,
    mean_repeat: float,
    model: Model,
    told: Prospect,
    policy: Policy,
) -> float:
    """Value falls faster than P(alive): shorten the wait by as much as the guess overshoots."""
    if not guess < 1e5 or guess <= age:
        return guess
    wanted = _value_share(told, policy) * abs(told.value_36m)
    fell = abs(told.value_36m - model.prospect(x, t_x, guess, mean_repeat).value_36m)
    return age + (guess - age) * min(1.0, wanted / fell) if fell > 0.0 else guess
