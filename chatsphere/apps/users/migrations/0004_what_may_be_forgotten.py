"""The trail stays append-only but for what a workspace's retention period has outlived; the ledger may forget whom a line was about."""

from django.db import migrations

TRAIL = """
CREATE OR REPLACE FUNCTION users_auditevent_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- Never younger than ninety days, whatever the workspace says: nobody covers up what they did this quarter.
        IF EXISTS (
            SELECT 1 FROM users_workspace w WHERE w.id = OLD.workspace_id AND w.keep_audit_days IS NOT NULL
              AND OLD.occurred_at < now() - make_interval(days => GREATEST(w.keep_audit_days, 90))
        ) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
"""
STRICT_TRAIL = """
CREATE OR REPLACE FUNCTION users_auditevent_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
"""
LEDGER = """
CREATE OR REPLACE FUNCTION users_usagerecord_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    people text[] := ARRAY['visitor_id', 'conversation_id', 'message_id'];
BEGIN
    -- Erasing a visitor empties who it was; what it cost stays.
    IF to_jsonb(NEW) - people = to_jsonb(OLD) - people
       AND NEW.visitor_id IS NULL AND NEW.conversation_id IS NULL AND NEW.message_id IS NULL THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the usage ledger is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
"""
STRICT_LEDGER = """
CREATE OR REPLACE FUNCTION users_usagerecord_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the usage ledger is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
"""


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [("users", "0003_second_factor_and_retention")]

    operations = [migrations.RunSQL(TRAIL, STRICT_TRAIL), migrations.RunSQL(LEDGER, STRICT_LEDGER)]
