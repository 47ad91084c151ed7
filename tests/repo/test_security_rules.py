"""The page of security rules names tests that exist, and two rules that only the source text can show."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operations" / "security-rules.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
# Modules that open connections by themselves; what leaves the machine for a customer goes through services.content.fetch.
WAYS_OUT = {
    "httpx",
    "httpx2",
    "requests",
    "aiohttp",
    "urllib3",
    "http.client",
    "urllib.request",
    "ftplib",
    "smtplib",
    "telnetlib",
}
DANGEROUS_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "jsonpickle"}
DANGEROUS_CALLS = {"eval", "exec", "compile", "__import__"}


def _rules() -> list[str]:
    return [
        line
        for line in PAGE.read_text().splitlines()
        if line.startswith("|") and not line.startswith(("|---", "| rule"))
    ]


def _sources(folder: str = "chatsphere") -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_each_rule_has_a_test() -> None:
    assert len(_rules()) > 40
    assert [line for line in _rules() if not NAMED.search(line)] == []


@pytest.mark.parametrize("file", sorted({file for file, _name in NAMED.findall(PAGE.read_text())}))
def test_the_tests_that_are_named_exist(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    there = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}

    assert {name for named, name in NAMED.findall(PAGE.read_text()) if named == file} <= there


def test_no_app_has_a_way_out_of_its_own() -> None:
    found = {
        f"{path}: {name}"
        for folder in ("chatsphere/apps", "chatsphere/services/content", "chatsphere/core")
        for path, tree in _sources(folder)
        for name in _imported(tree) & WAYS_OUT
    }

    # Addresses are compared with httpx2's reading of them; of smtplib only the name of an error is used.
    assert found == {
        "chatsphere/services/content/addresses.py: httpx2",
        "chatsphere/apps/users/mail.py: smtplib",
        "chatsphere/apps/analytics/digest.py: smtplib",
    }


def test_nothing_is_unpickled_or_evaluated() -> None:
    found = set()
    for path, tree in _sources():
        found |= {f"{path}: {name}" for name in _imported(tree) & DANGEROUS_MODULES}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DANGEROUS_CALLS:
                found.add(f"{path}: {node.func.id}")

    assert found == set()


def test_work_carries_json(settings: Any) -> None:
    assert (settings.CELERY_TASK_SERIALIZER, settings.CELERY_ACCEPT_CONTENT) == ("json", ["json"])
