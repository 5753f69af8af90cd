"""Who may see which alert: their own, their team's, or all."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sight:
    """What one token may see. The widest right counts."""

    person: str = ""
    team: str = ""
    everything: bool = False

    def sees(self, team: str, people: frozenset[str]) -> bool:
        """Whether an alert of this team, told to these people, is in sight."""
        if self.everything or self.person in people:
            return True
        return bool(self.team) and self.team == team
