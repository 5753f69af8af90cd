"""Where REST meets the running service: what a route may ask of it, in scoring's words."""

import asyncio
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request
from perennial.contracts.base import Event
from perennial.contracts.grades import GradeChanged, LeadScored
from perennial.kit.ask import Answer, Ask
from perennial.kit.auth import Principal
from perennial.kit.history import as_it_stood, decisions, state_at
from perennial.kit.http import idempotency, runtime_of
from perennial.kit.problems import Fault

from scoring import grade_views, store, views
from scoring.domain.fitting import KEY, KnownModel, ModelsState
from scoring.domain.model import World
from scoring.domain.periods import business_day
from scoring.domain.rescoring import CustomerState
from scoring.grade_views import LeadScoreView
from scoring.handlers import CUSTOMER, MODEL, world

MOST_DECISIONS = 10_000
"""Among so many of a party's latest decisions those asked for are looked up."""
TOLD = 50


class Done(msgspec.Struct, frozen=True):
    """The events that a request made, by type; none if it was so already."""

    made: list[str]


class Desk:
    """One request's view of the running service."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self.pool = runtime.pool

    def yesterday(self) -> date:
        """The last business day that is over."""
        return self._day_before(self._runtime.now())

    async def score(self, who: Principal, asked: str, as_of: datetime | None) -> views.ScoreView:
        """A customer's numbers now, or as they stood."""

        async def find(then: datetime | None) -> tuple[str, CustomerState] | None:
            key = await self._whose(who, asked, then)
            state: CustomerState = await self._state(CUSTOMER, key, then)
            return (key, state) if state.history.first is not None else None

        moment = as_of or self._runtime.now()
        found = await as_it_stood(find, as_of, f"a score of customer {asked}")
        if found is None:
            raise _customer_unknown(asked)
        key, state = found
        return views.score_view(key, state, await self._world(moment, as_of), moment)

    async def explain(
        self, who: Principal, asked: str, as_of: datetime | None
    ) -> list[dict[str, Any]]:
        """The latest decisions about a customer with their receipts, newest first."""
        key = await self._whose(who, asked, as_of)
        return await decisions(self.pool, CUSTOMER, key, as_of)

    async def lead(self, who: Principal, lead_id: str, as_of: datetime | None) -> LeadScoreView:
        """A lead's score now, or as it stood; of one that has ended, its last."""
        moment = as_of or self._runtime.now()
        find = partial(self._lead, who, lead_id)
        found = await as_it_stood(find, as_of, f"a score of lead {lead_id}")
        if found is None:
            raise _lead_unknown(lead_id)
        key, told = found
        state: CustomerState = await self._state(CUSTOMER, key, as_of)
        lead = state.leads.by_id.get(lead_id)
        if lead is None or lead.ended:  # ended, and has changed hands since
            return grade_views.lead_view(told, moment, ended=True)
        return grade_views.open_lead(state, key, lead_id, self._rules(moment), moment)

    async def leads(
        self, who: Principal, asked: str, as_of: datetime | None
    ) -> list[LeadScoreView]:
        """The scores of a party's open leads, by id."""
        key = await self._whose(who, asked, as_of)
        moment = as_of or self._runtime.now()
        state: CustomerState = await self._state(CUSTOMER, key, as_of)
        world = self._rules(moment)
        return [grade_views.open_lead(state, key, i, world, moment) for i in state.leads.open]

    async def explain_lead(
        self, who: Principal, lead_id: str, as_of: datetime | None
    ) -> list[dict[str, Any]]:
        """How a lead's score came to be, newest first."""
        if await self._lead(who, lead_id, None) is None:
            raise _lead_unknown(lead_id)
        found = await self._lead(who, lead_id, as_of)
        if found is None:
            return []
        told = await decisions(self.pool, CUSTOMER, found[0], as_of, MOST_DECISIONS)
        return [one for one in told if one["data"].get("lead_id") == lead_id][:TOLD]

    async def grade(
        self, who: Principal, asked: str, as_of: datetime | None
    ) -> grade_views.GradeView:
        """A party's grade now, or as it stood."""

        async def find(then: datetime | None) -> grade_views.GradeView | None:
            moment = then or self._runtime.now()
            key = await self._whose(who, asked, then)
            state: CustomerState = await self._state(CUSTOMER, key, then)
            return grade_views.grade_view(state, key, self._rules(moment), moment)

        view = await as_it_stood(find, as_of, f"a grade of customer {asked}")
        if view is None:
            raise Fault(404, "not-graded", f"No grade of customer {asked} is known here.")
        return view

    async def explain_grade(
        self, who: Principal, asked: str, as_of: datetime | None
    ) -> list[dict[str, Any]]:
        """How a party's grade came to be, newest first."""
        key = await self._whose(who, asked, as_of)
        told = await decisions(self.pool, CUSTOMER, key, as_of, MOST_DECISIONS)
        return [one for one in told if one["type"] == GradeChanged.TYPE][:TOLD]

    async def models(self) -> views.ModelsView:
        """The record of models."""
        return views.models_view(await store.models(self.pool), await store.fitted(self.pool, 60))

    async def forecast(self, as_of: datetime | None, weeks: int) -> views.ForecastView:
        """What was expected of everybody, week by week, by the model in force at a moment."""
        moment = as_of or self._runtime.now()
        through = self._day_before(moment)
        found = await as_it_stood(self._in_force, as_of, "a model in force")
        if found is None:
            raise _no_model()
        version, model = found
        known = await store.purchases(self.pool, through)
        from scoring.forecasts import expected_by_week  # numpy and scipy load with the first one

        ordinal = through.toordinal()
        customers, orders = await asyncio.to_thread(expected_by_week, known, ordinal, model, weeks)
        expected = [views.WeekExpected(n, total) for n, total in enumerate(orders, 1)]
        return views.ForecastView(moment, through, version, customers, orders[-1], expected)

    async def forecast_by_customer(
        self, as_of: datetime | None, weeks: int, after: str, most: int
    ) -> list[views.ExpectedOrders]:
        """The same for each of the next customers by id, beside what came of it."""
        moment = as_of or self._runtime.now()
        through = self._day_before(moment)
        found = await self._in_force(as_of)
        if found is None:
            if as_of is None or await self._in_force(None) is None:
                raise _no_model()
            return []
        until = through + timedelta(weeks=weeks)
        keys, known = await store.purchases_of_page(self.pool, through, until, after, most)
        from scoring.forecasts import expected_by_customer

        ordinal = through.toordinal()
        return await asyncio.to_thread(expected_by_customer, keys, known, ordinal, found[1], weeks)

    async def ask(self, request: Request, who: Principal, data: Any) -> Answer:
        """A wish about models, through the door."""
        wish = await idempotency(request, who)
        ask = Ask(MODEL, KEY, data, wish.id, wish.fingerprint, who.subject, _done)
        answer: Answer = await self._runtime.asks.ask(ask)
        return answer

    async def _whose(self, who: Principal, asked: str, as_of: datetime | None) -> str:
        """The customer that an id leads to, or led to at a moment, if the token may see it.

        Scoring does not know who holds a customer, so a token that sees its own or its team's rows
        sees none here: lifecycle shows holders what they need.
        """
        key = await store.root_of(self.pool, asked, as_of)
        if not may_see(who, key):
            raise _customer_unknown(asked)
        return key

    async def _lead(
        self, who: Principal, lead_id: str, as_of: datetime | None
    ) -> tuple[str, LeadScored] | None:
        found = await store.lead(self.pool, lead_id, as_of)
        return found if found is not None and may_see(who, found[0]) else None

    def _rules(self, moment: datetime) -> World:
        rules: World = self._runtime.door.worlds.at(moment)
        return rules

    def _day_before(self, moment: datetime) -> date:
        zone = self._runtime.door.worlds.at(moment).policy.zone
        return business_day(moment, zone) - timedelta(days=1)

    async def _in_force(self, as_of: datetime | None) -> tuple[str, KnownModel] | None:
        models: ModelsState = await self._state(MODEL, KEY, as_of)
        return (models.adopted, models.known[models.adopted]) if models.adopted else None

    async def _world(self, moment: datetime, as_of: datetime | None) -> World:
        here: World = self._runtime.door.worlds.at(moment)
        if as_of is None:
            return here
        models: ModelsState = await self._state(MODEL, KEY, as_of)
        return world({MODEL.name: {KEY: models}}, here.policy)

    async def _state(self, subject: Any, key: str, as_of: datetime | None) -> Any:
        return await state_at(self.pool, self._runtime.service, subject, key, as_of)


def _desk(runtime: Any = Depends(runtime_of)) -> Desk:
    return Desk(runtime)


AtDesk = Annotated[Desk, Depends(_desk)]


def may_see(who: Principal, customer_id: str) -> bool:
    """A customer's own people see only themselves; others all, or none."""
    return who.rows == "all" or (who.rows == "self" and who.person == customer_id)


def everybody_in_sight(who: Principal) -> None:
    """Lists over customers are for who may see all of them."""
    if who.rows != "all":
        raise Fault(403, "rows-missing", "Lists of scores need a token that sees all rows.")


def _customer_unknown(customer_id: str) -> Fault:
    return Fault(404, "customer-unknown", f"No orders of customer {customer_id} are known here.")


def _lead_unknown(lead_id: str) -> Fault:
    return Fault(404, "lead-unknown", f"No score of lead {lead_id} is known here.")


def _no_model() -> Fault:
    told = "No model is in force yet: it takes orders enough for a fit, then POST /v1/models:fit."
    return Fault(404, "no-model", told)


def _done(_state: Any, events: list[Event]) -> tuple[int, Done]:
    return 202, Done([event.TYPE for event in events])
