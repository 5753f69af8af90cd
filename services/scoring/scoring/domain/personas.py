"""How well a party fits the customers we look for (I5), explained attribute by attribute.

An attribute that is not known is left out and marked, and the others' weights make up the whole.
"""

from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from scoring.policy import Asked, Persona


class Hit(NamedTuple):
    """One attribute that a persona asks for, against what is known."""

    asked: Asked
    value: str
    """Empty where it is not known."""
    fits: bool


class Match(NamedTuple):
    """The persona that fits best."""

    persona: Persona
    share: float
    """Weight of what fits among the weight of what is known, 0 to 1."""
    hits: list[Hit]

    @property
    def name(self) -> str:
        """As `established-company@1`."""
        return f"{self.persona.name}@{self.persona.version}"


def best_match(attributes: Mapping[str, str], personas: tuple[Persona, ...]) -> Match | None:
    """The best of the personas; none where nothing is known that one of them asks for.

    What is not known counts half while personas are compared: one lucky attribute is no better fit
    than five of six.
    """
    found: Match | None = None
    best = -1.0
    for persona in personas:
        hits = [_hit(asked, attributes) for asked in persona.attributes]
        known = sum(hit.asked.weight for hit in hits if hit.value)
        fits = sum(hit.asked.weight for hit in hits if hit.fits)
        whole = sum(hit.asked.weight for hit in hits)
        likely = (fits + (whole - known) / 2) / whole
        if known and likely > best:
            found, best = Match(persona, fits / known, hits), likely
    return found


def number_in(text: str) -> float | None:
    """The number that a text is; none where it is another text."""
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        return None
    return number if isfinite(number) else None


def looked_for(asked: Asked) -> str:
    """What would fit, and why it is asked for."""
    if asked.accepts:
        wanted = " or ".join(asked.accepts)
    elif asked.at_most is None:
        wanted = f"at least {asked.at_least:g}"
    elif asked.at_least is None:
        wanted = f"at most {asked.at_most:g}"
    else:
        wanted = f"{asked.at_least:g} to {asked.at_most:g}"
    return f"{wanted}: {asked.reason}"


def _hit(asked: Asked, attributes: Mapping[str, str]) -> Hit:
    value = attributes.get(asked.name, "").strip()
    if asked.accepts:
        return Hit(asked, value, value.casefold() in asked.accepted)
    number = number_in(value)
    if number is None:
        return Hit(asked, "", False)
    above = asked.at_least is None or number >= asked.at_least
    return Hit(asked, value, above and (asked.at_most is None or number <= asked.at_most))
