"""What an alert says, in the language of who reads it: its title and what to do next.

A template names its fields; one that lacks a field is a fault before anything is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Formatter

from perennial.contracts.alerts import AlertKind, AlertRaised
from perennial.contracts.customers import Evidence

from notifications.domain.phrases import CURES, TEMPLATES, WORDS, Language

_WORDY = ("clock", "follows", "because", "how", "reason")
"""Fields whose values are words of ours, and so are said in the reader's language."""


class MissingFieldError(Exception):
    """A template names what the alert does not bring."""


@dataclass(frozen=True)
class Text:
    """An alert in words."""

    title: str
    next_step: str


def language_of(code: str) -> Language:
    """The language in which somebody is written to; what we have no words for is English."""
    return "zh" if code.lower().startswith("zh") else "en"


def worded(raised: AlertRaised, language: Language) -> Text:
    """Raises `MissingFieldError`."""
    template, told = TEMPLATES[language][raised.kind], fields(raised, language)
    return Text(
        filled(raised.kind, template[0], told),
        filled(raised.kind, template[1], told),
    )


def fields(raised: AlertRaised, language: Language) -> dict[str, str]:
    """What a template may name of an alert."""
    words = WORDS[language]
    told = {
        "customer": raised.customer_id,
        "lead": raised.lead_id,
        "why": reason(raised.evidence[0]) if raised.evidence else "",
        **raised.details,
    }
    if raised.clock and raised.started_at and raised.due_at:
        told |= {
            "clock": raised.clock,
            "cure": CURES[language][raised.clock],
            "started": moment(raised.started_at),
            "due": moment(raised.due_at),
        }
    return {
        name: words.get(value, value) if name in _WORDY else value for name, value in told.items()
    }


def filled(kind: AlertKind, template: str, told: Mapping[str, str]) -> str:
    """The template with its fields. Raises `MissingFieldError` for one that is absent or empty."""
    missing = [name for name in named(template) if not told.get(name)]
    if missing:
        raise MissingFieldError(f"the template of {kind} needs {', '.join(missing)}")
    return template.format_map(told)


def named(template: str) -> list[str]:
    """The fields that a template names."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def moment(at: datetime) -> str:
    """A moment as alerts show it, in any language."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def reason(evidence: Evidence) -> str:
    """One piece of evidence in words; its own words where it brings some."""
    if evidence.text:
        return evidence.text
    words = evidence.sign.replace("-", " ")
    if evidence.value is None:
        return words
    met = "" if evidence.threshold is None else f" (threshold {evidence.threshold:g})"
    return f"{words} {evidence.value:g}{met}"
