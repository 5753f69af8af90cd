"""What the rules may know beside their own state: the policy in force, the people, the endpoints."""

from dataclasses import dataclass

from notifications.domain.endpoints import Endpoints
from notifications.domain.people import People
from notifications.policy import Policy


@dataclass(frozen=True)
class World:
    policy: Policy
    people: People
    endpoints: Endpoints
