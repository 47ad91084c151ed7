"""A column for chatbots, as a migration before a deploy brings one."""

from django.db import migrations


class Migration(migrations.Migration):
    deploy = "before"
    dependencies = [("chatbots", "0004_budgets")]
    operations = [migrations.RunSQL("ALTER TABLE chatbots_chatbot ADD COLUMN next_note text NOT NULL DEFAULT ''")]
