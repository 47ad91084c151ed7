"""Triggers that note what must be summed again, in the transaction that changes it."""

from django.db import migrations

LEDGER = """
CREATE FUNCTION analytics_note_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_change (workspace_id, at, message_id) SELECT workspace_id, occurred_at, message_id FROM changed;
    RETURN NULL;
END $$;
CREATE TRIGGER analytics_usage_added AFTER INSERT ON users_usagerecord
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_usage();
CREATE TRIGGER analytics_usage_changed AFTER UPDATE ON users_usagerecord
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_usage();
CREATE TRIGGER analytics_usage_removed AFTER DELETE ON users_usagerecord
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_usage();
"""
NO_LEDGER = """
DROP TRIGGER analytics_usage_added ON users_usagerecord;
DROP TRIGGER analytics_usage_changed ON users_usagerecord;
DROP TRIGGER analytics_usage_removed ON users_usagerecord;
DROP FUNCTION analytics_note_usage();
"""

FEEDBACK = """
CREATE FUNCTION analytics_note_feedback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_change (workspace_id, at, message_id)
    SELECT u.workspace_id, u.occurred_at, u.message_id
    FROM changed JOIN users_usagerecord u
        ON u.workspace_id = changed.workspace_id AND u.request_key = 'chat:' || changed.message_id;
    RETURN NULL;
END $$;
CREATE TRIGGER analytics_feedback_added AFTER INSERT ON conversations_feedback
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_feedback();
CREATE TRIGGER analytics_feedback_changed AFTER UPDATE ON conversations_feedback
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_feedback();
CREATE TRIGGER analytics_feedback_removed AFTER DELETE ON conversations_feedback
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_feedback();
"""
NO_FEEDBACK = """
DROP TRIGGER analytics_feedback_added ON conversations_feedback;
DROP TRIGGER analytics_feedback_changed ON conversations_feedback;
DROP TRIGGER analytics_feedback_removed ON conversations_feedback;
DROP FUNCTION analytics_note_feedback();
"""

CONVERSATIONS = """
CREATE FUNCTION analytics_note_conversations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_change (workspace_id, at) SELECT workspace_id, created_at FROM changed;
    RETURN NULL;
END $$;
CREATE TRIGGER analytics_conversation_added AFTER INSERT ON conversations_conversation
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_conversations();
CREATE TRIGGER analytics_conversation_removed AFTER DELETE ON conversations_conversation
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_conversations();

CREATE FUNCTION analytics_note_handoff() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_change (workspace_id, at, message_id)
    SELECT NEW.workspace_id, NEW.created_at, last.id
    FROM (SELECT id FROM conversations_message WHERE conversation_id = NEW.id AND role = 'assistant' ORDER BY id DESC LIMIT 1) AS last;
    RETURN NULL;
END $$;
CREATE TRIGGER analytics_conversation_handed_off AFTER UPDATE ON conversations_conversation
    FOR EACH ROW WHEN (NEW.state = 'handoff' AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION analytics_note_handoff();
"""
NO_CONVERSATIONS = """
DROP TRIGGER analytics_conversation_added ON conversations_conversation;
DROP TRIGGER analytics_conversation_removed ON conversations_conversation;
DROP TRIGGER analytics_conversation_handed_off ON conversations_conversation;
DROP FUNCTION analytics_note_conversations();
DROP FUNCTION analytics_note_handoff();
"""

INBOX = """
CREATE FUNCTION analytics_note_question() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE analytics_questioncluster SET is_stale = true
    WHERE id IN (SELECT cluster_id FROM changed WHERE cluster_id IS NOT NULL) AND NOT is_stale;
    RETURN NULL;
END $$;
CREATE TRIGGER analytics_question_removed AFTER DELETE ON analytics_unansweredquestion
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_note_question();
"""
NO_INBOX = """
DROP TRIGGER analytics_question_removed ON analytics_unansweredquestion;
DROP FUNCTION analytics_note_question();
"""

# What was there before this app was.
BEFORE = """
INSERT INTO analytics_change (workspace_id, at, message_id) SELECT workspace_id, occurred_at, message_id FROM users_usagerecord;
INSERT INTO analytics_change (workspace_id, at) SELECT workspace_id, created_at FROM conversations_conversation;
"""


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [
        ("analytics", "0001_initial"),
        ("conversations", "0001_initial"),
        ("users", "0002_plans_and_append_only"),
    ]

    operations = [
        migrations.RunSQL(LEDGER, NO_LEDGER),
        migrations.RunSQL(FEEDBACK, NO_FEEDBACK),
        migrations.RunSQL(CONVERSATIONS, NO_CONVERSATIONS),
        migrations.RunSQL(INBOX, NO_INBOX),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
    ]
