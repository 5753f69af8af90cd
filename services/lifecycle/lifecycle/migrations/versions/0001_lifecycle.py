"""The kit's tables, and what lists over customers need to stay quick."""

from alembic import op
from perennial.kit.tables import create_kit_tables

revision = "lifecycle_0001"
down_revision = None
branch_labels = None
depends_on = None

INDEXES = """
CREATE INDEX customer_segment ON entity ((state->>'segment'), key) WHERE subject = 'customer';
CREATE INDEX customer_owner ON entity ((state->>'owner'), key) WHERE subject = 'customer';
CREATE INDEX customer_risk ON entity ((-greatest(0,
    coalesce((state->'light'->>'value_at_risk')::bigint, 0),
    coalesce((state->'light'->>'rolling_value')::bigint, 0))), key) WHERE subject = 'customer';
CREATE INDEX customer_watchers ON entity USING gin ((state->'watchers'))
    WHERE subject = 'customer';
CREATE INDEX customer_root ON entity ((state->>'root')) WHERE subject = 'customer' AND state ? 'root'
"""


def upgrade() -> None:
    create_kit_tables(op)
    for statement in INDEXES.split(";\n"):
        op.execute(statement)
