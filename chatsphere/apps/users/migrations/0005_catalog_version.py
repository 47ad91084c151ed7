"""A number of a workspace that changes with its chatbots: the version under which reads of them are cached.

It is no field of the model: nothing but the triggers (training, ``0005_catalog_triggers``) ever writes it, so that a row that was read
before and is saved later cannot bring an old number back.
"""

from django.db import migrations

COLUMN = "ALTER TABLE users_workspace ADD COLUMN catalog_version bigint NOT NULL DEFAULT 0"
RAISE = """
CREATE FUNCTION users_raise_catalog_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The transaction's own number: never used before, and written once however many rows change.
    UPDATE users_workspace SET catalog_version = pg_current_xact_id()::text::bigint
    WHERE id = CASE WHEN TG_OP = 'DELETE' THEN OLD.workspace_id ELSE NEW.workspace_id END
      AND catalog_version <> pg_current_xact_id()::text::bigint;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [("users", "0004_what_may_be_forgotten")]

    operations = [
        migrations.RunSQL(COLUMN, "ALTER TABLE users_workspace DROP COLUMN catalog_version"),
        migrations.RunSQL(RAISE, "DROP FUNCTION users_raise_catalog_version()"),
    ]
