"""Whether a clause says that something is so or that it is not, in the languages that companies write in.

A clause is negative when it holds a word such as "not", unless a word that is itself a negation ("excluded", "unsupported") turns it round
again. Reading without a grammar: what stands in one clause is taken to stand under its negation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from chatsphere.services.scripts import UNSPACED_OR_HANGUL

_NOT: Final = {
    "en": r"not|no|never|none|nobody|nothing|neither|nor|cannot|\w+n['’]t",
    "de": r"nicht|nichts|nie|niemals|kein\w{0,2}|niemand\w{0,2}|weder|keinesfalls|nein",
    "fr": r"pas|jamais|aucune?|rien|personne|ni|non",
    "es": r"no|nunca|jamás|ningun\w{0,2}|ningún|nadie|tampoco|ni",
    "it": r"non|mai|nessun\w?|niente|né|neppure",
    "pt": r"não|nunca|jamais|nenhuma?|ninguém|nem",
    "nl": r"niet|geen|nooit|niemand|niets|noch",
    "sv": r"inte|ej|ingen|inget|inga|aldrig",
    "da": r"ikke|ingen|intet|aldrig",
    "no": r"ikke|ingen|aldri",
    "fi": r"ei|eivät|emme|ette|älä",
    "pl": r"nie|nigdy|żad\w+",
    "cs": r"ne|nelze|není|nejsou|nikdy|nemá|nemají|nemůže\w*",
    "ru": r"не|нет|нельзя|никогда|ни|никто|ничего",
    "uk": r"не|немає|ні|ніколи|ніхто|нічого",
    "el": r"δεν|όχι|ποτέ|μη|μην",
    "tr": r"değil\w*|yok|asla|hayır|\w+(?:maz|mez|mıyor|miyor|muyor|müyor|mamalı|memeli)\w*",
    "ar": r"لا|ليس|ليست|لم|لن|غير",
    "he": r"לא|אין|אינו|אינה|אינם",
    "hi": r"नहीं|न|मत",
    "vi": r"không|chưa|đừng|chẳng",
    "id": r"tidak|bukan|belum|jangan",
}  # fmt: skip
_UNSPACED_NOT: Final = {
    "zh": r"不(?!仅|同|过|断|久|但|少|错|论|止|妨)|没有?|无(?!论|线|数|限)|未(?!来|成年)|並非|并非|勿|否",
    "ja": r"ません|ない|なく|なかっ|ず(?=に|、|。|$)|不可|不要|無効|未対応",
    "ko": r"않|없|못|아니|아닙|불가",
    "th": r"ไม่|มิได้",
}
_NOT_REALLY: Final = re.compile(
    r"\b(?:not only|no (?:later|more|less|fewer|sooner) than|no matter|no\. ?\d+|nicht nur|nicht später als|non seulement|no s[oó]lo|non solo|não só|niet alleen|не только|no problem)\b|不仅|不但",
    re.IGNORECASE,
)
# Words that say "not" of what they stand for. The right column is compared with the other text in their place.
_OPPOSITES: Final = {
    "unsupported": "supported", "impossible": "possible", "unable": "able", "unavailable": "available", "disabled": "enabled",
    "forbidden": "allowed", "prohibited": "allowed", "disallowed": "allowed", "excluded": "included", "excludes": "includes",
    "optional": "required", "unnecessary": "required", "unlimited": "limited", "invalid": "valid", "ineligible": "eligible", "refuses": "accepts",
    "refused": "accepted", "rejects": "accepts", "rejected": "accepted", "declined": "accepted", "incompatible": "compatible", "unencrypted": "encrypted",
    "nonrefundable": "refundable", "non-refundable": "refundable", "lacks": "has", "except": "", "excluding": "including",
    "ausgeschlossen": "", "ausgenommen": "", "unmöglich": "möglich", "verboten": "erlaubt", "untersagt": "erlaubt", "deaktiviert": "aktiviert",
    "ungültig": "gültig", "unzulässig": "zulässig", "unbegrenzt": "begrenzt", "außer": "",
    "impossibile": "possibile", "interdit": "autorisé", "interdite": "autorisée", "exclu": "inclus", "exclus": "inclus", "sauf": "",
    "imposible": "posible", "prohibido": "permitido", "excluido": "incluido", "salvo": "", "excepto": "", "vietato": "permesso",
    "proibido": "permitido", "verboden": "toegestaan", "запрещено": "разрешено", "кроме": "", "禁止": "允许", "除外": "",
}  # fmt: skip
_WITHOUT: Final = re.compile(
    r"\b(?:without|ohne|sans|senza|zonder|utan|uden|uten|без|bez)\s+(\w+(?:\s+\w+){0,3})|(?<=\s)(?:sin|sem)\s+(\w+(?:\s+\w+){0,3})",
    re.IGNORECASE,
)
_LIMITS: Final = re.compile(
    r"\b(?:only|within|until|till|before|after|unless|up to|at most|at least|more than|less than|must|exclusively|still|already|nur|erst|bis|innerhalb|nach|vor|ab|mindestens|höchstens|muss|müssen|ausschließlich|"
    r"seulement|uniquement|avant|après|jusqu\w*|moins|s[oó]lo|solamente|antes|después|hasta|dentro|solo|soltanto|prima|dopo|entro|apenas|somente|até|depois|alleen|voor|na|binnen|later|earlier|longer|später|länger|früher|plus tard|más tarde|due|over|beyond|above|below|über|unter|только|до|после)\b|只|仅|以内|之前|之后|まで|以内|のみ",
    re.IGNORECASE,
)
_ONLY: Final = frozenset(
    "only must exclusively unless until till nur erst muss müssen ausschließlich seulement uniquement sólo solo solamente soltanto apenas somente alleen только 只 仅 のみ".split()  # noqa: SIM905
)
_STRONG: Final = re.compile(
    r"[;:()\[\]\n。；：！？—–]|[.!?](?=\s|$)|\s-\s|,?\s(?=(?:but|however|although|though|whereas|while|except|aber|sondern|jedoch|während|außer|obwohl|mais|sauf|tandis|pero|sino|salvo|excepto|però|mentre|mas|maar|terwijl|но|кроме)\s)|(?=但是?|不过|而且|除了|ただし)",
    re.IGNORECASE,
)
_WEAK: Final = re.compile(r",(?=\s)|[，、]")
_AND: Final = re.compile(r",?\s(?:and|und|sowie|et|y|e|en|и|och|og|i|ve)\s")
_SHORT_WORDS: Final = 3
_SHORT_LETTERS: Final = 3  # of a script without spaces
_BARE: Final = re.compile(
    r"(?:do|does|did|is|are|was|were|has|have|can|will|may|tut|hat|haben|kann|können|ist|sind)? ?(?:es )?(?:not|nicht|keine?|no|non|pas|niet)|\w+n['’]t",
    re.IGNORECASE,
)
_OPPOSITE: Final = re.compile(
    rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(_OPPOSITES, key=len, reverse=True)))})(?![\w-])|禁止|除外",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Clause:
    """``text`` is without what negates it; ``is_negative`` says whether it was negated. ``without`` are the words behind "without",
    ``limits`` the words that set a bound ("only", "within"), which make "not after" and "within" the same."""

    text: str
    is_negative: bool
    without: str
    limits: frozenset[str]


def read_clause(text: str, language: str) -> Clause:
    """``language`` is BCP 47; without a known one the words of English, German and the scripts without spaces are known."""
    plain = _NOT_REALLY.sub(" ", text)
    negated = _negator(language.partition("-")[0].lower())
    opposites = len(_OPPOSITE.findall(plain))
    is_negative = bool(negated.search(plain)) != bool(opposites % 2)
    kept = _OPPOSITE.sub(lambda match: _OPPOSITES[match.group().lower()], negated.sub("", plain))
    without = " ".join(first or second for first, second in _WITHOUT.findall(text))
    return Clause(kept, is_negative, without, frozenset(each.lower() for each in _LIMITS.findall(text)))


def finer_clauses(clause: str, language: str) -> list[str]:
    """A clause cut at its "and" where both sides are clauses themselves, not items of a list: long, or with a negation of their own."""
    negator, found = _negator(language.partition("-")[0].lower()), list[str]()
    for part in _AND.split(clause):
        is_item = bool(found) and (_is_short(found[-1]) or (_is_short(part) and not negator.search(part)))
        if is_item and not _is_bare(part):
            found[-1] = f"{found[-1]} and {part}"
        else:
            found.append(part)
    return found


def is_elliptic(clause: str, language: str) -> bool:
    """Whether a clause only negates what was said before: "… and the other one does not"."""
    return _is_bare(clause) and bool(_negator(language.partition("-")[0].lower()).search(clause))


def _is_bare(clause: str) -> bool:
    return _BARE.fullmatch(clause.strip(" .")) is not None


def set_other_bounds(one: Clause, other: Clause) -> bool:
    """Whether "not" in one of them may say the same as a bound in the other: "not after" and "within", "not" and "only others"."""
    if one.limits & other.limits:
        return False
    return bool(one.limits and other.limits) or bool((one.limits | other.limits) & _ONLY)


def clauses_of(text: str) -> list[str]:
    """The parts of a sentence between stops, semicolons, brackets and words such as "but". Parts of an enumeration stay together."""
    return [clause for part in _STRONG.split(text) if part and part.strip() for clause in _joined(_WEAK.split(part))]


def negations(text: str) -> frozenset[str]:
    """The words that negate, in any of the languages; for comparing two texts that are otherwise the same."""
    folded = _NOT_REALLY.sub(" ", text.casefold().replace("’", "'"))
    return frozenset(match.group() for match in _any_negator().finditer(folded))


def _joined(parts: list[str]) -> list[str]:
    """Short parts go with what follows; the last one with what stands before."""
    found, pending = [], ""
    for part in parts:
        pending = f"{pending}, {part.strip()}" if pending else part.strip()
        if not _is_short(part):
            found.append(pending)
            pending = ""
    if pending and found:
        found[-1] = f"{found[-1]}, {pending}"
    elif pending:
        found.append(pending)
    return found


def _is_short(part: str) -> bool:
    if UNSPACED_OR_HANGUL.search(part):
        return len(part.strip()) <= _SHORT_LETTERS
    return len(part.split()) <= _SHORT_WORDS


@cache
def _negator(language: str) -> re.Pattern[str]:
    spaced = _NOT.get(language) or "|".join((_NOT["en"], _NOT["de"]))
    unspaced = _UNSPACED_NOT.get(language) or "|".join(_UNSPACED_NOT.values())
    plus = r"|(?<=\bne )(?:\w+ )?plus(?=\W|$)" if language == "fr" else ""
    return re.compile(rf"(?<![\w'’])(?:{spaced})(?!\w){plus}|{unspaced}", re.IGNORECASE)


@cache
def _any_negator() -> re.Pattern[str]:
    spaced = "|".join((*_NOT.values(), "ne", "without", "ohne", "sans", "sin", "senza", "sem", "zonder"))
    return re.compile(rf"(?<![\w'’])(?:{spaced})(?!\w)|{'|'.join(_UNSPACED_NOT.values())}", re.IGNORECASE)
