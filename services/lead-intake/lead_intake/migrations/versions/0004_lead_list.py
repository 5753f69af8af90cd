"""What lists and counts of leads are read from: a narrow row for each, kept by the store itself.

A row mirrors the state it stands in, in the same transaction; it is written only where a value that
lists filter by has changed, and can be made anew from the states at any time.
"""

from alembic import op

revision = "lead_intake_0004"
down_revision = "lead_intake_0003"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE lead (
    lead_id     text PRIMARY KEY,
    customer_id text NOT NULL,
    stage       text NOT NULL,
    grade       text NOT NULL,
    kind        text NOT NULL,
    channel     text NOT NULL,
    campaign    text NOT NULL,
    product     text NOT NULL,
    unmatched   text NOT NULL,
    source      text NOT NULL,
    holder      text NOT NULL,
    class       text NOT NULL,
    industry    text NOT NULL,
    size        text NOT NULL,
    region      text NOT NULL,
    tags        jsonb
)
"""
INDEXES = (
    "CREATE INDEX lead_customer ON lead (customer_id)",
    "CREATE INDEX lead_holder ON lead (holder, lead_id) WHERE holder <> ''",
    "CREATE INDEX lead_stage ON lead (stage, lead_id) WHERE stage <> 'nurture'",
    "CREATE INDEX lead_tags ON lead USING gin (tags) WHERE tags IS NOT NULL",
)
MIRROR = """
CREATE FUNCTION mirror_leads() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told jsonb := coalesce(NEW.state->'attributes', '{}'::jsonb);
BEGIN
    IF TG_OP = 'UPDATE' AND EXISTS (
        SELECT FROM jsonb_object_keys(OLD.state->'leads') AS one
        WHERE NOT coalesce(NEW.state->'leads', '{}'::jsonb) ? one
    ) THEN
        DELETE FROM lead
        WHERE customer_id = NEW.key AND NOT coalesce(NEW.state->'leads', '{}'::jsonb) ? lead_id;
    END IF;
    INSERT INTO lead
    SELECT one.key, NEW.key,
           coalesce(it->>'stage', 'nurture'), coalesce(it->>'grade', '1A'),
           coalesce(it->>'kind', 'new'), coalesce(it->>'channel', ''),
           coalesce(it->'touches'->0->>'campaign', ''), coalesce(it->>'product', ''),
           coalesce(it->>'unmatched', ''), coalesce(it->>'source', ''),
           CASE WHEN it->>'stage' = 'held' THEN it->'holdings'->-1->>'person' ELSE '' END,
           coalesce(told->>'class', ''), coalesce(told->>'industry', ''),
           coalesce(told->>'size', ''), coalesce(told->>'region', ''), it->'tags'
    FROM jsonb_each(NEW.state->'leads') AS one(key, it)
    ON CONFLICT (lead_id) DO UPDATE SET
        customer_id = excluded.customer_id, stage = excluded.stage, grade = excluded.grade,
        product = excluded.product, holder = excluded.holder, class = excluded.class,
        industry = excluded.industry, size = excluded.size, region = excluded.region,
        tags = excluded.tags
    WHERE (lead.customer_id, lead.stage, lead.grade, lead.product, lead.holder, lead.class,
           lead.industry, lead.size, lead.region, lead.tags)
        IS DISTINCT FROM
          (excluded.customer_id, excluded.stage, excluded.grade, excluded.product, excluded.holder,
           excluded.class, excluded.industry, excluded.size, excluded.region, excluded.tags);
    RETURN NULL;
END $$
"""
TRIGGERS = (
    "CREATE TRIGGER lead_made AFTER INSERT ON entity FOR EACH ROW"
    " WHEN (NEW.subject = 'customer' AND NEW.state ? 'leads') EXECUTE FUNCTION mirror_leads()",
    "CREATE TRIGGER lead_moved AFTER UPDATE OF state ON entity FOR EACH ROW"
    " WHEN (NEW.subject = 'customer' AND (NEW.state ? 'leads' OR OLD.state ? 'leads')"
    " AND (NEW.state->'leads' IS DISTINCT FROM OLD.state->'leads'"
    " OR NEW.state->'attributes' IS DISTINCT FROM OLD.state->'attributes'))"
    " EXECUTE FUNCTION mirror_leads()",
)


def upgrade() -> None:
    op.execute(TABLE)
    for statement in (*INDEXES, MIRROR, *TRIGGERS):
        op.execute(statement)
