"""Routes about the rules of a service: policies, and what they would have done."""

from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from perennial.kit import trials
from perennial.kit.ask import Answer, Ask
from perennial.kit.auth import Principal, require
from perennial.kit.history import decisions
from perennial.kit.http import body, idempotency, respond, runtime_of, show
from perennial.kit.naming import nobodys
from perennial.kit.paging import whole
from perennial.kit.policies import AdoptPolicy, DraftPolicy
from perennial.kit.problems import fault_at, refused
from perennial.kit.trials import TryPolicy
from perennial.kit.versions import compared, document_of


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A service's rules as they stand."""

    service: str
    in_force: str
    document: Any
    versions: list[Any]
    adoptions: list[Any]


def policies(router: APIRouter) -> None:
    _look_at_policies(router)
    _change_policies(router)


def _look_at_policies(router: APIRouter) -> None:
    @router.get("/v1/policy", tags=["policy"])
    async def get_policy(
        _who: Principal = require("policies:read"), runtime: Any = Depends(runtime_of)
    ) -> Response:
        """The rules in force, and every version there ever was."""
        return show(_policy(runtime))

    @router.get("/v1/policy/diff", tags=["policy"])
    async def compare_versions(
        before: int,
        after: int,
        _who: Principal = require("policies:read"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Field by field, what one version says otherwise than another; 0 is what the service is shipped with."""
        return whole(compared(runtime.service, runtime.door.worlds.policy, before, after))

    @router.get("/v1/policy/history", tags=["policy"])
    async def explain_policy(
        _who: Principal = require("policies:read"), runtime: Any = Depends(runtime_of)
    ) -> Response:
        """Who drafted and adopted what, when and why."""
        service = runtime.service
        return whole(await decisions(runtime.pool, service.policy_subject, service.name))


def _change_policies(router: APIRouter) -> None:
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
        """Let a version judge from a moment on, within bounds if you like; 0 is what the service is shipped with."""
        return respond(await _ask(runtime, request, who, wish))


def whatif(router: APIRouter) -> None:
    @router.post("/v1/whatif", tags=["policy"], status_code=202)
    async def try_policy(
        wish: TryPolicy = body(TryPolicy),
        who: Principal = require("policies:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Run a draft over this service's recorded history, aside; look at `Location` for how far it is, and for how many come before it."""
        versions = len(runtime.door.worlds.policy.versions)
        if fault := trials.fault_in(wish, versions, runtime.now()):
            raise fault_at(fault[0], "nothing-to-try", *fault[1:])
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
    service, worlds = runtime.service, runtime.door.worlds
    in_force = worlds.policy_version(runtime.now())
    return Policy(
        service=service.name,
        in_force=in_force,
        document=document_of(service, worlds.policy, int(in_force.rpartition("@")[2])),
        versions=[
            {"version": one.version, "by": one.by, "note": one.note}
            for one in worlds.policy.versions
        ],
        adoptions=list(worlds.policy.adoptions),
    )
