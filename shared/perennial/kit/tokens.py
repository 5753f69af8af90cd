"""Development tokens: a key pair in two files, and tokens for each role of the house.

In production tokens come from the company's identity provider; only `load` of its public keys stays.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from perennial.kit.auth import ALGORITHM, AUDIENCE, ISSUER, Rows
from perennial.kit.ids import uuid7

PRIVATE, PUBLIC = "tokens.private.json", "tokens.public.json"
OWN = "service.token"
"""A service's own token, in its folder of secrets: read anew for every use, so that it may be renewed."""
READ = (
    "leads:read",
    "orders:read",
    "customers:read",
    "scores:read",
    "models:read",
    "alerts:read",
    "registers:read",
    "reports:read",
    "policies:read",
    "explain:read",
)
WORK = ("leads:write", "orders:write", "customers:write", "alerts:write")
DECIDE = (
    "registers:write",
    "policies:write",
    "policies:adopt",
    "models:write",
    "models:adopt",
    "customers:release",
)
OPERATE = ("parked:read", "parked:write", "topics:read", "deliveries:read", "deliveries:write")


@dataclass(frozen=True)
class Role:
    scopes: tuple[str, ...]
    rows: Rows


ROLES: dict[str, Role] = {
    "director": Role((*READ, *WORK, *DECIDE), "all"),
    "seller": Role((*READ, *WORK, "personal:read"), "own"),
    "service": Role((*READ, *WORK, "personal:read"), "team"),
    "market": Role((*READ, "leads:write", "imports:write", "personal:read"), "all"),
    "partner": Role(("events:write", "rejections:read"), "own"),
    "customer": Role(("self:read",), "self"),
    "oncall": Role((*READ, *OPERATE), "all"),
    "admin": Role(
        (
            *READ,
            *WORK,
            *DECIDE,
            *OPERATE,
            "endpoints:write",
            "imports:write",
            "personal:read",
            "personal:erase",
        ),
        "all",
    ),
    "notifier": Role(("addresses:read",), "all"),
    "operator": Role((*READ, *OPERATE, "internal", "events:write", "imports:write"), "all"),
}
"""`operator` is the machinery itself: replay, settle, the command line; `notifier` is notifications
when it asks where a message goes."""


def create_keys(folder: Path) -> None:
    """A new pair in `folder`; the private half is readable by its owner only."""
    key = OKPKey.generate_key("Ed25519", {"kid": uuid7(), "alg": ALGORITHM, "use": "sig"})
    folder.mkdir(parents=True, exist_ok=True)
    for name, private, mode in ((PRIVATE, True, 0o600), (PUBLIC, False, 0o644)):
        text = json.dumps({"keys": [key.as_dict(private=private)]})
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w") as file:
            file.write(text)


def load(path: Path) -> KeySet:
    """The keys of a JWKS file, or the public ones of a folder made by `create_keys`."""
    file = path / PUBLIC if path.is_dir() else path
    return KeySet.import_key_set(json.loads(file.read_text()))


def issue(
    keys: KeySet,
    role: str,
    subject: str = "",
    *,
    client: str = "development",
    person: str = "",
    team: str = "",
    lasts: int = 8 * 3600,
) -> str:
    """A token of one role, signed with the first private key of `keys`."""
    granted = ROLES[role]
    key = keys.keys[0]
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject or role,
        "azp": client,
        "iat": now,
        "nbf": now,
        "exp": now + lasts,
        "jti": uuid7(),
        "scope": " ".join(granted.scopes),
        "rows": granted.rows,
        "person": person,
        "team": team,
    }
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])
