"""A customer's orders: placed, paid, returned, cancelled, in whatever order the news arrive.

Every amount given up is the difference of a running share, so that the totals of an order do not
depend on which of its facts came first.
"""

from datetime import datetime

from perennial.contracts.base import At, Decision, Event, Fact, Minor, Refusal, Wait
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.orders import OrderCancelled, OrderPaid, OrderPlaced, OrderReturned

from lead_intake.domain.checks import fault_of, invalid
from lead_intake.domain.claims import came_for, conflicting, own_claims, proposals
from lead_intake.domain.contents import content_of
from lead_intake.domain.customer import Customer, Order
from lead_intake.domain.identity import party_id
from lead_intake.domain.requests import CancelSaid, OrderSaid, PaymentSaid, ReturnSaid
from lead_intake.domain.valuing import rate_day, value_of
from lead_intake.domain.world import World


def names(fact: Fact) -> tuple[str, ...]:
    """The order a fact is about."""
    order = getattr(fact.data, "order_id", "")
    return (order,) if order else ()


def react(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """What news about an order change. The same news twice change nothing."""
    said = fact.data
    fault = fault_of(said, world.policy, now)
    if fault is not None:
        return fault
    order = state.parts.get(said.order_id)
    if isinstance(said, OrderSaid):
        return _place(state, fact, world, now) if order is None else _again(order, said)
    if order is None:
        return Wait(until_known=f"order:{said.order_id}", expires=now + world.policy.waiting)
    fault = _of_another(order, said.said.customer)
    if fault is not None:
        return fault
    match said:
        case PaymentSaid():
            return _pay(order, said)
        case ReturnSaid():
            return _take_back(order, said)
        case CancelSaid():
            return _cancel(order, said)
    return []


def _place(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    asked: OrderSaid = fact.data
    said = asked.said
    rate = world.rate(said.currency, rate_day(said))
    if rate is None:
        return Wait(until_known=f"rate:{said.currency}", expires=now + world.policy.waiting)
    value = value_of(said, rate, world)
    if value.unmatched and world.policy.products_must_be_known:
        return Wait(until_known=f"product:{value.unmatched[0]}", expires=now + world.policy.waiting)
    placed = OrderPlaced(
        order_id=asked.order_id,
        customer_id=fact.key,
        number=said.order,
        source=asked.source,
        placed_at=said.placed_at,
        party="" if asked.customer_id == fact.key else asked.customer_id,
        of=came_for(state, fact),
        currency=said.currency,
        total=said.total,
        revenue=value.revenue,
        margin=value.margin,
        reporting_currency=world.policy.reporting_currency,
        paid=said.paid,
        units=said.units,
        lines=value.lines,
        channel=said.channel,
        content=content_of(said),
        unmatched=value.unmatched,
    )
    touched = _touch(state, fact, world)
    return [At(event, said.placed_at) for event in (*touched, placed)]


def _touch(state: Customer, fact: Fact, world: World) -> list[Event]:
    """An order makes its party known, and later whatever name of the party is new in it."""
    asked: OrderSaid = fact.data
    names = (asked.customer_id, *asked.claims)
    news = fact.known and any(name not in fact.known for name in names)
    if state.captured and not news:
        return []
    touch = LeadCaptured(
        customer_id=fact.key,
        channel=asked.said.channel or world.policy.channel,
        source=asked.source,
        external_id=asked.said.customer,
        claims=own_claims(fact),
        conflicts=list(conflicting(state, fact)),
        of=came_for(state, fact),
        again=asked.customer_id in fact.known,
        by_order=True,
        attributes=asked.said.attributes,
        personal=asked.sealed,
    )
    return [touch, *proposals(state, fact)]


def _again(order: Order, asked: OrderSaid) -> Decision:
    if order.content == content_of(asked.said):
        return []
    return Refusal(
        code="order-differs",
        detail=f"Order {asked.said.order} is known with other content and stays as it was:"
        " send the difference as a return, a payment or a cancellation, or use a new order id.",
        pointer="/order",
    )


def _of_another(order: Order, customer: str | None) -> Refusal | None:
    """Whoever names a customer means that customer's order."""
    if customer is None or party_id(order.source, customer) == (order.party or order.customer_id):
        return None
    return invalid(
        "customer-differs",
        f"Order {order.number} is not one of customer {customer}: correct the order or the customer.",
        "customer",
    )


def _pay(order: Order, asked: PaymentSaid) -> Decision:
    said = asked.said
    if said.currency != order.currency:
        return invalid(
            "currency-differs",
            f"The order is in {order.currency}: send the payment in {order.currency}.",
            "currency",
        )
    known = order.payments.get(said.payment)
    if known is not None:
        return [] if known == said.amount else _differs("payment", said.payment, known)
    paid = OrderPaid(
        order_id=asked.order_id,
        payment_id=said.payment,
        amount=said.amount,
        currency=said.currency,
        settled=_settles(order, order.received + said.amount, order.returned),
        paid_at=said.paid_at,
    )
    return [At(paid, said.paid_at)]


def _take_back(order: Order, asked: ReturnSaid) -> Decision:
    said = asked.said
    known = order.returns.get(said.return_)
    if known is not None:
        return [] if said.amount in (known, None) else _differs("return", said.return_, known)
    if order.cancelled and asked.wish:
        return Refusal(
            code="order-cancelled",
            detail=f"Order {order.number} is cancelled: nothing of it is left to return.",
            pointer="/order",
        )
    rest = order.total - order.returned
    amount = rest if said.amount is None else said.amount
    if amount > rest or (amount == 0 < order.total and said.amount is None):
        return invalid(
            "return-exceeds-order",
            f"Only {rest} of {order.total} {order.currency} is left to return: correct the amount.",
            "amount",
        )
    returned = order.returned + amount
    before, after = order.given_up(order.returned), order.given_up(returned)
    back = OrderReturned(
        order_id=asked.order_id,
        return_id=said.return_,
        amount=amount,
        revenue=after[0] - before[0],
        margin=_less(after[1], before[1]),
        reason=said.reason,
    )
    return [At(event, said.returned_at) for event in (back, *_settled_by(order, back, returned))]


def _settled_by(order: Order, back: OrderReturned, returned: Minor) -> list[Event]:
    """A return may bring what is owed down to what was paid: then the order is settled by it."""
    if order.settled or not _settles(order, order.received, returned):
        return []
    return [
        OrderPaid(
            order_id=back.order_id,
            payment_id=f"settled-by:{back.return_id}"[:128],
            amount=0,
            currency=order.currency,
            settled=True,
        )
    ]


def _settles(order: Order, received: Minor, returned: Minor) -> bool:
    """Money covers what is owed. A void order owes nothing and is settled by nothing."""
    if order.cancelled:
        return False
    return order.settled or (received > 0 and received >= order.total - returned)


def _cancel(order: Order, asked: CancelSaid) -> Decision:
    if order.cancelled:
        return []
    revenue, margin = order.given_up(order.returned)
    void = OrderCancelled(
        order_id=asked.order_id,
        revenue=order.revenue - revenue,
        margin=_less(order.margin, margin),
        reason=asked.said.reason,
    )
    return [At(void, asked.said.cancelled_at)]


def _less(whole: Minor | None, part: Minor | None) -> Minor | None:
    return None if whole is None or part is None else whole - part


def _differs(kind: str, external_id: str, known: Minor) -> Refusal:
    return Refusal(
        code=f"{kind}-differs",
        detail=f"The {kind} {external_id} is known with amount {known}: use a new id for another.",
        pointer=f"/{kind}",
    )
