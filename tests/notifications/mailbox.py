"""A real mail server on a real socket, which can be told how to answer; and a desk that knows addresses."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TAKEN = "250 OK"
Reply = Callable[[str], str]
"""Recipient → what the server says to it."""


@dataclass
class Mailbox:
    """Letters as they arrived, in their order."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    rcpt: Reply = lambda _to: TAKEN
    data: str = TAKEN
    logins: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # as aiosmtpd calls it
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        said = self.rcpt(address)
        if said == TAKEN:
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data == TAKEN:
            letter = message_from_bytes(envelope.content, policy=policy.default)
            self.letters.append(letter)
            self.to += envelope.rcpt_tos
        return self.data

    def login(self, _server: Any, _session: Any, _envelope: Any, _way: str, who: Any) -> AuthResult:
        assert isinstance(who, LoginPassword)
        self.logins.append(who.login.decode())
        return AuthResult(success=who.password == b"secret")


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """With `tls`, nobody gets far without STARTTLS and a login."""
    box = Mailbox()

    def connection() -> SMTP:
        secured: dict[str, Any] = {
            "tls_context": tls,
            "require_starttls": True,
            "authenticator": box.login,
            "auth_required": True,
        }
        return SMTP(box, hostname="mail.test", **(secured if tls else {}))

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS for 127.0.0.1, and the file by which a client may trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "mail.pem", folder / "mail.key"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted


@dataclass
class Register:
    """lead-intake as the letter carrier meets it: answers for addresses, and counts who asks."""

    url: str = ""
    known: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        person = request.match_info["person"]
        self.asked.append((person, request.headers["authorization"]))
        if self.down:
            return web.Response(status=503)
        found = self.known.get(person)
        return web.json_response(found) if found else web.Response(status=404)


@asynccontextmanager
async def register() -> AsyncIterator[Register]:
    one, app = Register(), web.Application()
    app.router.add_get("/v1/people/{person}/address", one.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()
