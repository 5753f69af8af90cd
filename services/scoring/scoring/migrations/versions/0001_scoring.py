"""The kit's tables, and what lists of scores need to stay quick."""

from alembic import op
from perennial.kit.tables import create_kit_tables

revision = "scoring_0001"
down_revision = None
branch_labels = None
depends_on = None

INDEXES = """
CREATE INDEX customer_at_risk ON entity ((round(
    coalesce((state->'told'->>'value_36m')::numeric, 0)
    * (1 - coalesce((state->'told'->>'alive')::numeric, 1)))), key) WHERE subject = 'customer';
CREATE INDEX customer_model ON entity ((coalesce(state->'told'->>'model', '')), key)
    WHERE subject = 'customer'
"""


def upgrade() -> None:
    create_kit_tables(op)
    for statement in INDEXES.split(";\n"):
        op.execute(statement)
