"""The plans to start with, and the database's refusal to change the audit trail and the usage ledger."""

from django.db import migrations

PLANS = (
    # code, name, messages a month, tokens a month, storage, chatbots, messages a chatbot and day
    ("free", "Free", 1_000, 5_000_000, 500_000_000, 3, 500),
    ("pro", "Pro", 50_000, 250_000_000, 20_000_000_000, 50, None),
    ("enterprise", "Enterprise", None, None, None, None, None),
)

REFUSE_CHANGES = """
CREATE FUNCTION users_auditevent_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER users_auditevent_append_only BEFORE UPDATE OR DELETE ON users_auditevent
    FOR EACH ROW EXECUTE FUNCTION users_auditevent_refuse();
CREATE TRIGGER users_auditevent_no_truncate BEFORE TRUNCATE ON users_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION users_auditevent_refuse();
"""

ALLOW_CHANGES = """
DROP TRIGGER users_auditevent_no_truncate ON users_auditevent;
DROP TRIGGER users_auditevent_append_only ON users_auditevent;
DROP FUNCTION users_auditevent_refuse();
"""

REFUSE_LEDGER_CHANGES = """
CREATE FUNCTION users_usagerecord_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the usage ledger is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER users_usagerecord_append_only BEFORE UPDATE ON users_usagerecord
    FOR EACH ROW EXECUTE FUNCTION users_usagerecord_refuse();
"""
ALLOW_LEDGER_CHANGES = """
DROP TRIGGER users_usagerecord_append_only ON users_usagerecord;
DROP FUNCTION users_usagerecord_refuse();
"""


def add_plans(apps, schema_editor):
    plan = apps.get_model("users", "Plan")
    for code, name, messages, tokens, storage, chatbots, per_day in PLANS:
        plan.objects.create(
            code=code,
            name=name,
            messages_per_month=messages,
            tokens_per_month=tokens,
            storage_bytes=storage,
            chatbots=chatbots,
            messages_per_chatbot_per_day=per_day,
            is_default=code == "free",
        )


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [("users", "0001_initial")]

    operations = [
        migrations.RunPython(add_plans, migrations.RunPython.noop),
        migrations.RunSQL(REFUSE_CHANGES, ALLOW_CHANGES),
        migrations.RunSQL(REFUSE_LEDGER_CHANGES, ALLOW_LEDGER_CHANGES),
    ]
