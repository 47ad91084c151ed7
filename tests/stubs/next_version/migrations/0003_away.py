"""Takes the column away again, when nobody uses it any more."""

from django.db import migrations


class Migration(migrations.Migration):
    deploy = "after"
    dependencies = [("next_version", "0002_index")]
    operations = [migrations.RunSQL("ALTER TABLE chatbots_chatbot DROP COLUMN next_note")]
