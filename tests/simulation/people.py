"""What people do about what they see: sellers, their head, service and whoever is alerted."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from random import Random
from typing import Any

import msgspec
from lead_intake.asking import about_lead
from lead_intake.domain.assigning import HandLead
from lead_intake.domain.customer import Customer as Party
from lead_intake.domain.pools import ClaimLead
from lead_intake.domain.requests import ReturnLead
from lead_intake.domain.turnover import ReleaseLead
from lifecycle import views as care_views
from lifecycle.domain import requests as care
from lifecycle.domain.record import Customer as Served
from lifecycle.handlers import CUSTOMER as SERVED
from notifications import views as alert_views
from notifications.domain.alerting import Acknowledge
from notifications.domain.alerting import Customer as Alerted
from notifications.handlers import CUSTOMER as ALERTED
from perennial.kit.ask import Ask

from tests.kit.memory import Tables
from tests.simulation.outside import Wish
from tests.simulation.queries import states

SELLERS = ("ann", "bob", "cay")


class People:
    """Draws wishes from what stands in the tables; each is about one party."""

    def __init__(self, seed: str, tables: Mapping[str, Tables], sold: bool) -> None:
        self._random = Random(f"people {seed}")
        self._tables = tables
        self._asked = 0
        self._sold = sold

    def wishes(self, now: datetime) -> list[Wish]:
        """A few wishes, of those that are at hand."""
        draws = [self._about_a_customer, self._about_an_alert]
        draws += [self._about_a_lead] if self._sold else []
        found = [self._random.choice(draws)(now) for _ in range(self._random.randint(0, 4))]
        return [one for one in found if one is not None]

    def _name(self) -> str:
        self._asked += 1
        return f"people-{self._asked}"

    def _about_a_lead(self, now: datetime) -> Wish | None:
        rows = states(self._tables["lead-intake"], "customer")
        parties = [msgspec.json.decode(row["state"], type=Party) for row in rows]
        leads = [(lead_id, lead) for one in parties for lead_id, lead in sorted(one.leads.items())]
        at_hand = [one for one in leads if one[1].stage in ("pooled", "held", "waiting")]
        if not at_hand:
            return None
        lead_id, lead = self._random.choice(at_hand)
        person, name = self._random.choice(SELLERS), self._name()
        wish: Any = HandLead(lead_id=lead_id, person=person, by="hal", anyones=True)
        if lead.stage == "pooled":
            wish = ClaimLead(lead_id=lead_id, pool=lead.pool, person=person, by=person)
        elif lead.stage == "held" and self._random.random() < 0.4:
            wish = ReleaseLead(lead_id=lead_id, by=lead.holder, reason="no time")
        elif lead.stage == "held" and self._random.random() < 0.2:
            wish = ReturnLead(lead_id=lead_id, by=lead.holder, reason="not ready")
        return Wish(
            "lead-intake", name, lambda _: about_lead(wish, name, name.encode(), f"p:{person}")
        )

    def _about_a_customer(self, now: datetime) -> Wish | None:
        rows = states(self._tables["lifecycle"], "customer")
        if not rows:
            return None
        row = self._random.choice(rows)
        customer = msgspec.json.decode(row["state"], type=Served)
        wish: Any = care.LightRedLight(reason="quiet")
        if customer.case is not None:
            cause = self._random.choice(("price", "competitor", "operations"))
            wish = care.DiagnoseWinback(cause=cause, owner="dee")
        elif customer.awaiting is not None:
            wish = care.ConfirmPersona(reason="known to us")
        elif self._random.random() < 0.1:
            wish = care.ReleaseCustomer(reason="moved away")
        key, name = row["key"], self._name()

        def ask(runtime: Any) -> Ask:
            told = care_views.outcome_of(key, runtime.world())
            return Ask(SERVED, key, wish, name, name.encode(), "p:eve", told)

        return Wish("lifecycle", name, ask)

    def _about_an_alert(self, now: datetime) -> Wish | None:
        rows = states(self._tables["notifications"], "customer")
        told = [(row["key"], msgspec.json.decode(row["state"], type=Alerted)) for row in rows]
        live = [(key, one.id) for key, state in told for _, one in sorted(state.live.items())]
        if not live:
            return None
        key, alert = self._random.choice(live)
        name, wish = self._name(), Acknowledge(alert_id=alert)
        respond: Any = partial(alert_views.standing, alert)
        return Wish(
            "notifications",
            name,
            lambda _: Ask(ALERTED, key, wish, name, name.encode(), "p:dee", respond),
        )
