"""An alert as a letter: subject and text in the language of who reads it."""

from notifications.channels.addresses import Addressee
from notifications.channels.mail import Letter
from notifications.domain.phrases import Language
from notifications.domain.wording import Text, moment, reason, worded
from notifications.letter_queue import LetterSource

_LABELS: dict[Language, dict[str, str]] = {
    "en": {
        "greeting": "Hello {name},",
        "next": "What to do",
        "why": "Why",
        "by": "Answer by",
        "escalated": "Nobody has answered this alert so far; you are asked now.",
        "foot": "Alert {alert}, customer {customer}. Sent by Perennial; answers are not read.",
    },
    "zh": {
        "greeting": "{name}，您好：",
        "next": "下一步",
        "why": "依据",
        "by": "请于此前回应",
        "escalated": "该提醒至今无人回应，现转请您处理。",
        "foot": "提醒 {alert}，客户 {customer}。由 Perennial 自动发送，请勿回复。",
    },
}


def written(letter_id: str, source: LetterSource, to: Addressee, language: Language) -> Letter:
    """The letter to one person. Raises `MissingFieldError` before anything is sent."""
    text = worded(source.raised, language)
    name = " ".join(to.name.split()) or source.person
    return Letter(
        id=letter_id,
        to=to.email,
        name=name,
        subject=" ".join(text.title.split()),
        body=_body(source, text, name, _LABELS[language]),
    )


def _body(source: LetterSource, text: Text, name: str, labels: dict[str, str]) -> str:
    raised = source.raised
    lines = [labels["greeting"].format(name=name), "", f"{text.title}."]
    lines += ["", labels["escalated"]] if source.escalated else []
    lines += ["", f"{labels['next']}: {text.next_step}"]
    lines += [f"{labels['by']}: {moment(raised.respond_by)}"] if raised.respond_by else []
    lines += ["", f"{labels['why']}:", *(f"- {reason(one)}" for one in raised.evidence)]
    foot = labels["foot"].format(alert=raised.alert_id, customer=raised.customer_id)
    return "\n".join([*lines, "", foot, ""])
