"""Routes that every service has: parked facts and policies."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from perennial.kit import trials
from perennial.kit.ask import Answer, Ask
from perennial.kit.auth import Principal, require
from perennial.kit.history import decisions
from perennial.kit.http import body, idempotency, respond, show
from perennial.kit.naming import nobodys
from perennial.kit.paging import whole
from perennial.kit.parking import Which
from perennial.kit.policies import AdoptPolicy, DraftPolicy, PolicyState, default_document
from perennial.kit.problems import Fault, fault_at, refused
from perennial.kit.trials import TryPolicy

if TYPE_CHECKING:
    from perennial.kit.runtime import Runtime


MOST_LISTED, MOST_HANDLED = 1_000, 100_000


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """Which parked facts, how many at most, and why."""

    which: Which
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_HANDLED)] = MOST_LISTED
    note: str = ""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """The fact as it should have been said, and why."""

    data: msgspec.Raw
    note: Annotated[str, msgspec.Meta(min_length=1)]


async def _which(
    ids: str = "",
    reason: str = "",
    key: str = "",
    type: str = "",
    topic: str = "",
    principal: str = "",
) -> Which:
    try:
        numbers = tuple(int(one) for one in ids.split(",") if one)
    except ValueError as error:
        raise fault_at(422, "ids-invalid", "/query/ids", "write numbers as 1,2,3") from error
    return Which(ids=numbers, reason=reason, key=key, type=type, topic=topic, principal=principal)


Chosen = Annotated[Which, Depends(_which)]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A service's rules as they stand."""

    service: str
    in_force: str
    document: Any
    versions: list[Any]
    adoptions: list[Any]


def runtime_of(request: Request) -> "Runtime":
    runtime: Runtime = request.app.state.runtime
    return runtime


def kit_router() -> APIRouter:
    """Fresh for each app: parked facts, policies."""
    router = APIRouter()
    _parked(router)
    _policies(router)
    _whatif(router)
    return router


def _parked(router: APIRouter) -> None:
    _look_at_parked(router)
    _handle_parked(router)


def _look_at_parked(router: APIRouter) -> None:
    @router.get("/v1/parked", tags=["operating"])
    async def list_parked(
        which: Chosen,
        state: str = "parked",
        after: int = 0,
        limit: int = 100,
        _who: Principal = require("parked:read"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Facts that could not be applied, oldest first; `after` is the id of the last one seen."""
        most = min(limit, MOST_LISTED)
        return whole(await runtime.parking.listed(state.split(","), which, after, most))

    @router.get("/v1/parked/causes", tags=["operating"])
    async def list_causes(
        which: Chosen,
        state: str = "parked",
        _who: Principal = require("parked:read"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """The same, counted by cause."""
        return whole(await runtime.parking.causes(state.split(","), which))

    @router.get("/v1/parked/{number}", tags=["operating"])
    async def get_parked(
        number: int,
        _who: Principal = require("parked:read"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """One fact: the original, its edited copy, and who did what about it when."""
        return show(_there(await runtime.parking.one(number), number))


def _handle_parked(router: APIRouter) -> None:
    @router.post("/v1/parked/{number}/edit", tags=["operating"])
    async def edit_parked(
        number: int,
        wish: Edit = body(Edit),
        who: Principal = require("parked:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Keep an edited copy beside the original, to be folded in its place; refused if unreadable."""
        said = bytes(wish.data)
        edited = await runtime.parking.edit(number, said, who.subject, wish.note)
        return show(_there(await runtime.parking.one(number) if edited else None, number))

    @router.post("/v1/parked:redrive", tags=["operating"])
    async def redrive_parked(
        wish: Handling = body(Handling),
        who: Principal = require("parked:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Fold them once more, with what stands behind the same keys, in order."""
        which = _named(wish.which)
        return show(await runtime.parking.redrive(which, wish.most, who.subject, wish.note))

    @router.post("/v1/parked:discard", tags=["operating"])
    async def discard_parked(
        wish: Handling = body(Handling),
        who: Principal = require("parked:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Give them up, with who and why; what stands behind them goes on."""
        which = _named(wish.which)
        return show(await runtime.parking.discard(which, wish.most, who.subject, wish.note))


def _named(which: Which) -> Which:
    """All that is parked is never meant by saying nothing."""
    if which == Which():
        raise fault_at(422, "which-missing", "/which", "name ids, or a reason, key, type, topic or principal")  # fmt: skip
    return which


def _there(found: Any, number: int) -> Any:
    if found is None:
        raise Fault(404, "fact-unknown", f"no fact {number} is set aside here")
    return found


def _policies(router: APIRouter) -> None:
    @router.get("/v1/policy", tags=["policy"])
    async def get_policy(
        _who: Principal = require("policies:read"), runtime: Any = Depends(runtime_of)
    ) -> Response:
        """The rules in force, and every version there ever was."""
        return show(_policy(runtime))

    @router.post("/v1/policy/drafts", tags=["policy"])
    async def draft_policy(
        request: Request,
        wish: DraftPolicy = body(DraftPolicy),
        who: Principal = require("policies:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Keep a whole document as a draft; refused with the path of the fault if it is none."""
        return respond(await _ask(runtime, request, who, wish))

    @router.post("/v1/policy/adoptions", tags=["policy"])
    async def adopt_policy(
        request: Request,
        wish: AdoptPolicy = body(AdoptPolicy),
        who: Principal = require("policies:adopt"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Let a version judge from a moment on; version 0 is what the service is shipped with."""
        return respond(await _ask(runtime, request, who, wish))

    @router.get("/v1/policy/history", tags=["policy"])
    async def explain_policy(
        _who: Principal = require("policies:read"), runtime: Any = Depends(runtime_of)
    ) -> Response:
        """Who drafted and adopted what, when and why."""
        service = runtime.service
        return whole(await decisions(runtime.pool, service.policy_subject, service.name))


def _whatif(router: APIRouter) -> None:
    @router.post("/v1/whatif", tags=["policy"])
    async def try_policy(
        wish: TryPolicy = body(TryPolicy),
        who: Principal = require("policies:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Run a draft over this service's recorded history, aside; look at `Location` for how far it is."""
        made = await trials.ask(runtime.pool, wish, who.subject)
        return show(made, 202, {"Location": f"/v1/whatif/{made.id}"})

    @router.get("/v1/whatif", tags=["policy"])
    async def list_trials(
        _who: Principal = require("policies:read"), runtime: Any = Depends(runtime_of)
    ) -> Response:
        """What was tried, newest first."""
        return whole(await trials.listed(runtime.pool))

    @router.get("/v1/whatif/{trial}", tags=["policy"])
    async def get_trial(
        trial: str,
        _who: Principal = require("policies:read"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """How far it has come; and the report, once it is there."""
        return _shown(await trials.standing(runtime.pool, trial), trial)

    @router.delete("/v1/whatif/{trial}", tags=["policy"])
    async def end_trial(
        trial: str,
        _who: Principal = require("policies:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Stop it, a shadow above all; what it has come to stays."""
        return _shown(await trials.end(runtime.pool, trial), trial)


def _shown(found: Any, trial: str) -> Response:
    if found is None:
        raise refused(nobodys(f"what-if {trial}"))
    return show(found)


async def _ask(runtime: Any, request: Request, who: Principal, wish: Any) -> Answer:
    known = await idempotency(request, who)
    answer: Answer = await runtime.asks.ask(
        Ask(
            subject=runtime.service.policy_subject,
            key=runtime.service.name,
            data=wish,
            id=known.id,
            fingerprint=known.fingerprint,
            principal=who.subject,
            respond=lambda _state, events: (201, events[0]),
        )
    )
    return answer


def _policy(runtime: Any) -> Policy:
    service = runtime.service
    reference = runtime.door.worlds.reference.get(service.policy_subject.name, {})
    state = reference.get(service.name, PolicyState())
    now = runtime.now()
    in_force = runtime.door.worlds.policy_version(now)
    number = int(in_force.rpartition("@")[2])
    drafted = {one.version: one.document for one in state.versions}
    document = msgspec.json.decode(drafted[number]) if number else default_document(service.package)
    return Policy(
        service=service.name,
        in_force=in_force,
        document=document,
        versions=[
            {"version": one.version, "by": one.by, "note": one.note} for one in state.versions
        ],
        adoptions=list(state.adoptions),
    )
