-- name: write_event
-- An event of the caller's transaction.
INSERT INTO webhooks_event (id, workspace_id, type, schema_version, payload, chatbot_id, object_id, created_at, occurred_at)
VALUES (%(id)s, %(workspace_id)s, %(type)s, %(schema_version)s, %(payload)s, %(chatbot_id)s, %(object_id)s, now(), now())
