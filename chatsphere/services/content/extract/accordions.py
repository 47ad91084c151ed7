"""Questions of a page that stand on its buttons: heads of panels that open at a click.

``<h2><button>Which cards do you take?</button></h2><div>Visa only.</div>`` and its kin (WAI-ARIA's and Bootstrap's accordions, labels of
hidden checkboxes, definition lists, ``<details>``). What opens a panel of text becomes a heading, and the panel is text although it is closed.
Other buttons stay what they are, and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

Element = Any

_HEADS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"})
_PANELS: Final = frozenset({"div", "section", "article", "p", "ul", "ol", "dl", "dd"})
_NO_PLACE: Final = frozenset({"nav", "header", "footer", "form", "menu", "dialog", "table", "fieldset"})
_NO_ROLE: Final = frozenset(
    {"navigation", "menubar", "menu", "toolbar", "tablist", "search", "banner", "contentinfo", "dialog"}
)
_NAMED = re.compile(r"accordion|faq|collaps|toggle|expand|question|disclosure", re.IGNORECASE)
_CLOSED = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:max-)?height\s*:\s*0|opacity\s*:\s*0", re.IGNORECASE
)
_LONGEST: Final = 300  # characters of a question


def open_accordions(tree: Element) -> None:
    """Turn heads of panels into headings, in place. Linear in the size of the tree; nothing happens to a page without any."""
    if all(tree.find(f".//{name}") is None for name in ("button", "label", "summary")):
        return
    by_id = {
        element.get("id"): element for element in tree.iter() if isinstance(element.tag, str) and element.get("id")
    }
    level = 1
    for element in list(tree.iter()):
        tag = element.tag
        if tag in _HEADS:
            level = int(tag[1]) if tag[1].isdigit() else level
            _keep_in_head(element, by_id)
        elif tag in ("button", "label"):
            _keep_by_itself(element, by_id, level)
        if tag == "summary":
            _keep_summary(element, level)


def _keep_in_head(head: Element, by_id: dict[str, Element]) -> None:
    """A heading that is nothing but a button."""
    buttons = list(head.iter("button"))
    if not buttons or _words(head) != "".join(_words(button) for button in buttons):
        return
    for button in buttons:
        button.tag = "span"
        _forget_looks(button)
        _forget_looks(head)
        _open(_panel_of(button, head, by_id))


def _keep_summary(summary: Element, level: int) -> None:
    details = summary.getparent()
    if details.tag != "details" or not 1 < len(_words(summary)) <= _LONGEST or not _has_text(details):
        return
    details.tag, summary.tag = "div", f"h{min(level + 1, 6)}"
    if (summary.tail or "").strip():
        answer = summary.makeelement("p")
        answer.text, summary.tail = summary.tail, None
        summary.addnext(answer)


def _keep_by_itself(element: Element, by_id: dict[str, Element], level: int) -> None:
    if not 1 < len(_words(element)) <= _LONGEST or not _may_head(element):
        return
    panel = _panel_of(element, element, by_id)
    if panel is None or not _has_text(panel):
        return
    _open(panel)
    _forget_looks(element)
    element.tag = f"h{min(level + 1, 6)}"


def _may_head(element: Element) -> bool:
    if any(each.tag in _NO_PLACE or each.get("role") in _NO_ROLE for each in element.iterancestors()):
        return False
    if element.tag == "label":
        return _is_switch(element)
    if element.get("aria-haspopup", "false") != "false" or element.get("type") in ("submit", "reset"):
        return False
    is_known = element.get("aria-expanded") is not None or element.get("aria-controls")
    return bool(is_known) or _words(element).endswith("?") or _is_named(element)


def _is_switch(label: Element) -> bool:
    """The label of a box that is ticked to open what follows."""
    boxes = [label.getprevious(), *label.iter("input")]
    return any(box is not None and box.tag == "input" and box.get("type") in ("checkbox", "radio") for box in boxes)


def _is_named(button: Element) -> bool:
    parents = [button, *list(button.iterancestors())[:2]]
    return any(_NAMED.search(each.get("class") or "") for each in parents)


def _panel_of(button: Element, head: Element, by_id: dict[str, Element]) -> Element | None:
    """What the button names as its panel, else what follows its head."""
    names = (button.get("aria-controls") or "").split()
    named = by_id.get(names[0]) if names else None
    return _following(head) if named is None else named


def _following(element: Element) -> Element | None:
    """The block right after the element, or after what holds nothing but the element."""
    for head in _outwards(element):
        following = head.getnext()
        if following is not None:
            is_next = not (head.tail or "").strip() and following.tag in _PANELS
            return following if is_next else None
    return None


def _outwards(element: Element) -> Iterator[Element]:
    yield element
    for parent in list(element.iterancestors())[:2]:
        others = [each for each in parent if isinstance(each.tag, str) and each.tag != "input"]
        if len(others) != 1 or (parent.text or "").strip():
            return
        yield parent


def _has_text(panel: Element) -> bool:
    """Something to read, and not only something to click."""
    links = sum(len(_words(link)) for name in ("a", "button", "option", "label") for link in panel.iter(name))
    return len(_words(panel)) > links


def _open(panel: Element | None) -> None:
    if panel is None:
        return
    _forget_looks(panel)
    for name in ("hidden", "aria-hidden"):
        panel.attrib.pop(name, None)
    if _CLOSED.search(panel.get("style") or ""):
        panel.attrib.pop("style")


def _forget_looks(element: Element) -> None:
    """A class such as ``accordion-header collapsed`` is taken for a part that no reader sees."""
    element.attrib.pop("class", None)


def _words(element: Element) -> str:
    return "".join(element.text_content().split())
