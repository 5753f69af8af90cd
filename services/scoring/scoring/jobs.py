"""Work over all customers, outside the fold: it reads the store and asks through the door.

Each job looks at what is there and what should be there, and returns how many requests it sent; 0
means there is nothing to do. A run that was cut short is made good by the next one.
"""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, timedelta
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from typing import Any, Protocol

from perennial.kit.ask import Ask, Asks
from perennial.kit.jobs import asking, send
from perennial.kit.subject import Subject

from scoring import store
from scoring.domain.fitting import KEY, Family, FitFinished, FitModels, ModelsState
from scoring.domain.model import World
from scoring.domain.periods import business_day
from scoring.domain.rescoring import Rescore
from scoring.handlers import CUSTOMER, MODEL
from scoring.policy import Models

JOB = "scoring"
"""The principal under which jobs ask: the service itself."""


class Running(Protocol):
    """What a job sees of the running service."""

    pool: Any
    asks: Asks

    def now(self) -> datetime: ...

    def world(self) -> World: ...


class ScheduledFits:
    """Asks for a fit on the first day of each quarter, once there is enough to learn from (S6).

    Whether there is enough is judged as of that day, and so only once: a quarter that began too
    early waits for the next one.
    """

    def __init__(self) -> None:
        self._looked_at: date | None = None

    async def __call__(self, running: Running) -> int:
        policy = running.world().policy
        through = last_day_before_fit(business_day(running.now(), policy.zone), policy.models)
        if self._looked_at == through:
            return 0
        state = await store.models(running.pool)
        if state.pending is not None:
            return 0
        self._looked_at = through
        if state.through is not None and state.through >= through:
            return 0
        if not await _enough(running.pool, through, policy.models):
            return 0
        return await send(running.asks, [_asked(MODEL, KEY, FitModels(through=through))])


async def fit_requested(running: Running) -> int:
    """Carries out the fit that was asked for, in a process of its own (S6)."""
    state = await store.models(running.pool)
    if state.pending is None:
        return 0
    result = await _fit(running, state, state.pending)
    return await send(running.asks, [_asked(MODEL, KEY, result)])


async def rescore_outdated(running: Running) -> int:
    """Scores everybody by the model in force whose numbers are another's, in chunks (S6)."""
    world, after, sent = running.world(), "", 0
    if world.model is None:
        return 0
    state, chunk = await store.models(running.pool), world.policy.models.rescore_chunk
    wish = Rescore(model=world.model.version, adoption=state.adoptions)
    while keys := await store.scored_by_another(running.pool, wish.model, after, chunk):
        sent += await send(running.asks, [_asked(CUSTOMER, key, wish) for key in keys])
        after = keys[-1]
    return sent


JOBS = (ScheduledFits(), fit_requested, rescore_outdated)


def last_day_before_fit(today: date, rules: Models) -> date:
    """The day before the latest fit that is due by `today`: what such a fit may know."""
    months = [(today.year, month) for month in rules.fit_months if month <= today.month]
    year, month = max(months, default=(today.year - 1, max(rules.fit_months)))
    return date(year, month, 1) - timedelta(days=1)


async def _enough(pool: Any, through: date, rules: Models) -> bool:
    first, repeaters = await store.extent(pool, through)
    if first is None or repeaters < rules.least_repeaters:
        return False
    return (through - first).days + 1 >= 7 * rules.least_weeks


async def _fit(running: Running, state: ModelsState, through: date) -> FitFinished:
    """The process starts clean (spawn): nothing of the door's connections is inherited."""
    found = await store.purchases(running.pool, through)
    incumbent = state.known[state.adopted].family if state.adopted else None
    rules = running.world().policy.models
    fit_now = partial(_fitted, found, through, rules, incumbent, state.fits)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        result = await asyncio.get_running_loop().run_in_executor(process, fit_now)
    # The adopted model is loaded inside the fold; its imports must not hold up the door there.
    await asyncio.to_thread(import_module, "scoring.adopted")
    return result


def _fitted(
    found: store.Purchases, through: date, rules: Models, incumbent: Family | None, fit: int
) -> FitFinished:
    """Runs in the other process; numpy and scipy load there and not here."""
    from scoring.fits import fit_all

    return fit_all(found, through, rules, incumbent, fit)


def _asked(subject: Subject, key: str, data: Any) -> Ask:
    return asking(subject, key, data, data.TYPE, JOB)
