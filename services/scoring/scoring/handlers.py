"""The story of scoring on one screen: which fact folds into which subject, by which rules."""

from collections.abc import Mapping
from typing import Any

from perennial.contracts.customers import CurveStarted
from perennial.contracts.grades import GRADES
from perennial.contracts.orders import OrderCancelled, OrderPaid, OrderPlaced, OrderReturned
from perennial.contracts.scores import SCORES, FitRequested, ModelAdopted, ModelFitted
from perennial.contracts.unions import (
    LeadLeft,
    LeadMerged,
    LeadTaken,
    LeadUnmerged,
    OrderLeft,
    OrderTaken,
)
from perennial.kit.subject import Subject, on

from scoring.domain import fitting, orders, rescoring
from scoring.domain.fitting import AdoptModel, FitFinished, FitModels, ModelsState
from scoring.domain.leads import LEAD_FACTS
from scoring.domain.model import World
from scoring.domain.rescoring import CustomerState, Rescore
from scoring.policy import Policy

CUSTOMER = Subject(
    name="customer",
    state=CustomerState,
    react=rescoring.react,
    evolve=rescoring.evolve,
    due=rescoring.due,
    part=orders.OrderRow,
    names=orders.named,
    hands=orders.handed,
    emits=(SCORES, GRADES),
)

MODEL = Subject(
    name="model",
    state=ModelsState,
    react=fitting.react,
    evolve=fitting.evolve,
    emits=(SCORES,),
    makes=(FitRequested, ModelFitted, ModelAdopted),
    reference=True,
)

UNIONS = (LeadMerged, LeadUnmerged)
"""Change no number; kept, for whoever asks by the id of one that was found to be another."""

LISTENS = (
    # An order changes what we expect of its customer, and a return what it is worth.
    on(OrderPlaced, OrderPaid, OrderReturned, OrderCancelled, to=CUSTOMER),
    # Of two customers that are one, or are two again, orders and leads change hands.
    on(OrderLeft, OrderTaken, LeadLeft, LeadTaken, *UNIONS, to=CUSTOMER),
    # Who a lead is and what it does makes its score; its end ends it.
    on(*LEAD_FACTS, to=CUSTOMER),
    # A new life of the customer sets a new baseline.
    on(CurveStarted, to=CUSTOMER),
    # Another model was adopted: everybody is scored by it, in chunks.
    on(Rescore, to=CUSTOMER),
    # A fit is asked for, comes back from its job, or a person chooses a version.
    on(FitModels, FitFinished, AdoptModel, to=MODEL),
)


def world(reference: Mapping[str, Mapping[str, Any]], policy: Policy) -> World:
    """The policy in force and the adopted model."""
    models = reference.get(MODEL.name, {}).get(fitting.KEY)
    if models is None or not models.adopted:
        return World(policy)
    from scoring.adopted import adopted_model  # numpy and scipy load with the first model

    return World(policy, adopted_model(models, policy.money))
