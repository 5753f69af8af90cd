"""Runs notifications: its topics, rules, routes and work in one declaration."""

from perennial.contracts.catalogue import reads
from perennial.kit.policies import policy_subject
from perennial.kit.run import main
from perennial.kit.subject import Service

from notifications.api import router
from notifications.channels.mail import MailSettings
from notifications.handlers import LISTENS, REQUESTS, world
from notifications.outcomes import outcomes
from notifications.policy import Policy
from notifications.projections import rows, with_mail
from notifications.running import TASKS

SERVICE = Service(
    name="notifications",
    package="notifications",
    listens=LISTENS,
    reads=reads("notifications"),
    policy=Policy,
    policy_subject=policy_subject("notifications", Policy),
    outcomes=outcomes,
    world=world,
    router=router,
    rows=with_mail if MailSettings().on else rows,
    requests=REQUESTS,
    tasks=TASKS,
)

if __name__ == "__main__":
    main(SERVICE)
