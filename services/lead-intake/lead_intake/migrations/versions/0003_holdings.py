"""Who held which lead when: a row for every move, never changed."""

from alembic import op

revision = "lead_intake_0003"
down_revision = "lead_intake_0002"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE holding (
    customer_id text NOT NULL,
    ver         bigint NOT NULL,
    lead_id     text NOT NULL,
    at          timestamptz NOT NULL,
    what        text NOT NULL,
    holder      text NOT NULL,
    former      text NOT NULL,
    pool        text NOT NULL,
    how         text NOT NULL,
    reason      text NOT NULL,
    PRIMARY KEY (customer_id, ver)
)
"""
INDEXES = (
    "CREATE INDEX holding_lead ON holding (lead_id, at DESC, ver DESC)",
    "CREATE INDEX holding_holder ON holding (holder, at) WHERE holder <> ''",
    "CREATE INDEX holding_pool ON holding (pool) WHERE pool <> ''",
)


def upgrade() -> None:
    op.execute(TABLE)
    for index in INDEXES:
        op.execute(index)
