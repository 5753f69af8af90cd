"""Alerts about leads with the moment they warn of, and deliveries to a person by e-mail."""

from alembic import op

revision = "notifications_0002"
down_revision = "notifications_0001"
branch_labels = None
depends_on = None

CHANGES = """
ALTER TABLE alert ADD COLUMN lead_id text NOT NULL DEFAULT '',
    ADD COLUMN clock text NOT NULL DEFAULT '',
    ADD COLUMN rung text NOT NULL DEFAULT '',
    ADD COLUMN due_at timestamptz;
CREATE INDEX alert_lead ON alert (lead_id, raised_at DESC) WHERE lead_id <> '';
ALTER TABLE delivery ADD COLUMN person text NOT NULL DEFAULT '';
COMMENT ON COLUMN delivery.person IS 'Whom it goes to by e-mail; empty where it goes to a webhook.';
CREATE INDEX delivery_mail ON delivery (due_at, seq) WHERE state = 'pending' AND person <> '';
"""


def upgrade() -> None:
    for statement in CHANGES.split(";\n"):
        if statement.strip():
            op.execute(statement)
