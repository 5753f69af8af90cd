"""Hands letters to a mail server (SMTP), one recipient each, and says what came of each."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from typing import Literal

import aiosmtplib
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from notifications.domain.delivery import Answer, Verdict

CIRCUIT = "mail"
"""Under this name the server's health is kept: one for all letters."""
CONNECTIONS = 4
_TAKEN, _CLOSING, _FOR_GOOD = 250, 421, 500
_LONGEST = 500
_TROUBLE = (aiosmtplib.SMTPException, OSError, TimeoutError)


class MailSettings(BaseSettings):
    """Which server takes letters, as PERENNIAL_SMTP_*. Without a host the channel is off."""

    model_config = SettingsConfigDict(env_prefix="PERENNIAL_SMTP_")

    host: str = ""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`tls` from the first byte (port 465), `starttls` or nothing goes; `none` for a server at home."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's, in PEM."""
    user: str | None = None
    password: SecretStr | None = None
    sender: str = "Perennial <perennial@localhost>"

    @property
    def on(self) -> bool:
        return bool(self.host)


@dataclass(frozen=True)
class Letter:
    """One letter to one person. The same id is the same letter: receivers drop the second."""

    id: str
    to: str
    name: str
    subject: str
    body: str


class Post:
    """The mail server as the worker sees it."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self.sender = parseaddr(settings.sender)[1]

    async def send_all(self, letters: Sequence[Letter], now: datetime, wait: float) -> list[Answer]:
        """An answer for each, whatever happens on the way; `wait` in seconds for each step."""
        shares = [letters[start::CONNECTIONS] for start in range(min(CONNECTIONS, len(letters)))]
        answered = await asyncio.gather(*(self._share(one, now, wait) for one in shares))
        answers = [Answer()] * len(letters)
        for start, share in enumerate(answered):
            answers[start::CONNECTIONS] = share
        return answers

    async def _share(self, letters: Sequence[Letter], now: datetime, wait: float) -> list[Answer]:
        """Over one connection; without it all its letters share the fault."""
        client = self._client(wait)
        try:
            await client.connect()
        except _TROUBLE as error:
            return [_of_the_server(error)] * len(letters)
        answers = [await self._one(client, letter, now, wait) for letter in letters]
        with suppress(*_TROUBLE):
            await client.quit()
        return answers

    async def _one(
        self, client: aiosmtplib.SMTP, letter: Letter, now: datetime, wait: float
    ) -> Answer:
        try:
            async with asyncio.timeout(wait):
                await client.sendmail(self.sender, letter.to, self.written(letter, now))
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _of_the_letter(error.recipients[0])
        except aiosmtplib.SMTPDataError as error:
            return _of_the_letter(error)
        except _TROUBLE as error:
            return _of_the_server(error)
        except ValueError as error:
            return Answer(error=str(error)[:_LONGEST], verdict="refused")
        return Answer(_TAKEN, verdict="sent")

    def written(self, letter: Letter, now: datetime) -> bytes:
        """The letter as it travels."""
        made = EmailMessage(policy=SMTP)
        made["From"] = self._settings.sender
        made["To"] = Address(letter.name, addr_spec=letter.to)
        made["Subject"] = letter.subject
        made["Date"] = format_datetime(now)
        made["Message-ID"] = self.message_id(letter.id)
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(letter.body)
        return made.as_bytes()

    def message_id(self, letter: str) -> str:
        """Follows from the letter's id, which follows from the alert's."""
        domain = self.sender.rpartition("@")[2]
        return f"<{sha256(letter.encode()).hexdigest()[:32]}@{domain}>"

    def _client(self, wait: float) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            cert_bundle=settings.ca_file,
            username=settings.user,
            password=settings.password.get_secret_value() if settings.password else None,
            timeout=wait,
        )


def _of_the_letter(error: aiosmtplib.SMTPResponseException) -> Answer:
    """5xx is for good, 4xx for now; 421 ends the connection whatever the letter was."""
    if error.code == _CLOSING:
        return _of_the_server(error)
    verdict: Verdict = "refused" if error.code >= _FOR_GOOD else "deferred"
    return Answer(error.code, _said(error), verdict=verdict)


def _of_the_server(error: Exception) -> Answer:
    """No letter's fault: a wrong password or sender is mended here, and all is tried again."""
    return Answer(getattr(error, "code", 0), _said(error), verdict="retry")


def _said(error: Exception) -> str:
    code = getattr(error, "code", "")
    return f"{code or type(error).__name__}: {getattr(error, 'message', error)}"[:_LONGEST]
