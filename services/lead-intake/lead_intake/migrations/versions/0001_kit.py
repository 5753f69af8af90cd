"""The kit's tables."""

from alembic import op
from perennial.kit.tables import create_kit_tables

revision = "lead_intake_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_kit_tables(op)
    op.execute(
        "CREATE INDEX customer_waiting ON entity (key)"
        " WHERE subject = 'customer' AND state ? 'waiting'"
    )
