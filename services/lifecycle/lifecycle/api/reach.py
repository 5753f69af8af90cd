"""Whose customers somebody may see, and how a wish reaches one."""

from typing import Annotated, Any

from fastapi import Depends, Request, Response
from perennial.kit import history
from perennial.kit.ask import Ask
from perennial.kit.auth import Principal
from perennial.kit.http import idempotency, respond
from perennial.kit.problems import Fault
from perennial.kit.runtime import Runtime, the_runtime

from lifecycle import views
from lifecycle.domain.record import Customer
from lifecycle.handlers import CUSTOMER

Running = Annotated[Runtime, Depends(the_runtime)]
READ, WRITE = "customers:read", "customers:write"
Place = history.Place
"""Where a page of a timeline ends: recorded, topic, version."""


def rows_of(running: Runtime, who: Principal) -> tuple[list[str] | None, str | None]:
    """Whose customers may be seen: (owners or everybody, a single customer or all)."""
    match who.rows:
        case "all":
            return None, None
        case "team":
            return [who.person, *running.world().staff.team(who.team)], None
        case "self":
            return None, who.person
    return [who.person], None


def there(state: Customer) -> bool:
    """Whether anything has made a customer of it yet; one that was found to be another still is."""
    return state.segment is not None or bool(state.root)


async def seen(running: Runtime, who: Principal, customer_id: str) -> Customer:
    """The customer, if there is one and it may be seen; both kinds of `no` look the same."""
    state: Customer = await history.state_at(running.pool, running.service, CUSTOMER, customer_id)
    owners, only = rows_of(running, who)
    hidden = owners is not None and views.concerned(state).isdisjoint(owners)
    if not there(state) or hidden or only not in (None, customer_id):
        raise Fault(404, "unknown-customer", f"there is no customer {customer_id} for you to see")
    return state


async def ask(
    request: Request, running: Runtime, who: Principal, customer_id: str, wish: Any
) -> Response:
    await seen(running, who, customer_id)
    asked = await idempotency(request, who)
    answer = await running.asks.ask(
        Ask(
            subject=CUSTOMER,
            key=customer_id,
            data=wish,
            id=asked.id,
            fingerprint=asked.fingerprint,
            principal=who.subject,
            respond=views.outcome_of(customer_id, running.world()),
        )
    )
    return respond(answer)


def needs_all_rows(who: Principal) -> None:
    if who.rows != "all":
        raise Fault(403, "rows-missing", "this sums over all customers; it needs rows `all`")
