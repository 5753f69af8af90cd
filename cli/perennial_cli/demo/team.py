"""The simulated service team at work over REST, between a day's facts and the next tick."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from perennial_cli.demo.calls import Calls
from perennial_cli.demo.office import DAY, is_working_day
from perennial_cli.demo.plan import answers, diagnoses
from perennial_cli.driving import History
from perennial_cli.replaying import Clocked, Reports, floor

LOOKED_AT = "60"
"""How many of the customers with the most at risk, and of the newest alerts, are read a day."""
DIRECTOR = "dora"


@dataclass
class Done:
    """What the team has done so far."""

    diagnosed: int = 0
    acknowledged: int = 0
    seconds: float = 0.0


class Team:
    """People of the register, each under their own name; calls of a day go out together."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.done = Done()

    async def work(self, now: datetime) -> None:
        """One day: look at what is open, record causes, answer alerts."""
        if not is_working_day(now):
            return
        began = time.monotonic()
        calls = self._calls
        cases, alerts = await asyncio.gather(
            calls.get("lifecycle", "/v1/customers", DIRECTOR, segment="declining", limit=LOOKED_AT),
            calls.get("notifications", "/v1/alerts", DIRECTOR, state="open", limit=LOOKED_AT),
        )
        found, heard = diagnoses(cases, now), answers(alerts)
        await asyncio.gather(
            *(calls.post("lifecycle", _diagnosis_of(one.customer), one.by, one.wish()) for one in found),
            *(calls.post("notifications", f"/v1/alerts/{alert}/acknowledge", who) for alert, who in heard),
        )  # fmt: skip
        self.done.diagnosed += len(found)
        self.done.acknowledged += len(heard)
        self.done.seconds += time.monotonic() - began


class Selling(Protocol):
    """What a day needs of those who sell: `sales.Sales` is it."""

    async def work(self, today: datetime) -> list[History]: ...


class Staffed:
    """A driver whose sellers begin the day, and whose service people end it before time goes on."""

    def __init__(self, driver: Clocked, team: Team, sales: Selling, today: datetime) -> None:
        self._driver = driver
        self._team = team
        self._sales = sales
        self._today = today

    async def publish(self, facts: Iterable[History]) -> int:
        """The day's recorded facts, and what sellers did that day about what they hold."""
        told = list(facts)
        day = floor(told[0].time, DAY) if told else self._today
        deeds = await self._sales.work(day)
        return await self._driver.publish(sorted([*told, *deeds], key=lambda fact: fact.time))

    async def tick(self, to: datetime) -> None:
        await self._team.work(self._today)
        await self._driver.tick(to)
        self._today = to

    async def settle(self) -> Reports:
        return await self._driver.settle()


def _diagnosis_of(customer: str) -> str:
    return f"/v1/customers/{customer}/winback/diagnosis"
