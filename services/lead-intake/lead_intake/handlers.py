"""Which fact goes to which rule: the story of lead-intake on one screen."""

from perennial.contracts.grades import LeadScored
from perennial.contracts.leads import LEADS
from perennial.contracts.orders import ORDERS
from perennial.contracts.registers import REGISTERS
from perennial.contracts.rounds import ROUNDS
from perennial.contracts.unions import LeadLeft, LeadTaken
from perennial.kit.subject import Ledger, Subject, on

from lead_intake.domain import (
    claims,
    clocks,
    customer,
    merging,
    ordering,
    party,
    registers,
    rounds,
    seller,
)
from lead_intake.domain.requests import LEAD_WISHES, SAID, DeclineMerge

CUSTOMER = Subject(
    name="customer",
    state=customer.Customer,
    react=party.react,
    evolve=party.evolve,
    due=party.due,
    part=customer.Order,
    names=ordering.names,
    emits=(LEADS, ORDERS),
    ledger=Ledger(
        "seller", seller.Seller, seller.concerned, seller.enter, hands_over=(LeadLeft, LeadTaken)
    ),
    beside=party.beside,
    aliases=claims.aliases,
    renames=claims.renames,
    whole=merging.whole,
    root=lambda party: party.root,
)

REGISTER = Subject(
    name="register",
    state=registers.Register,
    react=registers.react,
    evolve=registers.evolve,
    emits=(REGISTERS,),
    reference=True,
)

ROUND = Subject(
    name="round",
    state=rounds.Rounds,
    react=rounds.react,
    evolve=rounds.evolve,
    emits=(ROUNDS,),
)

LISTENS = (
    # Leads and orders and what becomes of them, from partners, people and imports alike.
    on(*SAID, to=CUSTOMER),
    # Who holds a lead: a round's choice, a person's word, a leaver's estate, a claim.
    on(*party.HOLDING_WISHES, clocks.ReckonClocks, to=CUSTOMER),
    # A round is held over all that wait, and says of those left over why.
    on(rounds.HoldRound, to=ROUND),
    on(rounds.QueueLead, to=CUSTOMER),
    # What a person wants of a lead, or of a party that is another, or was thought to be.
    on(*LEAD_WISHES, DeclineMerge, *merging.WISHES, to=CUSTOMER),
    # What a lead is worth following up, by scoring.
    on(LeadScored, to=CUSTOMER),
    # Staff, products, calendars and rates.
    on(*registers.WISHES, to=REGISTER),
)
