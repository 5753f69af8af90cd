"""`python -m perennial.kit.whatif < wish.json`: one trial in a process of its own.

Lines of JSON on stdout: how far it has come, and at the end the report. The wish says which services
run together and where their schemas are.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import msgspec

from perennial.contracts.rightly import fault_of
from perennial.kit.kafka import Broker
from perennial.kit.outcomes import Both, Report, compared, lived, tallied, tried
from perennial.kit.policies import default_document
from perennial.kit.recorded import LostJournalError, Recorded, recorded
from perennial.kit.subject import Service
from perennial.kit.trial import Trial
from perennial.kit.trial_house import BEGINNING, Draft, live_policies
from perennial.kit.whatif_words import House, Line, Wish

FOLLOWS_SECONDS = 2.0
END = datetime.max.replace(tzinfo=UTC)


class UnfitError(Exception):
    """The draft is none: with the path of the fault."""


def service_of(house: House) -> Service:
    """By its name alone: a trial brings services together that know nothing of each other."""
    service: Service = import_module(f"{house.name.replace('-', '_')}.main").SERVICE
    return service


def say(line: Line) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


async def run(wish: Wish) -> Report:
    """Read, run, compare."""
    broker = Broker(wish.kafka_bootstrap, wish.kafka_user, wish.kafka_password)
    lives = []
    for house in wish.houses:
        say(Line(doing=f"reading {house.name}"))
        lives.append(await recorded(service_of(house), house.database_url, broker))
    draft = _draft(wish, lives)
    gc.freeze()  # what was read stays: it needn't be looked through again and again
    gc.set_threshold(500_000, 10, 10)
    trial = Trial(lives, draft)
    began = time.perf_counter(), time.process_time()
    await trial.run(lambda facts, of: say(Line(doing="folding", facts=facts, of=of)))
    took = time.perf_counter() - began[0], time.process_time() - began[1]
    if wish.shadow:
        await _follow(wish, lives, trial, draft, broker)
    say(Line(doing="comparing", facts=trial.total, of=trial.total))
    return _report(wish, lives, trial, draft, took)


async def _follow(
    wish: Wish, lives: Sequence[Recorded], trial: Trial, draft: Draft | None, broker: Broker
) -> None:
    """Judge beside the living policy, until told to stop; a report whenever something was folded."""
    say(Line(doing="shadowing", facts=trial.facts, of=trial.total))
    moved, tally = True, None
    while True:
        if moved and wish.counting:
            tally = dict(tallied(_both(lives[0], trial, draft, wish)))
        if moved or wish.counting:
            report = None if wish.counting else _report(wish, lives, trial, draft)
            say(Line(report=report, tally=tally))
        await asyncio.sleep(FOLLOWS_SECONDS)
        moved = False
        for house, life in zip(wish.houses, lives, strict=True):
            last = life.steps[-1].seq if life.steps else 0
            newer = await recorded(life.service, house.database_url, broker, last, wish.starts)
            life.more(newer)
            await trial.follow(house.name, newer.steps)
            moved = moved or bool(newer.steps)


def _report(
    wish: Wish,
    lives: Sequence[Recorded],
    trial: Trial,
    draft: Draft | None,
    took: tuple[float, float] = (0.0, 0.0),
) -> Report:
    return Report(
        service=wish.service,
        version=draft.version if draft else 0,
        starts=wish.starts,
        ends=wish.ends,
        facts=trial.total,
        seconds=round(took[0], 2),
        cpu=round(took[1], 2),
        services=[compared(_both(life, trial, draft, wish)) for life in lives],
        judged=sum(_judged(life, wish) for life in lives if life.service.name == wish.service),
    )


def _judged(life: Recorded, wish: Wish) -> int:
    """Decisions within the time in which the draft would have judged."""
    moments = (one[3] for one in life.told.values())
    return sum(
        (wish.starts is None or wish.starts <= at) and (wish.ends is None or at < wish.ends)
        for at in moments
    )


def _draft(wish: Wish, lives: Sequence[Recorded]) -> Draft | None:
    life = next((one for one in lives if one.service.name == wish.service), None)
    if life is None:
        return None
    known = live_policies(life).versions
    version = wish.version if wish.version is not None else len(known) + 1
    document = wish.document
    if document is None:
        document = _drafted(life, version)
    try:
        msgspec.convert(document, life.service.policy)
    except msgspec.ValidationError as error:
        _, told = fault_of(error, document, life.service.policy)
        raise UnfitError(f"no policy of {wish.service}: {told}") from error
    text = msgspec.json.encode(document, order="sorted").decode()
    return Draft(wish.service, text, version or len(known) + 1, wish.starts, wish.ends)


def _drafted(life: Recorded, version: int) -> dict[str, Any]:
    if version == 0:
        return default_document(life.service.package)
    found = next((one for one in live_policies(life).versions if one.version == version), None)
    if found is None:
        raise UnfitError(f"there is no version {version}; draft it first")
    document: dict[str, Any] = msgspec.json.decode(found.document)
    return document


def _both(life: Recorded, trial: Trial, draft: Draft | None, wish: Wish) -> Both:
    service = life.service
    if draft is not None and draft.service == service.name:
        policy: Any = msgspec.json.decode(draft.document, type=service.policy)
    else:
        policy = msgspec.convert(default_document(service.package), service.policy)
    live, made = lived(life), tried(service, trial.made[service.name])
    if wish.shadow:
        starts, ends = wish.starts or BEGINNING, wish.ends or END
        live = [one for one in live if starts <= one.now < ends]
        made = [one for one in made if starts <= one.now < ends]
    return Both(service, live, made, policy, life.log.facts)


async def _main() -> int:
    wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Wish)
    try:
        say(Line(report=await run(wish)))
    except (UnfitError, LostJournalError) as error:
        say(Line(fault=str(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
