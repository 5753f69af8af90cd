"""How the one fact that the database refuses is found among many."""

import logging
from dataclasses import replace

from perennial.kit.door import Job

log = logging.getLogger("perennial.kit")


def halves(job: Job) -> tuple[Job, Job]:
    """Items first, then timers, then keys to be redriven: each kind in its order."""
    work = [*job.items, *job.timers, *job.redriven]
    half = (len(work) + 1) // 2
    items, timers = len(job.items), len(job.items) + len(job.timers)
    first, second = (
        Job(
            job.lane,
            job.items[start:end],
            job.timers[max(start - items, 0) : max(end - items, 0)],
            job.until,
            redriven=job.redriven[max(start - timers, 0) : max(end - timers, 0)],
        )
        for start, end in ((0, half), (half, len(work)))
    )
    return first, second


def to_be_parked(job: Job, error: Exception) -> Job:
    """The one fact, timer or redriven key at fault, marked so that the fold sets it aside."""
    reason, said = type(error).__name__, str(error)
    if job.items and not job.items[0].park:
        item = job.items[0]
        log.error("parked %s %s: %s", item.fact.topic, item.fact.id, error)
        parked = replace(item, park=reason, error=said, held_key=bool(item.fact.ver))
        return replace(job, items=[parked])
    if job.timers or job.redriven:
        log.error("held %s: %s", (job.timers or job.redriven)[0], error)
        return replace(job, refused=f"{reason}: {said}")
    raise error
