"""Keys that are bound to chatbots live in the users' room, which does not know this table: the foreign key is added here."""

from django.db import migrations

ADD = """
ALTER TABLE users_apikeychatbot ADD CONSTRAINT users_apikeychatbot_chatbot_same_workspace
    FOREIGN KEY (workspace_id, chatbot_id) REFERENCES chatbots_chatbot (workspace_id, id)
    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
"""
REMOVE = "ALTER TABLE users_apikeychatbot DROP CONSTRAINT users_apikeychatbot_chatbot_same_workspace"


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [("chatbots", "0001_initial"), ("users", "0002_plans_and_append_only")]

    operations = [migrations.RunSQL(ADD, REMOVE)]
