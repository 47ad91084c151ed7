"""Signs that a web page is not what its owner takes it for: its text comes by script, or it is an error in the clothes of a page."""

from __future__ import annotations

import re
from typing import Any, Final

Element = Any

BY_SCRIPT: Final = "This page shows its text by scripts, which are not run, so little or nothing of it was read. Add the text in another way."
NOT_FOUND: Final = (
    "This page says that there is nothing at its address, although its server answered with success. Check the address."
)
LITTLE: Final = 300  # characters of text; more is a page, whatever its scripts add
SHORT: Final = 500  # characters of an error page, with what stands around it
_MUCH_SCRIPT: Final = 2_000  # characters of a page's own script
_ROOTS: Final = frozenset({"root", "app", "__next", "__nuxt", "___gatsby", "svelte", "app-root", "main-app", "q-app"})
_LOST = re.compile(
    r"\b404\b|\b(?:page|site|file|document|seite|página|pagina)\W+(?:was\W+|could\W+)?"
    r"(?:not\W+(?:be\W+)?found|nicht\W+gefunden|introuvable|no\W+encontrada|não\W+encontrada|non\W+trovata|niet\W+gevonden)"
    r"|\A\W*(?:not\W+found|nicht\W+gefunden|introuvable)\W*\Z",
    re.IGNORECASE,
)


def is_written_by_script(tree: Element) -> bool:
    """Whether the page has much script of its own, or an empty place in which a script builds the page. Little text then means that
    most was not read."""
    scripts = [each for each in tree.iter("script") if "json" not in (each.get("type") or "")]
    is_much = sum(len(each.text or "") for each in scripts) > _MUCH_SCRIPT
    return bool(scripts) and (is_much or _has_empty_root(tree))


def _has_empty_root(tree: Element) -> bool:
    """An element in which a framework builds its page."""
    named = (
        each for each in tree.iter() if isinstance(each.tag, str) and (each.get("id") in _ROOTS or each.tag in _ROOTS)
    )
    return any(not each.text_content().strip() for each in named)


def names_no_page(tree: Element, title: str) -> bool:
    """Whether the title or a heading says that there is nothing at this address. In a short page that is all it says."""
    headings = [each.text_content() for each in tree.iter("h1", "h2")]
    return any(_LOST.search(" ".join(each.split())) for each in (title, *headings))
