"""Ids: derived ones for events (a repeated decision makes the same id), fresh ones at the edge."""

import os
import time
from hashlib import sha1

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def event_id(service: str, subject: str, key: str, cause: str, index: int) -> str:
    """The id of the `index`-th event that `cause` made for this key, as a version 8 UUID.

    Parts are length-prefixed, so that no two different lists of parts read the same. The string is
    cut from the digest directly: building a UUID object costs more than the rule that it names.
    """
    parts = (
        f"{len(service)}:{service}{len(subject)}:{subject}"
        f"{len(key)}:{key}{len(cause)}:{cause}{index}"
    )
    digest = sha1(parts.encode(), usedforsecurity=False).hexdigest()
    return (
        f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}"
        f"-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"
    )


def uuid7() -> str:
    """A fresh id that sorts by the moment it was made."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    noise = os.urandom(10).hex()
    return f"{stamp[:8]}-{stamp[8:]}-7{noise[1:4]}-{_VARIANT[noise[4]]}{noise[5:8]}-{noise[8:20]}"
