"""What PostgreSQL's own statistics say about tables that need vacuum, as sentences for the operator."""

from __future__ import annotations

from typing import Any, Final, cast

from django.db import connection

from chatsphere.services.sql import statements

DEAD_ROWS: Final = 50_000  # below that a table is not worth a word
OPEN_SECONDS: Final = 600.0
OLD_AGE: Final = 1_000_000_000  # half of what there is; autovacuum begins to freeze at 200 million
_SQL: Final = statements("chatsphere.core")


def vacuum_hints(*, dead_rows: int = DEAD_ROWS, open_seconds: float = OPEN_SECONDS) -> list[str]:
    """One sentence a finding, worst first, each with what to do; empty when all is well.

    Three reads of the statistics views, a few milliseconds; nothing is locked. The figures are PostgreSQL's estimates
    (https://www.postgresql.org/docs/current/routine-vacuuming.html).
    """
    return [*_holders(open_seconds), *_tables(dead_rows), *_age()]


def _tables(dead_rows: int) -> list[str]:
    hints = []
    for table in _rows("tables_to_vacuum", {"dead": dead_rows}):
        if table["dead"] > dead_rows:
            hints.append(
                f"{table['name']} has {table['dead']:,} dead rows beside {table['live']:,} live ones"
                f" (last autovacuum: {table['last_autovacuum'] or 'never'}): run VACUUM (ANALYZE) {table['name']},"
                " and lower autovacuum_vacuum_scale_factor for it when this comes back."
            )
        else:
            hints.append(
                f"{table['name']} was never analysed: run ANALYZE {table['name']}, and see that autovacuum is on."
            )
    return hints


def _holders(open_seconds: float) -> list[str]:
    return [
        f"{holder['name']} keeps dead rows from being removed"
        + (
            f": it has been open for {holder['seconds']:.0f} s. End it."
            if holder["seconds"]
            else ": nobody reads it. Drop it."
        )
        for holder in _rows("holders_of_vacuum", {"seconds": open_seconds})
    ]


def _age() -> list[str]:
    (row,) = _rows("age_of_transaction_ids", {})
    if row["age"] < OLD_AGE:
        return []
    return [
        f"{row['age']:,} transactions since rows were last frozen: run VACUUM (FREEZE) before 2,000,000,000, or PostgreSQL stops writing."
    ]


def _rows(name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_SQL[name], parameters)
        columns = [column[0] for column in cast(Any, cursor.description)]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
