"""Which sentences of an answer state something that a source must bear out.

Courtesies, questions back to the visitor, lead-ins of a list and the honest "the sources do not say" state nothing, as long as they bring no
number of their own. Everything else does, however short: "Yes." is an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from chatsphere.services.ai.facts import facts_of
from chatsphere.services.ai.sentences import Kind, split_sentences
from chatsphere.services.vector_store.analysis import count_terms

SHORTEST_REST = 3  # words behind an admission ("…, but every customer gets") that make a statement

_COURTESIES: Final = """
    hello hi hey dear welcome thanks thank thankful please sure certainly absolutely course gladly happy glad great good question questions here there
    is are let me know need needs more further help helps helping helped assist assistance anything else ask contact reach out support team us our hope
    this that you your yours i we can could would will like want if in short summary summarise summarize answer follows following steps step details information info additional
    sorry unfortunately apologies apologise apologize confusion inconvenience misunderstanding have any other so and or to the a of for about with what it based on sources according see below above do
    how found find pleasure welcome hopefully regards best wishes as be may be i'm i'd you'd you're here's that's it's what's also overview quick brief
    hallo guten tag morgen abend gern gerne natürlich selbstverständlich klar bitte danke vielen dank willkommen frage fragen ihre ihrer ihnen sie dir du ich wir uns kann können
    weiterhelfen helfen hilfe gibt noch weitere weiteren haben falls wenn sonst etwas melden wenden melde wende sich einfach jederzeit schritte folgt so geht's hoffe hoffentlich das hilft
    leider tut mir leid support kundendienst zusammengefasst kurz zusammenfassung überblick hier ist sind die der den dem ein eine zu zum zur und oder an auf es finden übersicht
    bonjour salut bienvenue merci volontiers bien sûr certainement avec plaisir voici n'hésitez hésitez pas à poser d'autres autres besoin d'aide aide si vous avez je suis désolé malheureusement
    espère cela aidera votre vos étapes résumé nous contacter contactez
    hola buenos días gracias claro supuesto con gusto aquí tiene están los las pasos si necesita más ayuda no dude en contactarnos preguntar espero que le ayude lo siento lamentablemente resumen de su sus
    ciao buongiorno grazie certo volentieri ecco prego posso aiutarti aiutarla altro se hai ha bisogno spero
    olá obrigado obrigada claro aqui está precisar mais ajuda espero goede dag dank bedankt graag natuurlijk hier
    здравствуйте привет конечно спасибо пожалуйста вот рад помочь если есть вопросы обращайтесь надеюсь
"""
_COURTEOUS: Final = frozenset(_COURTESIES.split())
_COURTEOUS_PHRASES: Final = re.compile(
    r"\b(?:feel free|(?:do not|don['’]t) hesitate|have a (?:nice|great|good) day|no problem|all the best|n['’]hésitez pas|no dude)\b|(?:您好|你好|谢谢|感谢您?的?(?:提问|咨询)?|好的|当然(?:可以)?|很高兴为您(?:服务|解答)|希望(?:这|以上信息)?(?:对您有(?:所)?帮助|能帮到您)|如(?:果)?(?:您)?(?:还)?(?:有|需)(?:其他|更多|任何)?(?:问题|帮助)|请(?:随时)?(?:联系|告诉|咨询)(?:我们|我|客服)|"
    r"こんにちは|ありがとうございます|はい|もちろん(?:です)?|お役に立てれば幸いです|ご不明な点がございましたら|お気軽に(?:お問い合わせください|ご連絡ください)|以下の通りです|안녕하세요|감사합니다|네)",
    re.IGNORECASE,
)
_POLAR: Final = re.compile(
    r"(?:yes|no|yep|nope|correct|right|exactly|true|false|wrong|ja|nein|doch|genau|richtig|stimmt|falsch|oui|non|sí|si|sì|não|sim|nee|да|нет|tak|nie|nej|evet|hayır|是的?|对的?|不是|不|没有|可以|不可以|能|不能|はい|いいえ|네|아니요)",
    re.IGNORECASE,
)
_LEADING_POLAR: Final = re.compile(rf"\A\s*(?:{_POLAR.pattern})\s*[,，、:;–—-]+\s*", re.IGNORECASE)
_SOURCE: Final = r"(?:(?:given|provided|available|numbered|these|the|your|our|any of the|einer? der|vorliegenden|angegebenen|fournies?|proporcionadas?) )?(?:sources?|documents?|documentation|passages?|context|provided (?:text|information)|information provided|texts?)"
_SAYS: Final = r"(?:say|mention|contain|state|tell|cover|include|specify|provide|describe|answer|explain|give|list|address|indicate|name|discuss|offer|clarify|hold)\w*"
_ADMISSIONS: Final = re.compile(
    "|".join(
        (
            rf"\b{_SOURCE} (?:also |alone )?(?:do|does|did)(?: not|n['’]t)(?: \w+)? {_SAYS}\b",
            rf"\b{_SOURCE} (?:say|mention|contain|hold|give|state|provide)s? (?:nothing|no\b|neither)",
            rf"\b(?:not|nothing|no (?:information|mention|answer|details?|statement))\b(?: (?:\w+ ){{0,6}})?(?:(?:is|are|was|were) )?(?:mentioned|stated|specified|covered|found|given|described|said|included|available|provided|answered)? ?(?:in|by|from) {_SOURCE}",
            r"\b(?:there is|there's|i have|i found|i find|we have) no (?:\w+ ){0,2}(?:information|mention|details?|answer)\b",
            rf"\b(?:can(?:not|['’]t)|could(?: not|n['’]t)|unable to|was not able to) (?:find|answer|tell|say)\b(?:[^.!?]*\b{_SOURCE}\b|(?: \w+){{0,8}}$|[^.!?]{{0,80}}$)",
            r"\b(?:i|we) (?:do not|don['’]t) (?:know|have (?:any |enough |the |specific |further |more )*(?:information|details?|numbers?|figures?|data))\b",
            r"\b(?:quellen?|dokumenten?|unterlagen|texten?)\b[^.!?]{0,40}\b(?:nichts?|keine?\w{0,2}) ?[^.!?]{0,60}(?:steh\w*|sag\w*|erwähn\w*|nenn\w*|enthalt\w*|angaben?|information\w*|beantwort\w*|hervor|über|zu)",
            r"\b(?:steht|findet sich|finden sich|finde ich|gibt es|geht)\b[^.!?]{0,40}\b(?:nichts|keine?|nicht)\b[^.!?]{0,80}",
            r"\b(?:keine|nicht)\b[^.!?]{0,30}\b(?:informationen|angaben)\b|\bdas weiß ich (?:leider )?nicht\b|\b(?:die|den) quellen\b[^.!?]{0,30}\b(?:sagen|nennen|erwähnen|enthalten|geben)\b[^.!?]{0,60}\b(?:nichts?|keine?\w{0,2})\b",
            r"\b(?:sources?|documents?)\b[^.!?]{0,20}\bne (?:\w+ ){1,2}pas\b|\baucune (?:information|source|mention)\b|\bn['’]est pas (?:mentionné|précisé|indiqué)\w*\b[^.!?]{0,40}\b(?:sources?|documents?)\b",
            r"\b(?:fuentes|documentos)\b[^.!?]{0,20}\bno (?:dicen|mencionan|contienen|indican|especifican|incluyen)\b|\bno (?:hay|tengo|encuentro)\b[^.!?]{0,30}\b(?:información|fuentes)\b",
            r"\b(?:fonti|documenti)\b[^.!?]{0,20}\bnon (?:dicono|menzionano|contengono|indicano)\b|\bnon (?:ci sono|ho)\b[^.!?]{0,20}\binformazioni\b",
            r"\b(?:fontes|documentos)\b[^.!?]{0,20}\bnão (?:dizem|mencionam|contêm|indicam)\b|\bnão há informaç\w+",
            r"\bbronnen\b[^.!?]{0,20}\b(?:zeggen|vermelden|bevatten)\b[^.!?]{0,30}\b(?:niets|niet|geen)\b|\bgeen\b[^.!?]{0,20}\binformatie\b",
            r"\b(?:источник\w*|документ\w*)\b[^.!?]{0,30}\b(?:не|нет)\b[^.!?]{0,30}|\bнет (?:информации|сведений)\b",
            r"(?:资料|来源|文档|文件|上下文|信息)(?:中|里|中并)?(?:并)?(?:没有|未|不)(?:提及|提到|说明|包含|包括|找到|提供|涉及|回答)?|没有(?:找到)?(?:相关|有关|更多)?[^。！？]{0,12}(?:信息|资料|说明)",
            r"(?:資料|情報源|ソース|文書)(?:に|には)[^。]{0,30}(?:ありません|記載されていません|書かれていません|ない)",
        )
    ),
    re.IGNORECASE,
)
_BUT: Final = re.compile(
    r"[;；]|—|,?\s+(?:but|however|yet|still|although|aber|jedoch|dennoch|allerdings|mais|pero|sin embargo|ma|però|mas|porém|maar|но|однако)\b|但是?|不过|しかし|が、",
    re.IGNORECASE,
)
_HEADING: Final = re.compile(r"(?m)^[ \t]{0,3}#{1,6}[ \t]+(\S.*?)[ \t#]*$")
_BOLD_LINE: Final = re.compile(r"\*\*[^*\n]{1,60}\*\*:?|__[^_\n]{1,60}__:?")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ENDS: Final = ".!?。！？…"


class Role(Enum):
    STATEMENT = auto()
    POLAR = auto()  # yes or no alone: rests on what follows
    LEAD_IN = auto()  # "You need these:" is looked at for what contradicts the source only
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Statement:
    """``answer[start:end]``; ``text`` is what of it is to be compared, without an opening "Yes,"."""

    start: int
    end: int
    text: str
    role: Role
    is_code: bool = False
    is_row: bool = False


def statements_of(answer: str, language: str) -> list[Statement]:
    """All sentences, list items, table rows, headings and code blocks of an answer without its markers, in reading order."""
    found = [
        _read(answer, sentence.start, sentence.end, sentence.kind, language) for sentence in split_sentences(answer)
    ]
    headings = [
        _heading(answer, match.start(1), match.end(1), language)
        for match in _HEADING.finditer(answer)
        if not any(each.start <= match.start() < each.end for each in found)
    ]
    return sorted([*found, *headings], key=lambda each: each.start)


def is_admission(sentence: str) -> bool:
    """Whether a sentence says that the sources do not hold something."""
    return _ADMISSIONS.search(sentence) is not None


def _read(answer: str, start: int, end: int, kind: Kind, language: str) -> Statement:
    text = answer[start:end]
    if kind is Kind.CODE:
        return Statement(start, end, text, Role.STATEMENT, is_code=True)
    statement = Statement(start, end, _LEADING_POLAR.sub("", text, count=1), Role.STATEMENT, is_row=kind is Kind.ROW)
    if _POLAR.fullmatch(text.strip(" *_.!,。！，")):
        return replace(statement, role=Role.POLAR)
    if is_admission(text):
        return _beside_admission(statement)
    if _brings_number(text, language):
        return statement
    if _BOLD_LINE.fullmatch(text) and _stands_alone(answer, start, end) and len(text.split()) <= 6:
        return replace(statement, role=Role.NOTHING)
    if is_courtesy(text):
        return replace(statement, role=Role.NOTHING)
    if text.rstrip(' *_"”»)').endswith(("?", "？", ":", "：")):
        return replace(statement, role=Role.LEAD_IN)
    return statement


def _heading(answer: str, start: int, end: int, language: str) -> Statement:
    text = answer[start:end]
    role = Role.STATEMENT if _brings_number(text, language) or len(text.split()) > 8 else Role.LEAD_IN
    return Statement(start, end, text, role)


def _beside_admission(statement: Statement) -> Statement:
    """What is said beside it counts: "They do not say when, but every customer gets …"."""
    parts = [part for part in _BUT.split(statement.text) if not is_admission(part)]
    rest = " ".join(part.strip() for part in parts)
    return replace(statement, text=rest, role=Role.STATEMENT if _is_long(rest) else Role.NOTHING)


def _is_long(rest: str) -> bool:
    return sum(count_terms(rest, "").values()) >= SHORTEST_REST and not is_courtesy(rest)


def is_courtesy(text: str) -> bool:
    """Whether all words are ones that people are polite with, and nothing is said."""
    rest = _COURTEOUS_PHRASES.sub(" ", text)
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(rest)]
    return bool(_WORD.search(text)) and all(word in _COURTEOUS for word in words)


def _brings_number(text: str, language: str) -> bool:
    return any(fact.kind == "figure" for fact in facts_of(text, language))


def _stands_alone(answer: str, start: int, end: int) -> bool:
    before, after = answer[:start].rpartition("\n")[2], answer[end:].partition("\n")[0]
    return not before.strip() and not after.strip() and answer[start:end].rstrip("*_ ")[-1:] not in _ENDS
