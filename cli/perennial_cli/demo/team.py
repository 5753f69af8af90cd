"""The simulated service team at work over REST, between a day's facts and the next tick."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
from perennial_embedded.state import Addresses

from perennial_cli.demo.company import team_of
from perennial_cli.demo.plan import answers, diagnoses, is_working_day
from perennial_cli.driving import History, token
from perennial_cli.replaying import Clocked, Reports
from perennial_cli.trouble import ANSWER_IS_NO, Trouble

LOOKED_AT = 60
"""How many of the customers with the most at risk, and of the newest alerts, are read a day."""


@dataclass
class Done:
    """What the team has done so far."""

    diagnosed: int = 0
    acknowledged: int = 0
    calls: int = 0
    seconds: float = 0.0


class Team:
    """People of the register, each under their own name; calls of a day go out together."""

    def __init__(self, addresses: Addresses, session: aiohttp.ClientSession) -> None:
        self._addresses = addresses
        self._session = session
        self._tokens: dict[str, str] = {}
        self.done = Done()

    async def work(self, now: datetime) -> None:
        """One day: look at what is open, record causes, answer alerts."""
        if not is_working_day(now):
            return
        began = time.monotonic()
        cases, alerts = await asyncio.gather(
            self._get("lifecycle", "/v1/customers", segment="declining"),
            self._get("notifications", "/v1/alerts", state="open"),
        )
        found, heard = diagnoses(cases, now), answers(alerts)
        await asyncio.gather(
            *(self._post("lifecycle", _diagnosis_of(one.customer), one.by, one.wish()) for one in found),
            *(self._post("notifications", f"/v1/alerts/{alert}/acknowledge", who) for alert, who in heard),
        )  # fmt: skip
        self.done.diagnosed += len(found)
        self.done.acknowledged += len(heard)
        self.done.seconds += time.monotonic() - began

    async def _get(self, service: str, path: str, **query: Any) -> list[dict[str, Any]]:
        url = f"{self._addresses.url(service)}{path}"
        asked = {"limit": str(LOOKED_AT), **query}
        async with self._session.get(url, params=asked, headers=self._as("dora")) as response:
            found = await _told(response, service)
            self.done.calls += 1
            items: list[dict[str, Any]] = found["items"]
            return items

    async def _post(self, service: str, path: str, person: str, wish: Any = None) -> None:
        url = f"{self._addresses.url(service)}{path}"
        async with self._session.post(url, json=wish, headers=self._as(person)) as response:
            await _told(response, service)
            self.done.calls += 1

    def _as(self, person: str) -> dict[str, str]:
        if person not in self._tokens:
            team = team_of(person)
            role = "service" if team else "director"
            self._tokens[person] = token(
                self._addresses, role, subject=person, person=person, team=team
            )
        return {"authorization": f"Bearer {self._tokens[person]}"}


class Staffed:
    """A driver whose people finish the day's work before time goes on."""

    def __init__(self, driver: Clocked, team: Team, today: datetime) -> None:
        self._driver = driver
        self._team = team
        self._today = today

    async def publish(self, facts: Iterable[History]) -> int:
        return await self._driver.publish(facts)

    async def tick(self, to: datetime) -> None:
        await self._team.work(self._today)
        await self._driver.tick(to)
        self._today = to

    async def settle(self) -> Reports:
        return await self._driver.settle()


def _diagnosis_of(customer: str) -> str:
    return f"/v1/customers/{customer}/winback/diagnosis"


async def _told(response: aiohttp.ClientResponse, service: str) -> Any:
    if not response.ok:
        said = (await response.text())[:300]
        raise Trouble(f"{service} says {response.status} to the team: {said}", code=ANSWER_IS_NO)
    return await response.json()
