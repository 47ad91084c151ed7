"""docs/permissions.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chatsphere.apps.users.models import Membership
from chatsphere.apps.users.scopes import RIGHTS, SCOPES
from chatsphere.core.principal import ROLE_RANK
from chatsphere.core.rates import DEFAULTS

PAGE = (Path(__file__).parents[3] / "docs" / "permissions.md").read_text(encoding="utf-8")


def _rows(columns: int) -> list[tuple[str, ...]]:
    """The rows of the page's tables that have so many columns, without heads and rules."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip(" `") for cell in line.strip("|").split("|")) for line in lines]
    return [row for row in cells if len(row) == columns and row[0] not in ("right", "scope", "name")]


def test_the_page_shows_every_scope() -> None:
    assert dict(_rows(2)) == SCOPES


def test_the_page_shows_every_right_by_role() -> None:
    roles = list(ROLE_RANK)

    assert _rows(5) == [
        (what, *("yes" if ROLE_RANK[role] >= ROLE_RANK[least] else "no" for role in roles))
        for what, least, _method, _path in RIGHTS
    ]


def test_the_page_shows_every_limit() -> None:
    shown = {name: (int(limit), int(seconds)) for name, limit, seconds, _whom in _rows(4)}

    assert shown == DEFAULTS


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(ROLE_RANK))
@pytest.mark.parametrize(("what", "least", "method", "path"), RIGHTS)
def test_each_right_is_given_from_the_least_role_on(
    alice: Any, bob: Any, client_of: Any, role: str, what: str, least: str, method: str, path: str
) -> None:
    Membership.objects.filter(user=bob, workspace=alice.default_workspace).update(role=role)
    url = path.format(workspace=alice.default_workspace.pk, member=alice.pk)

    answer = client_of(bob).generic(method, url, b"{}", content_type="application/json")

    may = ROLE_RANK[role] >= ROLE_RANK[least]
    assert (answer.status_code == 403) is not may
    assert answer.status_code in (200, 204, 403, 422), what


def test_every_scope_that_a_view_asks_for_is_in_the_table() -> None:
    sources = Path(__file__).parents[3].joinpath("chatsphere").rglob("*.py")
    asked = {
        word for path in sources for word in re.findall(r"""^    scope = "(\w+)"$""", path.read_text(), re.MULTILINE)
    }

    assert "users" in asked
    assert {word for word in asked if not {word, f"{word}:read", f"{word}:write"} & set(SCOPES)} == set()
