"""HTTP in, request or question, HTTP out. No rules here: this file only translates."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response
from perennial.contracts.alerts import AlertKind
from perennial.kit.auth import Principal, require
from perennial.kit.history import as_it_stood
from perennial.kit.http import body, idempotency, respond, returns, show
from perennial.kit.paging import AsOf, Listing, Page, Paging, listing, whole
from perennial.kit.problems import fault_at
from pydantic import AwareDatetime

from notifications import store, views
from notifications.channels.stream import EventStream, events
from notifications.desk import Desk, endpoint_id, sight_of, unknown
from notifications.domain.alerting import Acknowledge
from notifications.domain.endpoints import ChangeEndpoint, RegisterEndpoint
from notifications.policy import span
from notifications.running import AtDesk
from notifications.store import AlertFilter, DeliveryFilter, Record
from notifications.views import EndpointEdit, NewEndpoint

router = APIRouter(prefix="/v1")

AlertId = Annotated[str, Path(max_length=128)]
EndpointId = Annotated[str, Path(max_length=128)]
Text = Annotated[str | None, Query(max_length=128)]


@router.get("/alerts", tags=["alerts"], responses=returns(Listing[views.AlertView]))
async def list_alerts(
    request: Request,
    desk: AtDesk,
    page: Paging,
    person: Text = None,
    kind: AlertKind | None = None,
    state: views.AlertState | None = None,
    customer: Text = None,
    lead: Text = None,
    who: Principal = require("alerts:read"),
) -> Response:
    """Alerts in sight of the token, newest first."""
    wanted = AlertFilter(customer, kind, person, state, lead, _before_alert(page))
    rows = await store.alerts(desk.pool, sight_of(who), wanted, page.limit + 1)
    shown = [views.alert_view(row) for row in rows]
    return listing(request, page, shown, lambda one: (one.raised_at, one.id))


@router.get("/alerts/stream", tags=["alerts"], response_class=EventStream)
async def stream_alerts(
    desk: AtDesk,
    last_event_id: Annotated[str, Header()] = "",
    who: Principal = require("alerts:read"),
) -> Response:
    """Every event of every alert in sight, live (SSE); resumes after `Last-Event-ID`."""
    return EventStream(events(desk.broadcast, _position(last_event_id), sight_of(who)))


@router.get("/alerts/counts", tags=["alerts"], responses=returns(Listing[views.AlertCounts]))
async def count_alerts(desk: AtDesk, who: Principal = require("alerts:read")) -> Response:
    """Alerts in sight of the token by kind: raised, sent, acknowledged, resolved."""
    rows = await store.alert_counts(desk.pool, sight_of(who))
    return whole([views.AlertCounts(**row) for row in rows])


@router.get("/alerts/lead-times", tags=["alerts"], responses=returns(Listing[views.LeadTimes]))
async def show_lead_times(desk: AtDesk, who: Principal = require("alerts:read")) -> Response:
    """How long before a lead turned over its holder was warned, for each rung of the ladder."""
    rows = await store.lead_times(desk.pool, sight_of(who))
    return whole([views.lead_times_view(row) for row in rows])


@router.get("/channels", tags=["deliveries"], responses=returns(Listing[views.ChannelView]))
async def list_channels(desk: AtDesk, who: Principal = require("deliveries:read")) -> Response:
    """The ways by which alerts leave this service, and which of them are switched on."""
    return whole(await desk.channels())


@router.get("/alerts/{alert_id}", tags=["alerts"], responses=returns(views.AlertView))
async def show_alert(
    alert_id: AlertId, desk: AtDesk, as_of: AsOf, who: Principal = require("alerts:read")
) -> Response:
    """One alert with its evidence and next step, as it stands or as it stood."""
    return show(views.alert_view(await _alert(desk, who, alert_id, as_of)))


@router.get(
    "/alerts/{alert_id}/explain", tags=["alerts"], responses=returns(Listing[views.ReceiptView])
)
async def explain_alert(
    alert_id: AlertId, desk: AtDesk, who: Principal = require("alerts:read", "explain:read")
) -> Response:
    """Why it was raised, escalated or resolved: each decision with its receipt."""
    await _alert(desk, who, alert_id)
    rows = await store.explanation(desk.pool, alert_id)
    return whole([views.receipt_view(row) for row in rows])


@router.post(
    "/alerts/{alert_id}/acknowledge", tags=["alerts"], responses=returns(views.AlertStanding)
)
async def acknowledge_alert(
    request: Request, alert_id: AlertId, desk: AtDesk, who: Principal = require("alerts:write")
) -> Response:
    """I have seen it and act on it: it goes no further up. Saying so twice is saying so once."""
    wish = await idempotency(request, who)
    told = partial(views.standing, alert_id)
    data = Acknowledge(alert_id=alert_id)
    return respond(await desk.customer(alert_id, wish, data, who, told))


@router.get("/endpoints", tags=["endpoints"], responses=returns(Listing[views.EndpointView]))
async def list_endpoints(desk: AtDesk, who: Principal = require("deliveries:read")) -> Response:
    rows = await store.endpoints(desk.pool)
    return whole([views.endpoint_row(row) for row in rows])


@router.post(
    "/endpoints", tags=["endpoints"], status_code=201, responses=returns(views.EndpointView, 201)
)
async def register_endpoint(
    request: Request,
    desk: AtDesk,
    wanted: NewEndpoint = body(NewEndpoint),
    who: Principal = require("endpoints:write"),
) -> Response:
    """Post alerts there from now on. Keep the secret: it is shown in this answer only."""
    wish = await idempotency(request, who)
    new = endpoint_id(wish)
    data = RegisterEndpoint(endpoint_id=new, **msgspec.structs.asdict(wanted))
    answer = await desk.endpoint(new, wish, data, who, views.endpoint_made)
    told = respond(answer)
    return show(await desk.with_secret(new, answer), told.status_code)


@router.patch("/endpoints/{endpoint}", tags=["endpoints"], responses=returns(views.EndpointView))
async def change_endpoint(
    request: Request,
    endpoint: EndpointId,
    desk: AtDesk,
    edit: EndpointEdit = body(EndpointEdit),
    who: Principal = require("endpoints:write"),
) -> Response:
    """Change what is given; `enabled: false` stops it, and what waits for it is given up."""
    wish = await idempotency(request, who)
    data = ChangeEndpoint(endpoint_id=endpoint, **msgspec.structs.asdict(edit))
    return respond(await desk.endpoint(endpoint, wish, data, who, views.endpoint_kept))


@router.post(
    "/endpoints/{endpoint}/rotate", tags=["endpoints"], responses=returns(views.SecretView)
)
async def rotate_secret(
    endpoint: EndpointId, desk: AtDesk, who: Principal = require("endpoints:write")
) -> Response:
    """A new secret, shown here only; for a day both sign, so that nothing breaks meanwhile."""
    overlap = span(desk.policy().delivery.secret_overlap)
    return show(await desk.rotate(endpoint, lambda now: now + overlap))


@router.post(
    "/endpoints/{endpoint}/test",
    tags=["endpoints"],
    status_code=202,
    responses=returns(views.TestSent, 202),
)
async def send_test(
    endpoint: EndpointId, desk: AtDesk, who: Principal = require("endpoints:write")
) -> Response:
    """Post a test event to it, signed and retried as any other."""
    return show(views.TestSent(delivery_id=await desk.test(endpoint)), 202)


@router.get("/deliveries", tags=["deliveries"], responses=returns(Listing[views.DeliveryView]))
async def list_deliveries(
    request: Request,
    desk: AtDesk,
    page: Paging,
    endpoint: Text = None,
    state: Literal["pending", "sent", "failed"] | None = None,
    alert: Text = None,
    who: Principal = require("deliveries:read"),
) -> Response:
    """Messages to endpoints with every attempt, newest first."""
    wanted = DeliveryFilter(endpoint, state, alert, _before_delivery(page))
    rows = await store.deliveries(desk.pool, wanted, page.limit + 1)
    return listing(
        request, page, [views.delivery_view(row) for row in rows], lambda one: (one.seq,)
    )


@router.post(
    "/deliveries/{delivery}/replay", tags=["deliveries"], responses=returns(views.Replayed)
)
async def replay_delivery(
    delivery: Annotated[str, Path(max_length=300)],
    desk: AtDesk,
    who: Principal = require("deliveries:write"),
) -> Response:
    """Post it again, under the same `webhook-id`; one that is still on its way is left alone."""
    count = await store.replay_one(desk.pool, delivery, desk.clock())
    desk.bell.ring()
    return show(views.Replayed(replayed=count))


@router.post("/deliveries/replay", tags=["deliveries"], responses=returns(views.Replayed))
async def replay_failed(
    desk: AtDesk,
    since: Annotated[AwareDatetime, Query(description="Failed at or after, RFC 3339")],
    endpoint: Text = None,
    who: Principal = require("deliveries:write"),
) -> Response:
    """Post again everything that failed since then, of one endpoint or of all."""
    count = await store.replay_failed(desk.pool, since, endpoint, desk.clock())
    desk.bell.ring()
    return show(views.Replayed(replayed=count))


async def _alert(
    desk: Desk, who: Principal, alert_id: str, as_of: datetime | None = None
) -> Record:
    find = partial(store.alert, desk.pool, sight_of(who), alert_id)
    found = await as_it_stood(find, as_of, f"alert {alert_id}")
    if found is None:
        raise unknown("alert", alert_id)
    return found


def _position(last_event_id: str) -> int | None:
    """Where a stream begins: after the last event seen, or now for who never saw one."""
    return int(last_event_id) if last_event_id.isdecimal() and len(last_event_id) < 19 else None


def _before_alert(page: Page) -> tuple[datetime, str] | None:
    match page.after:
        case None:
            return None
        case (str(raised_at), str(alert_id)):
            return _moment(raised_at), alert_id
    raise _foreign_cursor()


def _before_delivery(page: Page) -> int | None:
    match page.after:
        case None:
            return None
        case (int(seq),):
            return seq
    raise _foreign_cursor()


def _moment(text: str) -> datetime:
    try:
        moment: datetime = msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)])
        return moment
    except msgspec.ValidationError as error:
        raise _foreign_cursor() from error


def _foreign_cursor() -> Exception:
    return fault_at(
        422, "cursor-invalid", "/query/cursor", "use the next_cursor of an earlier page"
    )
