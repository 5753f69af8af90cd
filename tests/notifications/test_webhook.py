"""One post to a real server: signed as Standard Webhooks wants it, and judged by its answer."""

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from notifications.channels.webhook import Message, Webhooks, retry_after, webhooks
from notifications.domain.delivery import Answer
from standardwebhooks import WebhookVerificationError

from tests.notifications.receiver import Receiver, receiving

SECRET, OLD, OTHER = (
    f"whsec_{b64encode(word * 8).decode()}" for word in (b"new!", b"old!", b"bad!")
)
MESSAGE = Message("msg-1", '{"type":"perennial.alert.raised.v1","title":"Überfällig"}')
SECOND = timedelta(seconds=1)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def posting() -> AsyncIterator[Webhooks]:
    async with webhooks(allow_private=True) as one:
        yield one


async def post(posting: Webhooks, url: str, *secrets: str, wait: timedelta = SECOND) -> Answer:
    return await posting.post(url, MESSAGE, secrets or (SECRET,), datetime.now(UTC), wait)


@pytest.mark.feature("N8")
async def test_a_receiver_can_verify_it(receiver: Receiver, posting: Webhooks) -> None:
    answer = await post(posting, f"{receiver.url}/hook")

    (got,) = receiver.received
    assert answer == Answer(204)
    assert (got.id, got.verified(SECRET)["title"]) == ("msg-1", "Überfällig")
    with pytest.raises(WebhookVerificationError):
        got.verified(OTHER)


@pytest.mark.feature("N8")
async def test_during_a_rotation_both_secrets_verify(receiver: Receiver, posting: Webhooks) -> None:
    await post(posting, receiver.url, SECRET, OLD)

    (got,) = receiver.received
    assert got.verified(SECRET) == got.verified(OLD)


@pytest.mark.feature("N8")
async def test_a_redirect_is_not_followed(receiver: Receiver, posting: Webhooks) -> None:
    receiver.reply = lambda _path, _n: web.Response(status=307, headers={"location": "/elsewhere"})
    answer = await post(posting, receiver.url)

    assert (answer.status, len(receiver.received)) == (307, 1)


@pytest.mark.feature("N8")
async def test_a_slow_endpoint_is_not_waited_for(receiver: Receiver, posting: Webhooks) -> None:
    receiver.delay = 0.5
    answer = await post(posting, receiver.url, wait=timedelta(milliseconds=50))

    assert answer == Answer(error="no answer within 0.05 s")


@pytest.mark.feature("N8")
async def test_an_endpoint_can_ask_for_a_pause(receiver: Receiver, posting: Webhooks) -> None:
    receiver.reply = lambda _path, _n: web.Response(status=429, headers={"retry-after": "17"})
    answer = await post(posting, receiver.url)

    assert (answer.status, answer.retry_after) == (429, timedelta(seconds=17))


async def test_a_refused_connection_is_an_answer(posting: Webhooks) -> None:
    answer = await post(posting, "http://127.0.0.1:1/")

    assert answer.status == 0
    assert "ClientConnectorError" in answer.error


async def test_a_large_answer_is_not_read(receiver: Receiver, posting: Webhooks) -> None:
    receiver.reply = lambda _path, _n: web.Response(body=b"x" * 10_000_000)

    assert (await post(posting, receiver.url)).status == 200


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("120", timedelta(seconds=120)),
        ("Mon, 02 Mar 2026 09:01:00 GMT", timedelta(minutes=1)),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, pause: timedelta | None) -> None:
    assert retry_after(header, datetime(2026, 3, 2, 9, tzinfo=UTC)) == pause
