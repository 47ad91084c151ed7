"""The words of a text without its markup: what is embedded and indexed, while the source stays for display and citation."""

from __future__ import annotations

import html
import re
import unicodedata
from operator import itemgetter

_TAG_OR_COMMENT = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>\n]*>", re.DOTALL)
_AUTOLINK = re.compile(r"<(https?://[^\s<>]+|[^\s<>@]+@[^\s<>@]+)>")
_TARGET = re.compile(r"\]\([ \t]*<?[^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*>?[^()\n]*\)|\]\[[^\]\n]*\]")
# Patterns begin with what they look for and look back afterwards: the engine then skips what cannot match.
_BRACKETS = re.compile(r"!?\[([^\[\]]*)\]?")
_URL = re.compile(r"https?://(?:www\.)?([^\s<>\"'()\[\]{}|?#]+)[^\s<>\"'()\[\]{}|]*")
_LINE_MARKS = re.compile(
    r"\n[ \t]*(?:#{1,6}[ \t]+|(?:>[ \t]?)+|[-*+][ \t]+(?:\[[ xX]\][ \t]+)?|`{3,}[^\n`]*$|~{3,}[^\n]*$|[=\-*_]{3,}[ \t]*$)",
    re.M,
)
_DELIMITER_ROW = re.compile(r"\n[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$", re.M)
_STARS = re.compile(r"\*(?<!\\\*)\*{0,2}|_(?<![\w\\]_)_{0,2}(?=\w)|_(?<=[\w.,;:!?)]_)_{0,2}(?!\w)|``*|~~")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_PIPE = re.compile(r"\|(?<!\\\|)")
_INSIDE = itemgetter(1)  # the first group of a match; a template is put together in Python each time
_HEADING_LINE = re.compile(r"\s*(?:#{1,6}[ \t]+)?([^\n]+)(?:\n|\Z)")


def search_text(context: str, text: str) -> str:
    """What is embedded and indexed for a chunk: its context on a line of its own, then the text's words.

    Headings at the top of the text that the context already names are not said twice. Linear time, some 20 MB a second.
    """
    words = plain_words(_without_known_headings(context, text) if context else text)
    return f"{context}\n{words}" if context and words else context or words


def plain_words(text: str) -> str:
    """One line without markup, link targets, table rules and tags; entities decoded; Unicode NFC."""
    text = _LINE_MARKS.sub("\n", f"\n{text}")
    if "<" in text:
        text = _TAG_OR_COMMENT.sub(" ", _AUTOLINK.sub(r" \1 ", text))
    if "](" in text or "][" in text:
        text = _TARGET.sub("]", text)
    if "[" in text:
        text = _BRACKETS.sub(_INSIDE, text)
    if "://" in text:
        text = _URL.sub(_INSIDE, text)
    if "|" in text:
        text = _PIPE.sub(" ", _DELIMITER_ROW.sub("\n", text))
    text = _STARS.sub("", text)
    if "\\" in text:
        text = _ESCAPE.sub(_INSIDE, text)
    if "&" in text:
        text = html.unescape(text)
    line = " ".join(text.split())
    return line if line.isascii() else unicodedata.normalize("NFC", line)


def without_targets(text: str) -> str:
    """The text without link targets and tags, its other markup kept: enough to estimate a length."""
    return _TARGET.sub("]", _TAG_OR_COMMENT.sub(" ", text))


def _without_known_headings(context: str, text: str) -> str:
    known = set(context.split(" › "))
    while text.lstrip().startswith("#") and (match := _HEADING_LINE.match(text)):
        if plain_words(match[1]) not in known:
            break
        text = text[match.end() :]
    return text
