"""Empties the database behind a test that commits, in a fraction of the time that TRUNCATE of all tables takes.

Most tests write into ten of some eighty tables, and TRUNCATE makes new files for every table and index. So only tables with rows are
emptied, by DELETE, the ones that refer to others first. What the migrations wrote stays or is put back from a copy.
"""

from __future__ import annotations

from django.db import connection

STAYING = ("django_content_type", "auth_permission")
RESTORED = ("users_plan",)

# Tables with a trigger that refuses DELETE are truncated; nobody refers to them. Triggers may write into tables that were empty
# already, so it goes round until nothing is left.
EMPTY = """
DO $$
DECLARE
    name text;
    is_left boolean;
BEGIN
    FOR round IN 1..4 LOOP
        is_left := false;
        FOREACH name IN ARRAY %(truncated)s::text[] LOOP
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM %%I)', name) INTO is_left;
            IF is_left THEN EXECUTE format('TRUNCATE %%I', name); END IF;
        END LOOP;
        is_left := false;
        FOREACH name IN ARRAY %(deleted)s::text[] LOOP
            DECLARE has_rows boolean;
            BEGIN
                EXECUTE format('SELECT EXISTS (SELECT 1 FROM %%I)', name) INTO has_rows;
                IF has_rows THEN
                    EXECUTE format('DELETE FROM %%I', name);
                    is_left := true;
                END IF;
            END;
        END LOOP;
        EXIT WHEN NOT is_left;
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    %(restored)s
END
$$
"""
REFERENCES = """
SELECT DISTINCT child.relname, parent.relname
  FROM pg_constraint AS bond
  JOIN pg_class AS child ON child.oid = bond.conrelid
  JOIN pg_class AS parent ON parent.oid = bond.confrelid
 WHERE bond.contype = 'f' AND child.oid <> parent.oid
"""
REFUSING = """
SELECT DISTINCT relation.relname
  FROM pg_trigger AS guard
  JOIN pg_class AS relation ON relation.oid = guard.tgrelid
 WHERE NOT guard.tgisinternal AND guard.tgname LIKE '%append_only%'
"""


def prepare() -> None:
    """Copy the rows to put back, and have Django's flush empty tables this way. Once a session, after the migrations."""
    with connection.cursor() as cursor:
        for table in RESTORED:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS tests_{table} AS TABLE {table}")
        cursor.execute(REFERENCES)
        bonds = {(child, parent) for child, parent in cursor.fetchall()}
        cursor.execute(REFUSING)
        refusing = [name for (name,) in cursor.fetchall()]
    tables = list(connection.introspection.django_table_names(only_existing=True, include_views=False))
    deleted = _children_first([name for name in tables if name not in (*STAYING, *refusing)], bonds)
    statement = EMPTY % {
        "truncated": _array(refusing),
        "deleted": _array(deleted),
        "restored": "".join(f"INSERT INTO {table} SELECT * FROM tests_{table};" for table in RESTORED),
    }
    connection.ops.sql_flush = lambda *_args, **_options: [statement]  # type: ignore[method-assign]
    connection._test_serialized_contents = "[]"  # type: ignore[attr-defined]  # nothing more to put back


def _children_first(tables: list[str], bonds: set[tuple[str, str]]) -> list[str]:
    order: list[str] = []
    waiting = list(tables)
    while waiting:
        free = [name for name in waiting if not any(parent == name and child in waiting for child, parent in bonds)]
        free = free or waiting[:1]  # a circle; its bonds are deferred
        order += free
        waiting = [name for name in waiting if name not in free]
    return order


def _array(names: list[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{name}'" for name in names) + "]::text[]" if names else "'{}'::text[]"
