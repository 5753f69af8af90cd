"""Runs scoring: its topics, rules, routes and jobs in one declaration."""

from perennial.contracts.catalogue import reads
from perennial.kit.policies import policy_subject
from perennial.kit.run import main
from perennial.kit.subject import Service

from scoring.api import router
from scoring.domain.fitting import AdoptModel, FitFinished, FitModels
from scoring.domain.rescoring import Rescore
from scoring.handlers import LISTENS, UNIONS, world
from scoring.jobs import JOBS
from scoring.outcomes import outcomes
from scoring.policy import Policy

SERVICE = Service(
    name="scoring",
    package="scoring",
    listens=LISTENS,
    archives=UNIONS,
    reads=reads("scoring"),
    policy=Policy,
    policy_subject=policy_subject("scoring", Policy),
    outcomes=outcomes,
    world=world,
    router=router,
    requests=(Rescore, FitModels, FitFinished, AdoptModel),
    jobs=JOBS,
)

if __name__ == "__main__":
    main(SERVICE)
