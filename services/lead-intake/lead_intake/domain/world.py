"""What the rules of order intake may know beside their own state: policy, rates and products."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any

from perennial.contracts.registers import CalendarChanged, ProductChanged

from lead_intake.domain.money import convert, rate_on
from lead_intake.domain.registers import Register
from lead_intake.domain.staff import Staff
from lead_intake.domain.versions import Versions, calendar_versions, turnovers
from lead_intake.policy import Policy
from lead_intake.policy.turnover import Turnover

_SPACING = re.compile(r"[\W_]+")


class Catalogue:
    """Products by every spelling the register gives them. What only looks alike is not the same."""

    def __init__(self, products: Mapping[str, ProductChanged]) -> None:
        self.products = products
        self._spellings: dict[str, str] = {}
        taken: set[str] = set()
        for product in products.values():
            for spelling in {plain(word) for word in _words(product)}:
                if self._spellings.setdefault(spelling, product.product_id) != product.product_id:
                    taken.add(spelling)
        for spelling in taken - {plain(product_id) for product_id in products}:
            del self._spellings[spelling]

    def find(self, name: str) -> ProductChanged | None:
        """The product of that id, name or alias; case, spaces and punctuation don't matter."""
        known = self.products.get(name)
        if known is None and (product_id := self._spellings.get(plain(name))):
            known = self.products[product_id]
        return known

    def near(self, name: str) -> list[str]:
        """Product ids spelt nearly so: for a person to choose from, never for a rule."""
        close = get_close_matches(plain(name), self._spellings, n=3, cutoff=0.8)
        return list(dict.fromkeys(self._spellings[spelling] for spelling in close))


@dataclass(frozen=True)
class World:
    policy: Policy
    catalogue: Catalogue
    rates: Mapping[str, list[tuple[date, float]]]
    """By currency, each history sorted by its start."""
    staff: Staff
    calendars: Mapping[str, CalendarChanged]
    """By id."""
    turnovers: Versions[Turnover]
    calendar_versions: Mapping[str, Versions[CalendarChanged]]
    """By id; a clock goes by the version that is in force while it runs."""

    def worth(self, amount: int, currency: str, day: date) -> int | None:
        """An amount in reporting currency at the rate of a day; None where nobody has said it."""
        rate = self.rate(currency, day)
        to = self.policy.reporting_currency
        return None if rate is None else convert(amount, currency, to, rate)

    def rate(self, currency: str, day: date) -> float | None:
        """Reporting currency for one unit of `currency` on `day`, or None where nobody has said."""
        if currency == self.policy.reporting_currency:
            return 1.0
        return rate_on(self.rates.get(currency, ()), day)


def build(reference: Mapping[str, Mapping[str, Any]], policy: Policy) -> World:
    """The world of the register entries as they stand, under a policy."""
    register: Mapping[str, Register] = reference.get("register", {})
    entries = register.values()
    products = {
        entry.product.product_id: entry.product for entry in entries if entry.product is not None
    }
    rates = {
        key.removeprefix("rate:"): [(rate.starts, rate.rate) for rate in entry.rates]
        for key, entry in register.items()
        if entry.rates
    }
    calendars = {
        entry.calendar.calendar_id: entry.calendar
        for entry in entries
        if entry.calendar is not None
    }
    staff = Staff(register)
    return World(
        policy,
        Catalogue(products),
        rates,
        staff,
        calendars,
        turnovers(reference.get("policy", {}).get("lead-intake"), policy),
        calendar_versions(entries),
    )


def plain(name: str) -> str:
    """A spelling without case, spacing and punctuation."""
    return _SPACING.sub("", unicodedata.normalize("NFKC", name).casefold())


def _words(product: ProductChanged) -> list[str]:
    return [word for word in (product.product_id, product.name, *product.aliases) if plain(word)]
