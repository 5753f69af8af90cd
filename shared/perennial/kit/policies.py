"""Policy is data: drafted, adopted with a date, in force from then on; one subject in each service."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

import msgspec
import yaml

from perennial.contracts.base import Decision, Event, Fact, Refusal, State
from perennial.contracts.catalogue import writes
from perennial.contracts.platform import (
    POLICIES,
    REJECTED,
    Bound,
    PolicyAdopted,
    PolicyDrafted,
    PolicyTried,
)
from perennial.contracts.rightly import fault_of
from perennial.kit.bounds import Count, broken
from perennial.kit.subject import Service, Subject

LEAD = timedelta(seconds=60)
"""How far ahead a version takes effect at least, so that every process knows it in time."""
_START = datetime.min.replace(tzinfo=UTC)


class DraftPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: keep this whole document as a draft."""

    TYPE: ClassVar[str] = "request.policy.draft"
    document: dict[str, Any]
    note: str = ""


class AdoptPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: let this version judge from `effective_at` on (default: a minute from now)."""

    TYPE: ClassVar[str] = "request.policy.adopt"
    version: int
    effective_at: datetime | None = None
    reason: str = ""
    bounds: list[Bound] = []
    """What it may do at most; once it does more, the version before it is adopted again."""
    watched_until: datetime | None = None


class NoteTrial(msgspec.Struct, frozen=True, kw_only=True):
    """The what-if's word: this version was run over the recorded history."""

    TYPE: ClassVar[str] = "request.policy.tried"
    version: int
    trial: str
    decisions: int = 0
    otherwise: int = 0


class NoteWatch(msgspec.Struct, frozen=True, kw_only=True):
    """The watch's word: what the version that judges since then has decided, and the former would have."""

    TYPE: ClassVar[str] = "request.policy.watched"
    effective_at: datetime
    tally: dict[str, Count]


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    version: int
    document: str
    by: str = ""
    note: str = ""


class Adoption(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    version: int
    effective_at: datetime
    by: str = ""
    reason: str = ""
    bounds: list[Bound] = []
    watched_until: datetime | None = None


class PolicyState(State, frozen=True, kw_only=True):
    versions: list[Version] = []
    adoptions: list[Adoption] = []
    tried: list[int] = []
    """Versions with a stored what-if."""

    def known_at_work(self, version: int) -> bool:
        """Whether it was tried, or has judged before: then it may be adopted without a word."""
        before = {0, *(one.version for one in self.adoptions)}
        return version in self.tried or version in before

    @property
    def watched(self) -> Adoption | None:
        """The last adoption, if it has bounds: one that was followed by another is watched no more."""
        last = self.adoptions[-1] if self.adoptions else None
        return last if last is not None and last.bounds else None

    @property
    def former(self) -> int:
        """The version that judged before the last adoption, or would have."""
        return self.adoptions[-2].version if len(self.adoptions) > 1 else 0


@cache
def default_document(package: str) -> dict[str, Any]:
    """The rules a service is shipped with: version 0."""
    text = files(package).joinpath("policy.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text) or {})


Unknown = Callable[[Any, Any], tuple[str, str] | None]
"""(draft, world) → path and cure of the first thing a draft names that is not there."""


def policy_subject(
    service: str, shape: type, unknown: Unknown = lambda draft, world: None
) -> Subject:
    """The policy of one service: refuses what does not fit `shape`, with the path of the fault."""

    def react(state: PolicyState, fact: Fact, world: Any, now: datetime) -> Decision:
        match fact.data:
            case DraftPolicy(document=document):
                fault = _fault_in(document, shape, lambda draft: unknown(draft, world))
                return fault or _draft(service, state, fact)
            case AdoptPolicy():
                return _untried(service, state, fact.data) or _adopt(service, state, fact, now)
            case NoteTrial() as noted:
                return [PolicyTried(service=service, **msgspec.structs.asdict(noted))]
            case NoteWatch() as noted:
                return _watched(service, state, noted, now)
        return []

    return Subject(
        name="policy",
        state=PolicyState,
        react=react,
        evolve=_evolve,
        emits=(POLICIES[service],),
        requests=(DraftPolicy, AdoptPolicy, NoteTrial, NoteWatch),
        reference=True,
    )


def _fault_in(
    document: Any, shape: type, unknown: Callable[[Any], tuple[str, str] | None]
) -> Refusal | None:
    try:
        found = unknown(msgspec.convert(document, shape))
    except msgspec.ValidationError as error:
        found = fault_of(error, document, shape)
    if found is None:
        return None
    path, told = found
    return Refusal(code="policy-invalid", detail=told, pointer=f"/document{path}", kind="invalid")


def _draft(service: str, state: PolicyState, fact: Fact) -> Decision:
    document = msgspec.json.encode(fact.data.document, order="sorted").decode()
    version = len(state.versions) + 1
    return [
        PolicyDrafted(
            service=service,
            version=version,
            document=document,
            by=fact.principal,
            note=fact.data.note,
        )
    ]


def _untried(service: str, state: PolicyState, wish: AdoptPolicy) -> Refusal | None:
    """What nobody has looked at is adopted only with a reason."""
    unknown = not 0 <= wish.version <= len(state.versions)
    if wish.reason.strip() or state.known_at_work(wish.version) or unknown:
        return None
    return Refusal(
        code="policy-untried",
        detail=f"Version {wish.version} was never tried: see what it would have done with"
        f" `perennial policy try {service} {wish.version}` (POST /v1/whatif), or give a reason.",
        pointer="/reason",
    )


def _adopt(service: str, state: PolicyState, fact: Fact, now: datetime) -> Decision:
    wish = fact.data
    if not 0 <= wish.version <= len(state.versions):
        return Refusal(
            code="policy-unknown",
            detail=f"There is no version {wish.version}; draft it first.",
            pointer="/version",
            kind="missing",
        )
    effective = wish.effective_at or now + LEAD
    latest = max((one.effective_at for one in state.adoptions), default=_START)
    if effective <= now or effective <= latest:
        return Refusal(
            code="policy-too-early",
            detail=f"effective_at must lie after {max(now, latest).isoformat()}.",
            pointer="/effective_at",
            kind="invalid",
        )
    return _unwatchable(service, wish, effective) or [
        PolicyAdopted(
            service=service,
            version=wish.version,
            effective_at=effective,
            by=fact.principal,
            reason=wish.reason,
            bounds=wish.bounds,
            watched_until=wish.watched_until,
        )
    ]


def _unwatchable(service: str, wish: AdoptPolicy, effective: datetime) -> Refusal | None:
    """Bounds that could never be judged."""
    aside = (POLICIES[service], REJECTED[service])
    kinds = {kind for one in writes(service) if one not in aside for kind in one.events}
    until = wish.watched_until
    unknown = (n for n, one in enumerate(wish.bounds) if one.type and one.type not in kinds)
    if bool(wish.bounds) != (until is not None) or (until is not None and until <= effective):
        pointer, cure = (
            "/watched_until",
            "give bounds and watched_until, after effective_at, or neither",
        )
    elif (first := next(unknown, None)) is not None:
        pointer, cure = f"/bounds/{first}/type", f"{service} decides {', '.join(sorted(kinds))}"
    else:
        return None
    return Refusal(code="bounds-invalid", detail=cure, pointer=pointer, kind="invalid")


def _watched(service: str, state: PolicyState, noted: NoteWatch, now: datetime) -> Decision:
    """A broken bound brings the former version back, once."""
    adoption = state.watched
    if adoption is None or adoption.effective_at != noted.effective_at:
        return []
    why = broken(adoption.bounds, noted.tally)
    if not why:
        return []
    back, reason = state.former, f"@{adoption.version} broke its bounds: {why}"
    return [
        PolicyAdopted(
            service=service, version=back, effective_at=now + LEAD, by=service, reason=reason
        )
    ]


def _evolve(state: PolicyState, event: Event, _now: datetime) -> PolicyState:
    match event:
        case PolicyDrafted():
            drafted = Version(
                version=event.version, document=event.document, by=event.by, note=event.note
            )
            return msgspec.structs.replace(state, versions=[*state.versions, drafted])
        case PolicyAdopted():
            adopted = Adoption(
                version=event.version,
                effective_at=event.effective_at,
                by=event.by,
                reason=event.reason,
                bounds=event.bounds,
                watched_until=event.watched_until,
            )
            return msgspec.structs.replace(state, adoptions=[*state.adoptions, adopted])
        case PolicyTried():
            return msgspec.structs.replace(state, tried=[*state.tried, event.version])
    return state


class Policies:
    """The versions of one service's policy by the moment from which they judge."""

    def __init__(self, service: Service, state: PolicyState | None) -> None:
        default: Any = msgspec.convert(default_document(service.package), service.policy)
        self.starts = [_START]
        self.documents = [default]
        self.names = [f"{service.name}@0"]
        for adoption in state.adoptions if state else []:
            self.starts.append(adoption.effective_at)
            self.names.append(f"{service.name}@{adoption.version}")
            self.documents.append(_document(service, state, adoption.version, default))

    def index_at(self, now: datetime) -> int:
        return bisect_right(self.starts, now) - 1 if len(self.starts) > 1 else 0


def _document(service: Service, state: PolicyState | None, version: int, default: Any) -> Any:
    if version == 0 or state is None:
        return default
    document = next(one.document for one in state.versions if one.version == version)
    return msgspec.json.decode(document, type=service.policy)
