"""Runs lifecycle: its topics, rules, routes and jobs in one declaration."""

from perennial.contracts.catalogue import reads
from perennial.kit.policies import policy_subject
from perennial.kit.run import main
from perennial.kit.subject import Service

from lifecycle import jobs
from lifecycle.api import router
from lifecycle.domain.requests import REQUESTS
from lifecycle.domain.world import unknown_in, world
from lifecycle.handlers import ARCHIVES, LISTENS, NUMBERED
from lifecycle.outcomes import outcomes
from lifecycle.policy import Policy
from lifecycle.rehearsing import REHEARSAL

SERVICE = Service(
    name="lifecycle",
    package="lifecycle",
    listens=LISTENS,
    reads=reads("lifecycle"),
    policy=Policy,
    policy_subject=policy_subject("lifecycle", Policy, unknown_in),
    outcomes=outcomes,
    world=world,
    router=router,
    archives=ARCHIVES,
    numbered=NUMBERED,
    requests=REQUESTS,
    jobs=jobs.JOBS,
    jobs_after_timers=True,
    rehearsal=REHEARSAL,
)

if __name__ == "__main__":
    main(SERVICE)
