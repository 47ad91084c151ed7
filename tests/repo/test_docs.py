"""Docs that cannot drift."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chatsphere.cli.demo import FAR_OFF

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "chatsphere"


def test_the_configuration_page_names_every_variable_that_settings_read() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "tools/document_settings.py", "--check"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_example_environment_names_only_known_variables() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    page += (ROOT / "compose.yaml").read_text(encoding="utf-8")
    names = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(names) > 5
    assert [name for name in names if name not in page] == []


def test_the_table_of_rooms_matches_the_folders() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(chatsphere/[\w/]+)/` \|", page, re.MULTILINE))
    rooms = {f"chatsphere/{p.name}" for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    apps = {f"chatsphere/apps/{p.name}" for p in (PACKAGE / "apps").iterdir() if (p / "__init__.py").exists()}
    assert named == (rooms - {"chatsphere/apps"}) | apps


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_command_of_the_makefile_is_listed_by_make() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert [name for name in phony.group(1).split() if f"make {name}" not in listed] == []


def test_the_demo_shows_an_honest_no() -> None:
    """The docs are what the demo trains on: a page that quotes its far-off question would answer it."""
    said = " ".join(page.read_text(encoding="utf-8").lower() for page in (ROOT / "docs").rglob("*.md"))
    words = re.findall(r"[a-z]{6,}", FAR_OFF.lower())
    assert len(words) >= 3
    assert [word for word in words if word in said] == []
