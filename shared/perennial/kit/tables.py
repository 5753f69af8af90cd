"""The tables that every service has in its own schema; each service's first migration makes them."""

from typing import Any

TABLES = """
CREATE TABLE entity (
    subject text NOT NULL,
    key     text NOT NULL,
    now     timestamptz,
    seen    jsonb NOT NULL DEFAULT '{}',
    marks   jsonb NOT NULL DEFAULT '{}',
    made    jsonb NOT NULL DEFAULT '{}',
    held    boolean NOT NULL DEFAULT false,
    due     timestamptz,
    state   jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (subject, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX entity_due ON entity (due) WHERE due IS NOT NULL AND NOT held;

CREATE TABLE part (
    subject text NOT NULL,
    id      text NOT NULL,
    key     text NOT NULL,
    state   jsonb NOT NULL,
    PRIMARY KEY (subject, id)
);
CREATE INDEX part_key ON part (subject, key);

CREATE TABLE alias (
    subject text NOT NULL,
    name    text NOT NULL,
    key     text NOT NULL,
    PRIMARY KEY (subject, name)
);
CREATE INDEX alias_key ON alias (subject, key);

CREATE TABLE event (
    topic   text NOT NULL,
    key     text NOT NULL,
    ver     bigint NOT NULL,
    id      text NOT NULL,
    type    text NOT NULL,
    time    timestamptz NOT NULL,
    now     timestamptz NOT NULL,
    context text NOT NULL,
    data    text NOT NULL CHECK (octet_length(data) <= 900000),
    PRIMARY KEY (topic, key, ver)
);
CREATE INDEX event_now ON event USING brin (now);

CREATE TABLE outbox (
    seq   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    key   text NOT NULL,
    ver   bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE position (
    topic       text NOT NULL,
    part        int NOT NULL,
    start       bigint NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, part)
) WITH (fillfactor = 50);

CREATE TABLE answer (
    id          text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    status      int NOT NULL,
    body        text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE parked (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic     text NOT NULL,
    part      int NOT NULL DEFAULT 0,
    off       bigint,
    subject   text NOT NULL DEFAULT '',
    key       text NOT NULL DEFAULT '',
    ver       bigint NOT NULL DEFAULT 0,
    fact_id   text NOT NULL DEFAULT '',
    type      text NOT NULL DEFAULT '',
    principal text NOT NULL DEFAULT '',
    state     text NOT NULL
              CHECK (state IN ('parked', 'behind', 'waiting', 'barred', 'redrive', 'released',
                               'discarded')),
    reason    text NOT NULL,
    error     text NOT NULL DEFAULT '',
    waits_for text,
    expires   timestamptz,
    attempts  int NOT NULL DEFAULT 0,
    headers   text NOT NULL DEFAULT '[]',
    raw       bytea,
    parked_at timestamptz NOT NULL,
    by_whom   text NOT NULL DEFAULT '',
    note      text NOT NULL DEFAULT '',
    holds     boolean NOT NULL DEFAULT false,
    dropping  boolean NOT NULL DEFAULT false,
    edited    bytea,
    UNIQUE (topic, part, off)
);
CREATE INDEX parked_open ON parked (state, subject, key)
    WHERE state IN ('parked', 'behind', 'waiting', 'barred', 'redrive');

CREATE TABLE handled (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parked_id bigint NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_whom   text NOT NULL,
    verb      text NOT NULL CHECK (verb IN ('redrive', 'discard', 'edit')),
    note      text NOT NULL DEFAULT '',
    before    bytea,
    after     bytea
);
CREATE INDEX handled_parked ON handled (parked_id);

CREATE TABLE archive (
    topic text NOT NULL,
    key   text NOT NULL,
    ver   bigint NOT NULL,
    id    text NOT NULL,
    type  text NOT NULL,
    time  timestamptz NOT NULL,
    now   timestamptz NOT NULL,
    data  text NOT NULL,
    PRIMARY KEY (topic, key, ver)
);
CREATE INDEX archive_now ON archive USING brin (now);

CREATE TABLE sent (
    lane  text NOT NULL,
    topic text NOT NULL,
    n     bigint NOT NULL,
    PRIMARY KEY (lane, topic)
) WITH (fillfactor = 50);

CREATE TABLE counter (
    scope text PRIMARY KEY,
    n     bigint NOT NULL
);

CREATE TABLE clock (
    name text PRIMARY KEY,
    now  timestamptz NOT NULL
);

CREATE TABLE journal (
    seq  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    lane text NOT NULL,
    knew bigint NOT NULL,
    page text NOT NULL
);

CREATE TABLE trial (
    id      text PRIMARY KEY,
    state   text NOT NULL CHECK (state IN (
        'asked', 'running', 'shadowing', 'watching', 'done', 'broken', 'failed', 'ended'
    )),
    asked   text NOT NULL,
    by_whom text NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    facts   bigint NOT NULL DEFAULT 0,
    of      bigint NOT NULL DEFAULT 0,
    report  text NOT NULL DEFAULT '',
    fault   text NOT NULL DEFAULT ''
);

CREATE TABLE party_key (
    party   text PRIMARY KEY,
    key_id  text NOT NULL,
    wrapped bytea NOT NULL
);
"""

GRANTS = """
DO $$
DECLARE relay text := regexp_replace(current_schema(), '_rebuilt$', '') || '_relay';
BEGIN
    EXECUTE format('GRANT SELECT ON event, outbox TO %I', relay);
    EXECUTE format('GRANT DELETE ON outbox TO %I', relay);
END $$;
"""

DOMAIN_TABLES = ("entity", "part", "alias", "event", "archive")
"""What a rebuild must reproduce; the rest is delivery and comes from the log's ends."""


def create_kit_tables(op: Any) -> None:
    """Make the kit's tables in the migrating role's schema, and let the relay at its two."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    op.execute(GRANTS)
