"""Who is who: ids that follow from what a source calls a thing, and claims that can be compared.

The same words give the same id in every process and for ever, so no look-up is needed to recognise
a customer or an order, and two deliveries of one fact meet under one key.
"""

import re
from hashlib import blake2b

from perennial.contracts.partner import Person

_PARTNER = "partner."
_SPEAKS_FOR_OTHERS = "partner.replay"
_NOT_DIALLED = re.compile(r"[^0-9+]")


def party_id(source: str, external_id: str) -> str:
    """The customer id of a party, from its first touch on."""
    return "c" + _digest("party", source, external_id)


def order_id(source: str, number: str) -> str:
    """The id of an order; payments, returns and cancellations arrive at it by the same words."""
    return "o" + _digest("order", source, number)


def system_of(principal: str, source: str) -> str:
    """The id space a partner's fact speaks in: its own, whatever it calls itself.

    So no partner reaches another's customers. A replay speaks for the systems it has recorded.
    """
    if principal == _SPEAKS_FOR_OTHERS and source:
        return source
    return principal.removeprefix(_PARTNER) or source


def claims_of(person: Person, pepper: bytes) -> list[str]:
    """What identifies a person besides the source's id, as `kind:hash`.

    Keyed hashes: telephone numbers are few enough to be tried one by one.
    """
    phone = phone_digits(person.phone)
    found = {"email": person.email.strip().casefold(), "phone": phone}
    return [
        f"{kind}:{blake2b(value.encode(), key=pepper, digest_size=16).hexdigest()}"
        for kind, value in found.items()
        if value
    ]


def phone_digits(phone: str) -> str:
    """`+` and digits only (E.164 without looking up national rules); "" unless international."""
    dialled = _NOT_DIALLED.sub("", phone)
    dialled = "+" + dialled[2:] if dialled.startswith("00") else dialled
    return dialled if dialled.startswith("+") and 8 <= len(dialled) <= 16 else ""


def _digest(*words: str) -> str:
    """96 bits of the words, each with its length in front so that no two spellings run together."""
    told = "".join([f"{len(word)}:{word}" for word in words])
    return blake2b(told.encode(), digest_size=12).hexdigest()
