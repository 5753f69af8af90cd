"""Routes that every service has: parked facts here, policies and what-ifs beside."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Response

from perennial.kit.auth import Principal, require
from perennial.kit.governing import policies, whatif
from perennial.kit.http import body, runtime_of, show
from perennial.kit.paging import whole
from perennial.kit.parking import Which
from perennial.kit.problems import Fault, fault_at

MOST_LISTED, MOST_HANDLED = 1_000, 100_000


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """Which parked facts, how many at most, and why."""

    which: Which
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_HANDLED)] = MOST_LISTED
    note: str = ""
    preview: bool = False
    """Only count them; touch nothing."""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """The fact as it should have been said, and why."""

    data: msgspec.Raw
    note: Annotated[str, msgspec.Meta(min_length=1)]
    preview: bool = False
    """Only tell whose the fact was and would be; keep nothing."""


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
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


def kit_router() -> APIRouter:
    """Fresh for each app: parked facts, policies, what-ifs."""
    router = APIRouter()
    _look_at_parked(router)
    _mend_parked(router)
    _handle_parked(router)
    policies(router)
    whatif(router)
    return router


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
        number: Number,
        _who: Principal = require("parked:read"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """One fact: the original, its edited copy, and who did what about it when."""
        return show(_there(await runtime.parking.one(number), number))


def _mend_parked(router: APIRouter) -> None:
    @router.post("/v1/parked/{number}/edit", tags=["operating"])
    async def edit_parked(
        number: Number,
        wish: Edit = body(Edit),
        who: Principal = require("parked:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Keep an edited copy beside the original, to be folded in its place; refused if unreadable.

        `was` and `will_be` tell whose fact it is; `warning` says so where the edit makes it another's.
        """
        said, parking = bytes(wish.data), runtime.parking
        if wish.preview:
            change = await parking.previewed(number, said)
        else:
            change = await parking.edit(number, said, who.subject, wish.note)
        whose = _there(change, number)
        told = {"was": whose.was, "will_be": whose.will_be, "warning": whose.warning}
        return show({**_there(await parking.one(number), number), **told})


def _handle_parked(router: APIRouter) -> None:
    @router.post("/v1/parked:redrive", tags=["operating"])
    async def redrive_parked(
        wish: Handling = body(Handling),
        who: Principal = require("parked:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Fold them once more, with what stands behind the same keys, in order."""
        which, parking = _named(wish.which), runtime.parking
        if wish.preview:
            return show(await parking.counted(which, wish.most))
        return show(await parking.redrive(which, wish.most, who.subject, wish.note))

    @router.post("/v1/parked:discard", tags=["operating"])
    async def discard_parked(
        wish: Handling = body(Handling),
        who: Principal = require("parked:write"),
        runtime: Any = Depends(runtime_of),
    ) -> Response:
        """Give them up, with who and why; what stands behind them goes on."""
        which, parking = _named(wish.which), runtime.parking
        if wish.preview:
            return show(await parking.counted(which, wish.most))
        if not wish.note.strip():
            detail = "What is given up is given up for a reason: tell it in `note`."
            raise fault_at(422, "reason-missing", "/note", detail)
        return show(await parking.discard(which, wish.most, who.subject, wish.note))


def _named(which: Which) -> Which:
    """All that is parked is never meant by saying nothing."""
    if which == Which():
        raise fault_at(422, "which-missing", "/which", "name ids, or a reason, key, type, topic or principal")  # fmt: skip
    return which


def _there(found: Any, number: int) -> Any:
    if found is None:
        raise Fault(404, "fact-unknown", f"no fact {number} is set aside here")
    return found
