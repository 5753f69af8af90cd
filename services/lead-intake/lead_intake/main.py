"""Runs lead-intake: its topics, rules, routes and edges in one declaration."""

from perennial.contracts.catalogue import reads
from perennial.kit.policies import policy_subject
from perennial.kit.run import main
from perennial.kit.subject import Service

from lead_intake import projections
from lead_intake.api import router
from lead_intake.domain import requests, world
from lead_intake.domain.drafts import fault_in
from lead_intake.handlers import LISTENS
from lead_intake.ingress import adapt, locate, reworded
from lead_intake.jobs import JOBS
from lead_intake.leaving import rehold_leavers
from lead_intake.outcomes import outcomes
from lead_intake.policy import Policy
from lead_intake.reckoning import Reckoning
from lead_intake.rehearsing import REHEARSAL

SERVICE = Service(
    name="lead-intake",
    package="lead_intake",
    listens=LISTENS,
    reads=reads("lead-intake"),
    policy=Policy,
    policy_subject=policy_subject("lead-intake", Policy, fault_in),
    outcomes=outcomes,
    world=world.build,
    router=router,
    rows=projections.rows,
    rebuilds=(projections.HOLDING,),
    follows=("lead",),
    requests=requests.SAID,
    locate=locate,
    adapt=adapt,
    reworded=reworded,
    jobs=(Reckoning(), rehold_leavers, *JOBS),
    jobs_after_timers=True,
    rehearsal=REHEARSAL,
)

if __name__ == "__main__":
    main(SERVICE)
