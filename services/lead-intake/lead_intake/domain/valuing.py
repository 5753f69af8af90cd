"""What an order is worth: its total in reporting currency, and the margin where a cost is known."""

from dataclasses import dataclass
from datetime import date

from msgspec.structs import replace
from perennial.contracts.orders import OrderLine
from perennial.contracts.partner import PlaceOrder

from lead_intake.domain.money import convert
from lead_intake.domain.world import World


@dataclass(frozen=True)
class Value:
    """An order in reporting currency, with its lines under the register's product ids."""

    revenue: int
    margin: int | None
    lines: list[OrderLine]
    unmatched: list[str]
    """Products as the source spells them that the register does not know."""


def value_of(said: PlaceOrder, rate: float, world: World) -> Value:
    """Revenue and margin, each converted once from the order's own currency."""
    lines, unmatched = _resolve(said.lines, world)
    margin = margin_of(said.total, lines, world)
    to = world.policy.reporting_currency
    return Value(
        revenue=convert(said.total, said.currency, to, rate),
        margin=None if margin is None else convert(margin, said.currency, to, rate),
        lines=lines,
        unmatched=unmatched,
    )


def margin_of(total: int, lines: list[OrderLine], world: World) -> int | None:
    """Margin in the order's currency. One line without any hint leaves the whole order without."""
    if not lines:
        return _share_of(total, world.policy.default_margin)
    margins = [_margin_of_line(line, world) for line in lines]
    known = [margin for margin in margins if margin is not None]
    return sum(known) if len(known) == len(margins) else None


def rate_day(said: PlaceOrder) -> date:
    """The day whose rate judges an order: its own, so that a late arrival is worth the same."""
    return said.placed_at.date()


def _resolve(lines: list[OrderLine], world: World) -> tuple[list[OrderLine], list[str]]:
    resolved: list[OrderLine] = []
    unmatched: list[str] = []
    for line in lines:
        product = world.catalogue.find(line.product)
        if product is None:
            unmatched.append(line.product)
        elif product.product_id != line.product:
            line = replace(line, product=product.product_id)
        resolved.append(line)
    known_any = bool(world.catalogue.products)
    return resolved, list(dict.fromkeys(unmatched)) if known_any else []


def _margin_of_line(line: OrderLine, world: World) -> int | None:
    """The line's own cost says it; else its product; else the policy for the product, for all."""
    if line.cost is not None:
        return line.amount - line.cost
    product = world.catalogue.find(line.product)
    if product is not None and product.margin is not None:
        return _share_of(line.amount, product.margin)
    policy = world.policy
    return _share_of(line.amount, policy.margins.get(line.product, policy.default_margin))


def _share_of(amount: int, share: float | None) -> int | None:
    return None if share is None else round(amount * share)
