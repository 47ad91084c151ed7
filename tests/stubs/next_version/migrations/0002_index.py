"""An index of a table that is being written to."""

from django.db import migrations


class Migration(migrations.Migration):
    deploy = "before"
    atomic = False
    dependencies = [("next_version", "0001_column")]
    operations = [migrations.RunSQL("CREATE INDEX CONCURRENTLY next_note_index ON chatbots_chatbot (next_note)")]
