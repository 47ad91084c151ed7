"""The bytes of sources are counted where they are written: the workspace's counter follows every insert, change and deletion of a source.

A trigger, because sources also go when a chatbot or a workspace goes, and because whoever adds bytes holds the counter until the end of
the transaction: two that add at once are counted one after the other (``quota.require_room``).
"""

from django.db import migrations

COUNT = """
CREATE FUNCTION training_count_bytes(workspace uuid, delta bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF delta > 0 THEN
        INSERT INTO users_quotacounter AS c (id, workspace_id, metric, period, used, reserved, warned, created_at)
        VALUES (gen_random_uuid(), workspace, 'storage', DATE '2000-01-01', delta, 0, 0, now())
        ON CONFLICT (workspace_id, metric, period) DO UPDATE SET used = c.used + excluded.used;
    ELSIF delta < 0 THEN
        UPDATE users_quotacounter SET used = GREATEST(0, used + delta)
        WHERE workspace_id = workspace AND metric = 'storage' AND period = DATE '2000-01-01';
    END IF;
END $$;
"""
SEVERAL = """
CREATE FUNCTION training_count_bytes_of_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM training_count_bytes(s.workspace_id, s.bytes * CASE WHEN TG_OP = 'INSERT' THEN 1 ELSE -1 END)
    FROM (SELECT workspace_id, sum(bytes)::bigint AS bytes FROM touched GROUP BY workspace_id ORDER BY workspace_id) s;
    RETURN NULL;
END $$;
"""
ONE = """
CREATE FUNCTION training_count_changed_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM training_count_bytes(NEW.workspace_id, NEW.bytes - OLD.bytes);
    RETURN NULL;
END $$;
"""
INSERTED = """
CREATE TRIGGER training_trainingsource_bytes_added AFTER INSERT ON training_trainingsource
REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION training_count_bytes_of_rows();
"""
DELETED = """
CREATE TRIGGER training_trainingsource_bytes_gone AFTER DELETE ON training_trainingsource
REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION training_count_bytes_of_rows();
"""
CHANGED = """
CREATE TRIGGER training_trainingsource_bytes_changed AFTER UPDATE OF bytes ON training_trainingsource
FOR EACH ROW WHEN (OLD.bytes IS DISTINCT FROM NEW.bytes) EXECUTE FUNCTION training_count_changed_bytes();
"""
# A text or a list of questions that was not read yet had no size.
UNREAD = """
UPDATE training_trainingsource SET bytes = octet_length(options ->> 'content')
WHERE source_type = 'text' AND bytes = 0 AND options ? 'content';
"""
PRESENT = """
INSERT INTO users_quotacounter AS c (id, workspace_id, metric, period, used, reserved, warned, created_at)
SELECT gen_random_uuid(), workspace_id, 'storage', DATE '2000-01-01', sum(bytes), 0, 0, now()
FROM training_trainingsource GROUP BY workspace_id
ON CONFLICT (workspace_id, metric, period) DO UPDATE SET used = excluded.used;
"""


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [("training", "0005_catalog_triggers"), ("users", "0006_file_keys")]

    operations = [
        migrations.RunSQL(UNREAD, migrations.RunSQL.noop),
        migrations.RunSQL(PRESENT, migrations.RunSQL.noop),
        migrations.RunSQL(COUNT, "DROP FUNCTION training_count_bytes(uuid, bigint)"),
        migrations.RunSQL(SEVERAL, "DROP FUNCTION training_count_bytes_of_rows()"),
        migrations.RunSQL(ONE, "DROP FUNCTION training_count_changed_bytes()"),
        migrations.RunSQL(INSERTED, "DROP TRIGGER training_trainingsource_bytes_added ON training_trainingsource"),
        migrations.RunSQL(DELETED, "DROP TRIGGER training_trainingsource_bytes_gone ON training_trainingsource"),
        migrations.RunSQL(CHANGED, "DROP TRIGGER training_trainingsource_bytes_changed ON training_trainingsource"),
    ]
