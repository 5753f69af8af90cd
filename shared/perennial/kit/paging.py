"""Lists in pages, versions of what people edit, and looking back: the small habits of every GET."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Depends, Query, Request, Response

from perennial.contracts.strict import Malformed, check_moment
from perennial.kit.http import runtime_of
from perennial.kit.problems import Fault, fault_at

T = TypeVar("T")
MAX_LIMIT = 200
AS_OF = "/query/as_of"


@dataclass(frozen=True)
class Page:
    """What part of a list is wanted: rows whose sort key lies after `after`, at most `limit`."""

    limit: int
    after: tuple[Any, ...] | None = None


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """Every list over REST."""

    items: list[T]
    next_cursor: str | None = None


async def _page(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows in a page")] = 50,
    cursor: Annotated[str, Query(description="`next_cursor` of the page before")] = "",
) -> Page:
    return Page(limit, read_cursor(cursor) if cursor else None)


Paging = Annotated[Page, Depends(_page)]


def cursor_of(values: Sequence[Any]) -> str:
    """A place in a sorted list, opaque to clients: the sort key of the last row they saw."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(values))).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[Any, ...]:
    try:
        values = msgspec.json.decode(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True), type=list
        )
    except (binascii.Error, ValueError) as error:
        raise fault_at(
            422, "cursor-invalid", "/query/cursor", "use the next_cursor of an earlier page"
        ) from error
    return tuple(values)


def listing(
    request: Request, page: Page, rows: Sequence[T], key: Callable[[T], Sequence[Any]]
) -> Response:
    """One page as JSON. Ask the store for `page.limit + 1` rows: the one too many tells of a next page."""
    shown = list(rows[: page.limit])
    more = len(rows) > page.limit
    cursor = cursor_of(key(shown[-1])) if more else None
    headers = {}
    if cursor:
        following = request.url.include_query_params(cursor=cursor, limit=page.limit)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return _shown(Listing(shown, cursor), headers)


def whole(rows: Sequence[Any]) -> Response:
    """A list that is short enough to be shown at once, in the shape of every list."""
    return _shown(Listing(list(rows)), {})


def _shown(listed: Listing[Any], headers: dict[str, str]) -> Response:
    content = msgspec.json.encode(listed)
    return Response(content, headers=headers, media_type="application/json")


def etag(version: int) -> dict[str, str]:
    """Header that names the version of what is shown."""
    return {"ETag": f'"{version}"'}


def expected_version(request: Request) -> int:
    """The version that an edit is based on, from `If-Match`; edits without one are refused."""
    told = request.headers.get("if-match", "")
    if not told:
        raise Fault(428, "version-needed", "send If-Match with the ETag you last read")
    number = told.removeprefix("W/").strip('"')
    if not number.isdecimal():
        raise Fault(412, "version-differs", "If-Match is not an ETag of this resource")
    return int(number)


async def _as_of(
    request: Request,
    as_of: Annotated[
        str, Query(description="Moment to look back to, RFC 3339; one in the future is refused")
    ] = "",
) -> datetime | None:
    if not as_of:
        return None
    try:
        moment = msgspec.convert(as_of.replace(" ", "+"), datetime)
        moment = check_moment(moment, AS_OF).astimezone(UTC)
    except msgspec.ValidationError as error:
        raise Malformed("is not an RFC 3339 time", AS_OF) from error
    now = runtime_of(request).now()
    if moment > now:
        cure = (
            f"lies after {now.isoformat()}: leave it out for now, or give a moment that has passed"
        )
        raise fault_at(422, "as-of-in-future", AS_OF, cure)
    return moment


AsOf = Annotated[datetime | None, Depends(_as_of)]
