"""Several statements as one: all of them stand, or none."""

from __future__ import annotations

import pytest

from chatsphere.core.async_database import autocommit
from chatsphere.core.together import Part, _joined, _split, execute_together

pytestmark = [pytest.mark.django_db(transaction=True)]

FIRST = "UPDATE together_first SET said = %(text)s WHERE id = %(id)s RETURNING id"
LISTED = """
WITH gone AS (DELETE FROM together_second WHERE id = %(id)s RETURNING note), -- a (comment
     named (note) AS MATERIALIZED (SELECT note || %(text)s FROM gone)
INSERT INTO together_second (id, note) SELECT %(id)s + 1, note FROM named
"""


async def _tables() -> None:
    async with autocommit() as connection:
        await connection.execute("DROP TABLE IF EXISTS together_first, together_second")
        await connection.execute("CREATE TABLE together_first (id int PRIMARY KEY, said text)")
        await connection.execute("CREATE TABLE together_second (id int PRIMARY KEY, note text)")
        await connection.execute("INSERT INTO together_first VALUES (1, '')")
        await connection.execute("INSERT INTO together_second VALUES (7, 'a')")


async def _rows() -> list[list[object]]:
    async with autocommit() as connection:
        first = await (await connection.execute("SELECT said FROM together_first")).fetchall()
        second = await (await connection.execute("SELECT id, note FROM together_second ORDER BY id")).fetchall()
        return [list(row.values()) for row in [*first, *second]]


async def _run(row: int) -> bool:
    first, second = Part(FIRST, {"id": row, "text": "x"}), Part(LISTED, {"id": 7, "text": "b"})
    async with autocommit() as connection:
        return await execute_together(
            connection, first, second, Part("INSERT INTO together_second VALUES (%(id)s, 'c')", {"id": 9})
        )


async def test_all_are_done_at_once_each_with_its_own_parameters() -> None:
    await _tables()
    assert await _run(1)
    assert await _rows() == [["x"], [8, "ab"], [9, "c"]]


async def test_without_a_row_of_the_first_nothing_stands_and_the_connection_goes_on() -> None:
    await _tables()
    assert not await _run(2)
    assert await _rows() == [[""], [7, "a"]]


def test_statements_are_taken_apart_once() -> None:
    assert _split("SELECT (1)") == ("", "SELECT (1)")
    assert _split("WITH a AS (SELECT ')'||'('), b (x) AS (SELECT 1) SELECT (2)")[1] == "SELECT (2)"
    with pytest.raises(ValueError, match="without a statement"):
        _split("WITH a AS (SELECT 1")
    text, places = _joined((FIRST, FIRST))
    assert text.count(b"$4") == 1
    assert places == [(0, "text"), (0, "id"), (1, "text"), (1, "id")]
