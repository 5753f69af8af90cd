"""Letters on a real Postgres to a real mail server: the right people, once, whatever happens between."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from notifications import delivery_queue as queue
from notifications import store
from notifications.bell import Bell
from notifications.channels.addresses import Addresses, addresses
from notifications.channels.mail import MailSettings, Post
from notifications.channels.webhook import webhooks
from notifications.deliveries import Deliveries
from notifications.domain.sight import Sight
from notifications.mailing import Mailing
from perennial.contracts.base import Fact
from perennial.contracts.holdings import ActivityLogged, LeadAssigned, TurnoverWarned
from perennial.contracts.registers import PersonJoined
from perennial.kit.lanes import Door, Requests
from perennial.kit.postgres import Postgres, load_reference
from perennial.kit.worlds import Worlds
from pydantic import SecretStr

from tests.notifications.conftest import MAILED, House
from tests.notifications.mailbox import Mailbox, Register, certificate, mail_server, register
from tests.notifications.told import POLICY, START, said

pytestmark = pytest.mark.stack

DUE = START + timedelta(days=5)
STAFF: dict[str, dict[str, Any]] = {
    "carl": {"manager": "sena", "languages": ["en"]},
    "mei": {"manager": "sena", "languages": ["zh", "en"]},
    "sena": {"role": "head"},
}


def warned(rung: str, lead: str = "l-1", **more: Any) -> Fact:
    told: dict[str, Any] = {"clock": "activity", "started_at": START, "due_at": DUE, **more}
    fact = TurnoverWarned(customer_id="c-1", lead_id=lead, holder="carl", rung=rung, **told)
    return said(fact, fact_id=f"warned-{lead}-{rung}")


def assigned(holder: str, lead: str = "l-1") -> Fact:
    told: dict[str, Any] = {"how": "matched", "grade": "3A", "win_chance": 0.25}
    fact = LeadAssigned(customer_id="c-1", lead_id=lead, holder=holder, **told)
    return said(fact, fact_id=f"assigned-{lead}-{holder}")


class Office:
    """A house whose letters go to a mail server; workers come and go."""

    def __init__(self, house: House, box: Mailbox, known: Register, asking: Addresses) -> None:
        self.house, self.box, self.known, self.asking = house, box, known, asking
        self.now = START + timedelta(seconds=1)
        self.settings = MailSettings(
            host="127.0.0.1", port=box.port, security="none", sender="Perennial <alerts@firm.test>"
        )

    def carrier(self) -> Mailing:
        rule, people = POLICY.delivery, lambda: self.house.door.worlds.at(START).people
        post, pool = Post(self.settings), self.house.pool
        return Mailing(pool, post, self.asking, lambda: rule, people, lambda: self.now, Bell())

    async def carry(self) -> None:
        """Everything that is due now, and the door is told of it."""
        carrier = self.carrier()
        while await carrier.round():
            continue
        async with webhooks(allow_private=True) as posting:
            rule = POLICY.delivery
            told = Deliveries(
                self.house.pool, self.house.asks, posting, lambda: rule, lambda: self.now, Bell()
            )
            while await told.report():
                continue

    async def restart(self) -> None:
        """A new process over the same database."""
        pool = self.house.pool
        worlds = Worlds(MAILED, await load_reference(pool, MAILED))
        door = Door(MAILED, Postgres(pool), worlds, ticking=True)
        door.ticked = self.house.door.ticked
        self.house = House(pool, door, Requests(door))

    async def states(self) -> Counter[str]:
        rows = await self.house.pool.fetch("SELECT state FROM delivery")
        return Counter(row[0] for row in rows)

    async def errors(self) -> list[str]:
        return [row[0] for row in await self.house.pool.fetch("SELECT error FROM delivery")]


@pytest.fixture
async def office(mailed_house: House, tmp_path: Path) -> AsyncIterator[Office]:
    token = tmp_path / "service.token"
    token.write_text("ours\n")
    async with mail_server() as box, register() as known, addresses(known.url, token) as asking:
        one = Office(mailed_house, box, known, asking)
        for person, entry in STAFF.items():
            known.known[person] = {"name": person.title(), "email": f"{person}@firm.test"}
            joined = PersonJoined(
                **{"person_id": person, "role": "seller", "personal": "s", **entry}
            )
            await mailed_house.told(_of(f"person:{person}", said(joined)))
        yield one


def _of(key: str, fact: Fact) -> Fact:
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return Fact(**{**fields, "key": key})


@pytest.mark.feature("N2")
async def test_a_ladder_reaches_each_person_once_over_restarts(office: Office) -> None:
    ladder = [warned("5d"), warned("2d"), warned("due", manager_too=True), assigned("mei")]
    for fact in ladder:
        await office.house.told(fact)
        await office.carry()
        await office.restart()
        await office.house.told(fact)
        await office.carry()

    assert Counter(office.box.to) == {"carl@firm.test": 3, "sena@firm.test": 2, "mei@firm.test": 1}
    warnings = [one for one in office.box.letters if one["To"] == "Carl <carl@firm.test>"]
    assert [one["Subject"].strip().split(" in ")[0] for one in warnings] == [
        "Lead l-1 leaves carl"
    ] * 3
    ids = [one["Message-ID"] for one in office.box.letters]
    assert len(set(ids)) == len(ids)
    assert await office.states() == {"sent": 6}
    assert set(office.known.asked) == {(one, "Bearer ours") for one in STAFF}


async def test_a_letter_says_what_to_do_in_the_language_of_its_reader(office: Office) -> None:
    await office.house.told(warned("5d"), assigned("mei", lead="l-2"))
    await office.carry()

    warning, chinese, english = sorted(office.box.letters, key=lambda one: str(one["To"]))
    assert (
        warning["Subject"].strip().startswith("Lead l-1 leaves carl in 5 d: no effective activity")
    )
    assert (warning["From"], warning["To"]) == (
        "Perennial <alerts@firm.test>",
        "Carl <carl@firm.test>",
    )
    assert "Hold a two-way contact" in warning.get_content()
    assert chinese["Subject"] == "商机 l-2（3A）现由 mei 负责：匹配分配，赢单概率 25%"
    assert "下一步" in chinese.get_content()
    assert "now held by mei" in english["Subject"]


@pytest.mark.feature("N8")
async def test_a_crash_after_the_letter_left_sends_it_again_under_the_same_id(
    office: Office,
) -> None:
    await office.house.told(warned("5d"))
    claimed = await queue.claim(office.house.pool, {"mail:carl": 1}, "dead", office.now)
    await office.carrier()._sent(claimed, POLICY.delivery)
    await office.carry()
    assert len(office.box.letters) == 1, "the claim of the dead worker still holds"

    office.now += queue.LEASE + timedelta(seconds=1)
    await office.carry()
    first, second = office.box.letters
    assert first["Message-ID"] == second["Message-ID"]
    assert await office.states() == {"sent": 1}


@pytest.mark.feature("N8")
async def test_5xx_is_for_good_4xx_for_now_and_neither_stops_the_others(office: Office) -> None:
    answers = {"carl@firm.test": "550 no such mailbox", "mei@firm.test": "451 later, please"}
    office.box.rcpt = lambda to: answers.get(to, "250 OK")
    await office.house.told(warned("due", manager_too=True), assigned("mei", lead="l-2"))
    await office.carry()
    assert await office.states() == {"failed": 1, "pending": 1, "sent": 2}
    assert sorted(one[:3] for one in await office.errors() if one) == ["451", "550"]

    answers.clear()
    office.now += timedelta(seconds=7)
    await office.carry()
    assert await office.states() == {"failed": 1, "sent": 3}
    types = await office.house.pool.fetch("SELECT type FROM event WHERE topic = 'alerts.v1'")
    assert Counter(row[0].split(".")[2] for row in types) == {"raised": 2, "sent": 3, "failed": 1}


@pytest.mark.feature("N8")
async def test_a_dead_mail_server_is_left_alone_and_nothing_is_lost(office: Office) -> None:
    living = office.settings
    office.settings = living.model_copy(update={"port": 1})
    for n in range(6):
        await office.house.told(_of(f"c-{n}", warned("5d", lead=f"l-{n}")))
    for _ in range(10):
        await office.carry()
        office.now += timedelta(seconds=7)
    (health,) = await office.house.pool.fetch("SELECT endpoint_id, failures FROM endpoint_health")
    assert health["endpoint_id"] == "mail"
    assert health["failures"] >= POLICY.delivery.breaker.failures
    assert office.box.letters == []

    office.settings = living
    for _ in range(12):
        office.now += timedelta(hours=1)
        await office.carry()
    assert (await office.states(), len(office.box.letters)) == ({"sent": 6}, 6)


async def test_no_address_is_for_good_a_silent_register_is_tried_again(office: Office) -> None:
    del office.known.known["sena"]
    await office.house.told(warned("due", manager_too=True))
    office.known.down = True
    await office.carry()
    assert await office.states() == {"pending": 2}

    office.known.down = False
    office.now += timedelta(seconds=7)
    await office.carry()
    assert await office.states() == {"failed": 1, "sent": 1}
    assert [one for one in await office.errors() if "no address of sena" in one]


async def test_starttls_and_a_login_where_the_server_wants_them(
    office: Office, tmp_path: Path
) -> None:
    context, trusted = certificate(tmp_path)
    async with mail_server(context) as strict:
        secured = {
            "port": strict.port,
            "security": "starttls",
            "user": "perennial",
            "password": SecretStr("wrong"),
        }
        office.settings = office.settings.model_copy(update=secured)
        await office.house.told(warned("5d"))
        await office.carry()
        assert await office.states() == {"pending": 1}, "its certificate is unknown"
        office.settings = office.settings.model_copy(update={"ca_file": str(trusted)})
        office.now += timedelta(seconds=7)
        await office.carry()
        assert await office.states() == {"pending": 1}, "the password is wrong"
        office.settings = office.settings.model_copy(update={"password": SecretStr("secret")})
        office.now += timedelta(minutes=7)
        await office.carry()

        assert (await office.states(), strict.to) == ({"sent": 1}, ["carl@firm.test"])
        assert set(strict.logins) == {"perennial"}


@pytest.mark.feature("N2")
async def test_how_early_each_rung_came_can_be_read(office: Office) -> None:
    for days, rung in ((0, "5d"), (3, "2d")):
        office.house.door.ticked = START + timedelta(days=days)
        fact = warned(rung)
        await office.house.told(Fact(**{**_fields(fact), "now": office.house.door.ticked}))
        office.now = office.house.door.ticked = office.house.door.ticked + timedelta(hours=1)
        await office.carry()

    rows = await store.lead_times(office.house.pool, Sight(everything=True))
    told = {
        row["rung"]: (row["warned"], row["sent"], row["raised_least"], row["sent_least"])
        for row in rows
    }
    hour = timedelta(hours=1)
    assert told == {
        "5d": (1, 1, timedelta(days=5), timedelta(days=5) - hour),
        "2d": (1, 1, timedelta(days=2), timedelta(days=2) - hour),
    }
    assert await store.lead_times(office.house.pool, Sight(person="mei")) == []


async def test_letters_that_are_needless_by_now_are_still_what_was_said(office: Office) -> None:
    done = ActivityLogged(
        customer_id="c-1", lead_id="l-1", activity_id="a", kind="visit", effective=True
    )
    await office.house.told(warned("5d"), said(done, fact_id="done"))
    await office.carry()

    (row,) = await store.alerts(
        office.house.pool, Sight(everything=True), store.AlertFilter(lead="l-1"), 9
    )
    assert (row["state"], row["sent"], len(office.box.letters)) == ("resolved", 1, 1)


def _fields(fact: Fact) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in fact.__struct_fields__}
