"""Writes docs/configuration.md from what the settings read. `--check` fails when the file differs."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
HEAD = """# Configuration

Every value comes from the environment. `NAME_FILE=/path` reads the value of `NAME` from a file, as secret stores mount them.
A bad value stops the start with the names of all variables that are wrong. `CHATSPHERE_ENV` chooses the settings module:
`development` (the default), `test` or `production`; `chatsphere up` runs production with secrets that it makes once and keeps in the data directory.

This page is made by `tools/document_settings.py`; a test compares it with the settings.

| variable | kind | default | what it is for |
|---|---|---|---|
"""


def render() -> str:
    """The page, with one row a variable in the order in which settings read them."""
    os.environ.setdefault("CHATSPHERE_DATA_DIR", ".chatsphere")
    module = importlib.import_module("chatsphere.config.settings.development")
    rows = []
    for variable in module.env.variables.values():
        default = (
            "*(a development value; production needs its own)*"
            if variable.is_secret and variable.default
            else f"`{variable.default}`"
        )
        text = variable.help.replace("|", "\\|")
        rows.append(f"| `{variable.name}` | {variable.kind} | {default if variable.default else ''} | {text} |\n")
    return HEAD + "".join(rows)


def main() -> int:
    page = render()
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") == page:
            return 0
        print("docs/configuration.md differs from the settings: run tools/document_settings.py")
        return 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
