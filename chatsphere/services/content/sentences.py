"""Where sentences end, in any of the scripts with sentence marks; no language model, linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOSERS = "\"'”’»›)\\]}」』】）*_`"
_CANDIDATE = re.compile(
    f"[.!?…][{_CLOSERS}]*(?=\\s)"  # Latin, Cyrillic, Greek …: needs white space after it
    f"|[。！？｡．؟۔।॥။።៕‼⁇⁈⁉][{_CLOSERS}]*"  # scripts that write on without a space, or whose mark is unmistakable
)
_SPACE = re.compile(r"\s*")
_WORD_BEFORE = re.compile(r"(?:[^\W\d_]|[.'’&])+\Z|\d+\Z")
_AFTER_ORDINAL = re.compile(
    r"\s+(?:Jan|Feb|Mär|Mar|Apr|Mai|Maj|Jun|Jul|Aug|Sep|Okt|Nov|Dez|Dec|Des|Jahrhundert|Stock|Etage)"
)
_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sr",
        "jr",
        "st",
        "mt",
        "ft",
        "sen",
        "rep",
        "gov",
        "gen",
        "col",
        "lt",
        "capt",
        "sgt",
        "hon",
        "rev",
        "pres",
        "inc",
        "ltd",
        "corp",
        "co",
        "bros",
        "llc",
        "dept",
        "est",
        "approx",
        "vs",
        "etc",
        "cf",
        "al",
        "fig",
        "figs",
        "eq",
        "eqs",
        "sec",
        "secs",
        "ch",
        "chap",
        "vol",
        "no",
        "nos",
        "pp",
        "p",
        "ed",
        "eds",
        "art",
        "cl",
        "para",
        "ref",
        "refs",
        "app",
        "appx",
        "resp",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "mon",
        "tue",
        "tues",
        "wed",
        "thu",
        "thur",
        "thurs",
        "fri",
        "sat",
        "sun",
        "e.g",
        "i.e",
        "a.m",
        "p.m",
        "u.s",
        "u.k",
        "e.u",
        "u.n",
        "d.c",
        "ph.d",
        "b.a",
        "m.a",
        "m.d",
        "z.b",
        "d.h",
        "u.a",
        "o.ä",
        "bzw",
        "ca",
        "evtl",
        "ggf",
        "usw",
        "vgl",
        "nr",
        "abs",
        "str",
        "tel",
        "inkl",
        "zzgl",
        "max",
        "min",
        "av",
        "bd",
        "env",
        "p.ex",
        "c.-à-d",
        "mme",
        "mlle",
        "ej",
        "ud",
        "uds",
        "sra",
        "srta",
        "avda",
        "núm",
        "pág",
        "dott",
        "sig",
        "т.е",
        "т.д",
        "т.п",
        "др",
        "г",
        "ул",
        "рис",
        "см",
        "стр",
    ]
)


def sentence_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Half-open spans of the sentences in ``text[start:end]``, in order, white space between them left out.

    A mark ends a sentence unless it follows an abbreviation, an initial or a list number, or a small letter follows.
    """
    begin = _skip_space(text, start, end)
    for match in _CANDIDATE.finditer(text, start, end):
        after = _skip_space(text, match.end(), end)
        if after >= end:
            break
        if match.start() > begin and _is_end(text, begin, match.start(), after):
            yield begin, match.end()
            begin = after
    if begin < end:
        yield begin, begin + len(text[begin:end].rstrip())


def _skip_space(text: str, position: int, end: int) -> int:
    match = _SPACE.match(text, position, end)
    return match.end() if match else position


def _is_end(text: str, begin: int, mark: int, after: int) -> bool:
    if text[mark] not in ".…":
        return True
    following = text[after]
    if following.islower():
        return False
    if text[mark] == "…":
        return True
    before = _WORD_BEFORE.search(text, max(begin, mark - 20), mark)
    if before is None:
        return True
    word = before[0].lower()
    if word.isdigit():
        is_ordinal = _AFTER_ORDINAL.match(text, mark + 1)  # "am 31. März"
        return before.start() > begin and not is_ordinal  # "3." at the beginning of a line is a list number
    if len(word) == 1 and before[0].isupper():
        return False  # an initial
    return word not in _ABBREVIATIONS or (word in ("etc", "inc", "ltd", "co", "a.m", "p.m") and following.isupper())
