"""Two versions of a policy side by side, field by field."""

from collections.abc import Iterator
from typing import Any

import msgspec

from perennial.kit.naming import nobodys
from perennial.kit.policies import PolicyState, default_document
from perennial.kit.problems import refused
from perennial.kit.subject import Service


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place where they differ; a side that has nothing there is left out."""

    path: str
    before: Any = msgspec.UNSET
    after: Any = msgspec.UNSET


def document_of(service: Service, state: PolicyState, version: int) -> Any:
    """A version as it was drafted; 0 is what the service is shipped with."""
    if version == 0:
        return default_document(service.package)
    found = next((one.document for one in state.versions if one.version == version), None)
    if found is None:
        raise refused(nobodys(f"version {version}"))
    return msgspec.json.decode(found)


def compared(service: Service, state: PolicyState, before: int, after: int) -> list[Change]:
    """As the rules read them: what a document leaves out is there with its default."""
    one, other = (
        msgspec.to_builtins(msgspec.convert(document_of(service, state, n), service.policy))
        for n in (before, after)
    )
    return list(_changes("", one, other))


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            sides = (side.get(name, msgspec.UNSET) for side in (before, after))
            yield from _changes(f"{path}/{name}", *sides)
    elif before != after:
        yield Change(path=path, before=before, after=after)
