"""Who is who: ids that follow from what a source calls a thing, and claims that can be compared.

The same words give the same id in every process and for ever, so two deliveries of one fact meet
under one key. A claim (e-mail, telephone, registration number, web domain) leads to the party that
made it first; a party known by another source's words is found by what the two have in common.
"""

import re
from hashlib import blake2b

from perennial.contracts.leads import LeadCaptured, LeadTouched
from perennial.contracts.partner import Organisation, Person

_PARTNER = "partner."
_SPEAKS_FOR_OTHERS = "partner.replay"
_NOT_DIALLED = re.compile(r"[^0-9+]")
_TRUNK = re.compile(r"\(0\)")
_UNREGISTERED = re.compile(r"[\W_]+")
_DRESS_OF_A_DOMAIN = re.compile(r"^(?:[a-z]+://)?(?:www\d?\.)?|[/:?#].*$")
_WORDS = re.compile(r"[^\W_]+")
_AN_ID = re.compile(r"[A-Za-z0-9][\w.:/#|+=~-]*", re.ASCII)
FREE_MAIL = frozenset(
    (
        "126.com", "163.com", "aol.com", "daum.net", "foxmail.com", "free.fr", "gmail.com",
        "gmx.at", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com",
        "libero.it", "live.com", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com",
        "naver.com", "orange.fr", "outlook.com", "proton.me", "protonmail.com", "qq.com",
        "rediffmail.com", "sina.com", "sohu.com", "t-online.de", "uol.com.br", "wanadoo.fr",
        "web.de", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com", "yahoo.com.br", "yahoo.de",
        "yahoo.fr", "yandex.ru", "zoho.com",
    )
)  # fmt: skip
"""Domains under which strangers to each other have their mail: they identify nobody."""


def party_id(source: str, external_id: str) -> str:
    """The customer id of a party whose first touch this is."""
    return "c" + _digest("party", source, external_id)


def order_id(source: str, number: str) -> str:
    """The id of an order; payments, returns and cancellations arrive at it by the same words."""
    return "o" + _digest("order", source, number)


def lead_id(source: str, number: str) -> str:
    """The id of a lead; what is done about it arrives at it by the same words."""
    return "l" + _digest("lead", source, number)


def is_replay(principal: str) -> bool:
    """A recorded history, brought by those who run this."""
    return principal == _SPEAKS_FOR_OTHERS


def system_of(principal: str, source: str) -> str:
    """The id space a partner's fact speaks in: its own, whatever it calls itself.

    So no partner reaches another's customers. A replay speaks for the systems it has recorded.
    """
    if is_replay(principal) and source:
        return source
    return principal.removeprefix(_PARTNER) or source


def claims_of(
    person: Person | None, pepper: bytes, organisation: Organisation | None = None
) -> list[str]:
    """What identifies a party besides the source's id, as `kind:hash`, the strongest first.

    Keyed hashes: telephone numbers are few enough to be tried one by one.
    """
    firm, someone = organisation or Organisation(), person or Person()
    found = {
        "registration": _UNREGISTERED.sub("", firm.registration).casefold(),
        "email": someone.email.strip().casefold(),
        "phone": phone_digits(someone.phone),
        "domain": web_domain(firm.domain) or _domain_of_mail(firm, someone),
    }
    return [
        f"{kind}:{blake2b(value.encode(), key=pepper, digest_size=16).hexdigest()}"
        for kind, value in found.items()
        if value
    ]


def phone_digits(phone: str) -> str:
    """`+` and digits only (E.164 without looking up national rules); "" unless international."""
    dialled = _NOT_DIALLED.sub("", _TRUNK.sub("", phone))
    dialled = "+" + dialled[2:] if dialled.startswith("00") else dialled
    return dialled if dialled.startswith("+") and 8 <= len(dialled) <= 16 else ""


def web_domain(domain: str) -> str:
    """A company's own domain without scheme, `www` and path; "" for a free mail provider's."""
    bare = _DRESS_OF_A_DOMAIN.sub("", domain.strip().casefold()).rpartition("@")[2].strip(".")
    return bare if "." in bare and bare not in FREE_MAIL else ""


def _domain_of_mail(firm: Organisation, someone: Person) -> str:
    """The domain of a company's e-mail, where it bears the company's name and no number tells more.

    That the name is in it keeps firms apart that have their mail with one provider.
    """
    domain = "" if firm.registration else web_domain(someone.email)
    label = max(domain.split(".")[:-1], key=len, default="")
    words = _WORDS.findall(firm.name.casefold())
    borne = label in "".join(words) or any(word in label for word in words if len(word) >= 4)
    return domain if label and words and borne else ""


def pseudonym(word: str, pepper: bytes) -> str:
    """A source's own word for a party: as it is where it looks like an id, else a keyed hash of it.

    Names, addresses and telephone numbers serve some sources as ids; events are read by many.
    """
    if _AN_ID.fullmatch(word):
        return word
    return "x-" + blake2b(word.encode(), key=pepper, digest_size=12).hexdigest()


def partys_names(event: LeadCaptured | LeadTouched) -> list[str]:
    """What is new of the party's names: its id in that source, its claims."""
    source = event.source if isinstance(event, LeadCaptured) else event.touch.source
    new = event.external_id and not event.again
    return [*([party_id(source, event.external_id)] if new else ()), *event.claims]


def _digest(*words: str) -> str:
    """96 bits of the words, each with its length in front so that no two spellings run together."""
    told = "".join([f"{len(word)}:{word}" for word in words])
    return blake2b(told.encode(), digest_size=12).hexdigest()
