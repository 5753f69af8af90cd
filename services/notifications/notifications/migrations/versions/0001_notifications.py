"""The kit's tables, and those of alerts, deliveries, secrets and the feed."""

from alembic import op
from perennial.kit.tables import create_kit_tables

revision = "notifications_0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE alert (
    id          text PRIMARY KEY,
    customer_id text NOT NULL,
    ver         bigint NOT NULL,
    kind        text NOT NULL,
    severity    text NOT NULL,
    person      text NOT NULL,
    also        text[] NOT NULL,
    team        text NOT NULL,
    title       text NOT NULL,
    respond_by  timestamptz,
    raised_at   timestamptz NOT NULL
);
CREATE INDEX alert_newest ON alert (raised_at DESC, id DESC);
CREATE INDEX alert_customer ON alert (customer_id, raised_at DESC);
CREATE INDEX alert_person ON alert (person, raised_at DESC);

CREATE TABLE alert_mark (
    alert_id text NOT NULL,
    ver      bigint NOT NULL,
    mark     text NOT NULL,
    who      text NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (alert_id, ver)
);

CREATE TABLE endpoint_version (
    endpoint_id text NOT NULL,
    ver         bigint NOT NULL,
    url         text NOT NULL,
    kinds       text[] NOT NULL,
    persons     text[] NOT NULL,
    enabled     boolean NOT NULL,
    by_whom     text NOT NULL,
    reason      text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (endpoint_id, ver)
);

CREATE TABLE endpoint_secret (
    endpoint_id text NOT NULL,
    secret      text NOT NULL,
    made_at     timestamptz NOT NULL,
    expires_at  timestamptz,
    PRIMARY KEY (endpoint_id, secret)
);
COMMENT ON TABLE endpoint_secret IS
    'Signing secrets. In no topic, so a rebuild neither reads nor writes it: back it up by itself.';

CREATE TABLE endpoint_health (
    endpoint_id  text PRIMARY KEY,
    failures     int NOT NULL DEFAULT 0,
    paused_until timestamptz
) WITH (fillfactor = 50);

CREATE TABLE delivery (
    id            text PRIMARY KEY,
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    endpoint_id   text NOT NULL,
    alert_id      text NOT NULL,
    customer_id   text NOT NULL,
    kind          text NOT NULL,
    body          text NOT NULL,
    made_at       timestamptz NOT NULL,
    due_at        timestamptz NOT NULL,
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed')),
    attempts      int NOT NULL DEFAULT 0,
    spent         int NOT NULL DEFAULT 0,
    claim         text,
    claimed_until timestamptz,
    status        int NOT NULL DEFAULT 0,
    error         text NOT NULL DEFAULT '',
    finished_at   timestamptz,
    reported      boolean NOT NULL DEFAULT false
) WITH (autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON COLUMN delivery.spent IS 'Attempts made before the last replay; the schedule starts after them.';
CREATE INDEX delivery_due ON delivery (endpoint_id, due_at, seq) WHERE state = 'pending';
CREATE INDEX delivery_head ON delivery (endpoint_id, customer_id, seq) WHERE state = 'pending';
CREATE INDEX delivery_unreported ON delivery (seq) WHERE state <> 'pending' AND NOT reported;
CREATE INDEX delivery_alert ON delivery (alert_id);
CREATE INDEX delivery_newest ON delivery (seq DESC);

CREATE TABLE attempt (
    delivery_id text NOT NULL,
    n           int NOT NULL,
    at          timestamptz NOT NULL,
    status      int NOT NULL,
    error       text NOT NULL,
    PRIMARY KEY (delivery_id, n)
);

CREATE TABLE feed (
    event_id text PRIMARY KEY,
    seq      bigint GENERATED ALWAYS AS IDENTITY,
    position bigint UNIQUE,
    type     text NOT NULL,
    alert_id text NOT NULL,
    body     text NOT NULL
);
COMMENT ON COLUMN feed.position IS
    'Given after the commit, under the lock of feed_head: a cursor without gaps (channels/stream.py).';
CREATE INDEX feed_unnumbered ON feed (seq) WHERE position IS NULL;

CREATE TABLE feed_head (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO feed_head (position) VALUES (0);
"""


def upgrade() -> None:
    create_kit_tables(op)
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
