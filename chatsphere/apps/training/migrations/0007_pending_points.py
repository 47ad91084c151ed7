"""A place to note what Qdrant must be told, and a trigger that notes every chatbot that goes for good, whichever way it goes.

Without Qdrant the table gets one small row a removed chatbot.
"""

from django.db import migrations, models

TRIGGER = """
CREATE FUNCTION training_note_removed_chatbot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO training_pendingpoint (workspace_id, chatbot_id) VALUES (OLD.workspace_id, OLD.id);
  RETURN NULL;
END $$;
CREATE TRIGGER chatbots_chatbot_points AFTER DELETE ON chatbots_chatbot
FOR EACH ROW EXECUTE FUNCTION training_note_removed_chatbot();
"""


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [("training", "0006_count_stored_bytes")]

    operations = [
        migrations.CreateModel(
            name="PendingPoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("workspace_id", models.UUIDField()),
                ("chatbot_id", models.UUIDField()),
                ("chunk_id", models.UUIDField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["chatbot_id", "id"], name="training_pendingpoint_waiting")],
            },
        ),
        migrations.RunSQL(
            TRIGGER,
            "DROP TRIGGER chatbots_chatbot_points ON chatbots_chatbot; DROP FUNCTION training_note_removed_chatbot();",
        ),
    ]
