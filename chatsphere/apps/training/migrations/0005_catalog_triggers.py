"""Whatever the reads of chatbots show raises the workspace's catalog_version, at the end of the transaction that changes it.

At the end: the row of the workspace is locked last and for a moment only, so no two writers wait for each other in a circle.
"""

from django.db import migrations

TRIGGER = """
CREATE CONSTRAINT TRIGGER {table}_catalog{suffix} AFTER {events} ON {table}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {condition} EXECUTE FUNCTION users_raise_catalog_version();
"""
SHOWN = ("name", "slug", "is_active", "configuration", "published_version_id", "updated_at", "deleted_at")
CHANGED = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in SHOWN)
TRIGGERS = (
    ("chatbots_chatbot", "", "INSERT OR DELETE", ""),
    ("chatbots_chatbot", "_changed", "UPDATE", f"WHEN ({CHANGED})"),
    ("chatbots_chatbotversion", "", "INSERT OR UPDATE OR DELETE", ""),
    ("training_trainingsource", "", "INSERT OR DELETE", ""),
)


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [
        ("training", "0004_search_in_large_chatbots"),
        ("chatbots", "0003_identity_secrets"),
        ("users", "0005_catalog_version"),
    ]

    operations = [
        migrations.RunSQL(
            TRIGGER.format(table=table, suffix=suffix, events=events, condition=condition),
            f"DROP TRIGGER {table}_catalog{suffix} ON {table}",
        )
        for table, suffix, events, condition in TRIGGERS
    ]
