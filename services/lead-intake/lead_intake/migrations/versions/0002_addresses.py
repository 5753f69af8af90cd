"""Who opened the contact data of staff."""

from alembic import op

revision = "lead_intake_0002"
down_revision = "lead_intake_0001"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE address_opened (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry   text NOT NULL,
    by_whom text NOT NULL,
    at      timestamptz NOT NULL
)
"""


def upgrade() -> None:
    op.execute(TABLE)
