"""The file of named SQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chatsphere.services.vector_store import queries

SQL = Path(queries.__file__).with_name("queries.sql").read_text(encoding="utf-8")


def test_each_statement_says_what_it_is_for() -> None:
    assert re.findall(r"^-- name: (\w+)\n(?!-- \S)", SQL, re.MULTILINE) == []


@pytest.mark.parametrize(
    "name",
    sorted(
        set(queries.statements())
        - {"lock_statistics", "hold_index", "outgrown_chatbots", "merge_words", "chatbots_with_pending_points"}
    ),
)
def test_each_statement_names_its_workspace_and_chatbot(name: str) -> None:
    assert "%(workspace)s" in queries.query(name)
    assert "%(chatbot)s" in queries.query(name)


def test_parameters_are_numbered_in_the_order_of_their_names() -> None:
    text, names = queries.positional("search")
    assert names[:2] == ("document_ids", "exact_chunks")
    assert b"%(" not in text
    workspace = names.index("workspace") + 1
    assert text.count(b"$%d::uuid" % workspace) == queries.query("search").count("%(workspace)s::uuid")
    assert re.sub(
        rb"\$(\d+)", lambda found: f"%({names[int(found[1]) - 1]})s".encode(), text
    ).decode() == queries.query("search")


def test_comments_do_not_travel() -> None:
    assert not any("--" in statement for statement in queries.statements().values())


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        queries.query("nothing")
