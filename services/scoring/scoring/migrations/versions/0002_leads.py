"""Whose lead an id is: found in the events that score it, so that orders pay nothing for it."""

from alembic import op

revision = "scoring_0002"
down_revision = "scoring_0001"
branch_labels = None
depends_on = None

INDEX = """
CREATE INDEX event_lead ON event ((data::jsonb->>'lead_id'), now)
    WHERE topic = 'grades.v1' AND type = 'perennial.lead.scored.v1'
"""


def upgrade() -> None:
    op.execute(INDEX)
