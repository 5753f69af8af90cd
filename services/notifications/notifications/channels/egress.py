"""Where this service may connect to: an address that a user names must not reach inside (SSRF).

A name is resolved once, every address it has is checked, and the connection goes to what was checked:
a name that changes its address between check and connect gains nothing.
"""

import asyncio
import errno
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from unicodedata import normalize
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

Address = IPv4Address | IPv6Address

_FORBIDDEN = [
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, with the cloud's metadata address
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback and the old IPv4-compatible form
        "64:ff9b:1::/48",
        "100::/64",
        "2001:db8::/32",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
]
_NAT64 = ip_network("64:ff9b::/96")


class ForbiddenAddressError(OSError):
    """The address lies inside, or the name has an address that does."""


def forbidden(address: Address) -> bool:
    """Whether an address must not be reached; IPv4 hidden inside IPv6 is looked at as such."""
    inner = _embedded(address)
    if inner is not None:
        return forbidden(inner)
    listed = any(address in block for block in _FORBIDDEN if block.version == address.version)
    return listed or not address.is_global


def _embedded(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    teredo = address.teredo[1] if address.teredo else None
    nat64 = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return address.ipv4_mapped or address.sixtofour or teredo or nat64


def fault_in(url: str, allow_private: bool) -> str:
    """Why this may not be an endpoint, or nothing. A name's addresses are checked when it connects."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        return f"not a URL: {error}"
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        return "must begin with https://"
    if not host or parts.username is not None or parts.password is not None:
        return "must name a host, and carry no user name or password"
    if not allow_private and forbidden_literal(host):
        return f"{host} is not a public address"
    return ""


def forbidden_literal(host: str) -> bool:
    """Whether a host is an address inside, in whichever spelling a resolver would take it."""
    plain = normalize("NFKC", host).rstrip(".").casefold()
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    address = _literal(plain)
    return address is not None and forbidden(address)


def _literal(host: str) -> Address | None:
    """The address that a host spells; `127.1`, `0x7f000001` and `2130706433` are 127.0.0.1 too."""
    try:
        return ip_address(host.split("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeEncodeError):
        return None


class CheckedResolver(AbstractResolver):
    """Resolves for the HTTP client; what it returns is what the client connects to."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._names = ThreadedResolver(asyncio.get_running_loop())

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        if not self._allow_private:
            check_all(host, [one["host"] for one in found])
        return found

    async def close(self) -> None:
        await self._names.close()


def check_all(name: str, addresses: list[str]) -> None:
    """One address inside condemns the name: which one is dialled is not ours to choose."""
    for one in addresses:
        if forbidden(ip_address(one.split("%")[0])):
            fault = f"{name} resolves to {one}, which is not public"
            raise ForbiddenAddressError(errno.EACCES, fault)
