"""No address that a user names may reach inside."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from notifications.channels.egress import (
    CheckedResolver,
    ForbiddenAddressError,
    check_all,
    fault_in,
    forbidden,
)
from notifications.channels.webhook import Message, webhooks

from tests.notifications.told import START

INSIDE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::169.254.169.254",
    "2002:7f00:1::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = ["1.1.1.1", "93.184.215.14", "100.63.255.255", "172.32.0.1", "2606:4700:4700::1111"]


@pytest.mark.feature("N8")
@pytest.mark.parametrize("address", INSIDE)
def test_inside_is_forbidden(address: str) -> None:
    assert forbidden(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside_is_not(address: str) -> None:
    assert not forbidden(ip_address(address))


@pytest.mark.feature("N8")
@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https://user:word@hooks.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",
        "https://localhost/",
        "https://hooks.localhost./",
        "https://hooks.example.com:99999/",
        "not a url",
    ],
)
def test_what_must_not_be_an_endpoint(url: str) -> None:
    assert fault_in(url, allow_private=False)


def test_what_may_be_an_endpoint() -> None:
    assert fault_in("https://1.1.1.1/", allow_private=False) == ""
    assert fault_in("https://8.8/", allow_private=False) == ""
    assert fault_in("https://hooks.example.com:8443/alerts?x=1", allow_private=False) == ""
    assert fault_in("http://127.0.0.1:8080/", allow_private=True) == ""


def test_one_address_inside_condemns_the_name() -> None:
    with pytest.raises(ForbiddenAddressError, match=r"10\.0\.0\.9"):
        check_all("both.example.com", ["93.184.215.14", "10.0.0.9"])


@pytest.mark.feature("N8")
@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1"])
async def test_a_name_that_means_this_machine_is_found_out(host: str) -> None:
    resolver = CheckedResolver(allow_private=False)
    with pytest.raises(ForbiddenAddressError):
        await resolver.resolve(host, 443)
    await resolver.close()


@pytest.mark.feature("N8")
async def test_the_client_never_connects_inside() -> None:
    async with webhooks(allow_private=False) as posting:
        for host in ("localhost", "127.0.0.1", "[::1]"):
            answer = await posting.post(
                f"https://{host}:1/",
                Message("m", "{}"),
                ["whsec_c2VjcmV0"],
                START,
                timedelta(seconds=5),
            )
            assert answer.status == 0
            assert "not a public address" in answer.error or "not public" in answer.error
