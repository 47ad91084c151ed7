"""Every example of the guide is run against a platform, as a reader would: page by page, from top to bottom."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.conftest import Account, Platform, clean_environment

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted([DOCS / "quick-start.md", *(DOCS / "guide").glob("*.md")])
BLOCK = re.compile(
    r"(?P<skipped><!-- not run: [^>]+-->\n)?```(?P<language>bash|python|javascript)\n(?P<code>.*?)```\n"
    r"(?P<shown>(?:<!-- shows: .+? -->\n)*)",
    re.DOTALL,
)
RUNNER = {"python": f"'{sys.executable}' -", "javascript": "node --input-type=module -"}
RETURNS = "Goods can be returned within 30 days of delivery. Refunds arrive within 5 working days."
FIELD = """field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }"""


@dataclass(frozen=True)
class Example:
    """A block of a page, and what it must print."""

    language: str
    code: str
    shows: tuple[str, ...]

    def script(self) -> str:
        if self.language == "bash":
            return self.code
        return f"{RUNNER[self.language]} <<'END_OF_EXAMPLE'\n{self.code}\nEND_OF_EXAMPLE\n"


def examples_of(page: Path) -> list[Example]:
    found = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if not block["skipped"]:
            shows = tuple(re.findall(r"<!-- shows: (.+?) -->", block["shown"]))
            found.append(Example(block["language"], block["code"], shows))
    return found


def printed_by(examples: list[Example], url: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """What each example printed, run in one shell that stops at the first failure."""
    mark = f"example-{secrets.token_hex(4)}"
    script = "\n".join(
        ["set -euo pipefail", FIELD, *(f"{example.script()}\necho; echo {mark}" for example in examples)]
    )
    ran = subprocess.run(
        ["bash", "-c", script.replace("http://localhost:8000", url)],
        cwd=folder,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    outputs = ran.stdout.split(f"{mark}\n")
    assert ran.returncode == 0, f"example {len(outputs)} failed:\n{outputs[-1][-2000:]}\n{ran.stderr[-2000:]}"
    return outputs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_work_as_they_stand(
    page: Path, platform: Platform, account: Account, tmp_path: Path
) -> None:
    examples = [example for example in examples_of(page) if example.language != "javascript" or shutil.which("node")]
    assert examples, "a page of the guide has at least one example"
    account.wait(account.add_text("Returns", RETURNS))
    environment = {
        "CHATSPHERE_URL": platform.url,
        "CHATSPHERE_TOKEN": account.token,
        "CHATSPHERE_KEY": account.secret_key(),
        "CHATBOT": account.chatbot["id"],
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    outputs = printed_by(examples, platform.url, tmp_path, environment)
    for example, output in zip(examples, outputs, strict=False):
        for text in example.shows:
            assert text in output, f"{text!r} is not in what this printed:\n{example.code}\n{output[-2000:]}"
