"""Texts that look as if they gave orders to a model instead of telling people something.

A pattern is a suspicion, not a proof: what it finds is held back until somebody has read it. Words are compared without invisible
characters and in one spelling of look-alike letters, because that is how such texts hide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chatsphere.services.content.sign_words import SignWords

EXCERPT: Final = 80  # characters on either side

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_TAGS: Final = re.compile(
    "(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007e]{4,}"
)  # ASCII that nobody sees; flags of regions use it, too

_WHO: Final = r"(?:all|any|the|your|these|those|every|my|previous|prior|above|earlier|preceding|foregoing|existing|original|system|developer|safety|and|or|of)"
_WHAT: Final = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directives?|orders?|context|messages?|constraints?|programming)"
)
_PATTERNS: Final = {
    "ignore_instructions": rf"(?<!not )(?<!n\x27t )(?<!never )(?<!if you )(?<!when you )\b(?:ignore|disregard|forget|override|bypass(?! rules)|do not (?:follow|obey)|don't (?:follow|obey))\s+(?:{_WHO}\s+){{0,5}}{_WHAT}\b(?:\s+(?:above|before|you (?:were|have been) given))?"
    r"|\b(?:ignoriere?n?|vergiss|missachte)\s+(?:\w+\s+){0,4}(?:anweisung|anweisungen|regeln|vorgaben|befehle)\b"
    r"|(?<!vous )(?<!si tu )(?<!if you )(?<!when you )\b(?:ignore[zr]?|oublie[zr]?)\s+(?:\w+\s+){0,4}(?:instructions|consignes|règles)\b"
    r"|\b(?:ignora|olvida|ignore)\s+(?:\w+\s+){0,4}(?:instrucciones|instruções|istruzioni|reglas)\b"
    r"|(?:忽略|无视)(?:之前|以上|所有|先前)[^。\n]{0,12}(?:指令|指示|提示|规则)",
    "new_role": r"\byou are now\s+(?:in\s+)?(?:\w+\s+){0,3}(?:mode|dan|unrestricted|jailbroken|an? (?:different|new|evil|unfiltered))\b"
    r"|\b(?:from now on|starting now),? (?:you|the assistant|the ai) (?:must|will|shall|should|are)\b|\b(?:developer|god|jailbreak|dan) mode (?:enabled|activated|on)\b",
    "reveals": r"\b(?:reveal|print|repeat|output|show|leak|disclose|send)\s+(?:\w+\s+){0,3}(?:system prompt|hidden (?:prompt|instructions)|initial (?:prompt|instructions)|your (?:instructions|prompt))\b",
    "chat_markup": r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>|\[/?INST\]|<<SYS>>|^\s*#{0,3}\s*(?:system|assistant)\s*(?:prompt|message)?\s*:\s*(?:you|ignore|from now)",
    "addresses_the_model": r"\b(?:attention|note|important|instructions?)\s+(?:to|for)\s+(?:all\s+|any\s+|the\s+)?(?:ai|a\.i\.|llms?|language models?|chatbots?|assistants?|gpt\w*|claude)\b"
    r"|\b(?:if you are|as) an? (?:ai|llm|language model)\b[^.\n]{0,80}\b(?:must|should|do not|don't|always|never|say|respond|reply|answer)\b"
    r"|\b(?:dear|hey|hello)\s+(?:ai|llm|language model|chatbot)\b[^\n]{0,40}[,:]",
    "exfiltrates": r"!\[[^\]\n]{0,80}\]\(\s*https?://[^)\s]{0,400}[?&/=](?:\{|<|\$|%7b|\[)[^)\n]{0,200}\)",
}  # fmt: skip
_COMPILED: Final = {name: re.compile(pattern, re.IGNORECASE | re.MULTILINE) for name, pattern in _PATTERNS.items()}
# What a text must hold for a pattern to be worth trying: one sign of each group, in small letters. Few texts hold one of a first group.
_OBJECTS: Final = (
    *(
        "instruc",
        "instruç",
        "istruzioni",
        "prompt",
        "rule",
        "guideline",
        "directive",
        "order",
        "context",
        "message",
        "constraint",
    ),
    *(
        "programming",
        "anweisung",
        "regeln",
        "vorgaben",
        "befehle",
        "consignes",
        "règles",
        "reglas",
        "指令",
        "指示",
        "提示",
        "规则",
    ),
)
_VERBS: Final = (
    *(
        "ignor",
        "disregard",
        "forget",
        "override",
        "bypass",
        "not follow",
        "not obey",
        "n't follow",
        "n't obey",
        "vergiss",
    ),
    *("missachte", "oublie", "olvida", "忽略", "无视"),
)
_SPEAKERS: Final = ("system", "assistant", "prompt", "message")
_NEEDED: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    "ignore_instructions": (_VERBS, _OBJECTS),
    "new_role": (("you are now", "from now on", "starting now", " mode "),),
    "reveals": (
        ("system prompt", "hidden ", "initial ", "your instructions", "your prompt"),
        ("reveal", "print", "repeat", "output", "show", "leak", "disclose", "send"),
    ),
    "chat_markup": (
        ("<|", "[inst]", "[/inst]", "<<sys>>", *(f"{who}{colon}" for who in _SPEAKERS for colon in (":", " :"))),
    ),
    "addresses_the_model": (
        (" ai", " a.i", " llm", " language model", " chatbot", " assistant", " gpt", " claude"),
        ("attention", "note", "important", "instruction", "if you are", "as a ", "as an ", "dear", "hey", "hello"),
    ),
    "exfiltrates": (("![",), ("http://", "https://")),
}  # fmt: skip


# More of the same names, in the word order and the words of other languages. Each beside the words that a text must hold, one of each group.
_BEFORE_DE: Final = r"(?:vorherig|bisherig|obig|vorig|früher|vorangegangen|vorstehend|ursprünglich|zuvor|bestehend)\w*"
_WHAT_DE: Final = r"(?:anweisung(?:en)?|instruktion(?:en)?|vorgaben?|regeln?|befehle?n?|richtlinien?|prompts?)"
_MORE: Final[tuple[tuple[str, tuple[tuple[str, ...], ...], re.Pattern[str]], ...]] = tuple(
    (name, needed, re.compile(pattern, re.IGNORECASE))
    for name, needed, pattern in (
        (
            "ignore_instructions",
            (("ignorier", "vergiss", "vergess", "missacht", "übergeh", "verwerf", "verwirf", "beacht"), ("anweisung", "instruktion", "vorgabe", "regel", "befehl", "richtlinie", "prompt")),
            (rf"\b{_BEFORE_DE}\s+(?:\w+\s+){{0,2}}{_WHAT_DE}\s+(?:\w+\s+){{0,4}}(?:zu\s+)?(?:ignorier\w*|vergess\w*|missacht\w*|(?:zu\s?)?übergeh\w*|verwerf\w*|nicht (?:mehr )?(?:zu )?beacht\w*)"
            rf"|\b(?:musst|sollst|wirst|darfst) du\s+(?:\w+\s+){{0,4}}(?:alle|deine|sämtliche|diese)\s+(?:\w+\s+){{0,3}}{_WHAT_DE}\s+(?:\w+\s+){{0,3}}(?:ignorier|vergess|missacht|übergeh|verwerf)\w*"
            rf"|\b(?:verwirf|beachte|vergiss|ignoriere)\s+(?:\w+\s+){{0,4}}{_BEFORE_DE}\s+(?:\w+\s+){{0,2}}{_WHAT_DE}"),
        ),
        (
            "ignore_instructions",
            (("attention", "forget", "discard", "set aside", "overrule", "supersede", "abandon"), ("instruct", "prompt", "rule", "told", "above", "guideline")),
            (r"\bpay no (?:more )?attention to (?:\w+\s+){0,3}(?:previous|prior|above|earlier|original|system)\s+(?:\w+\s+){0,2}(?:instructions?|prompts?|rules?|guidelines?)"
            r"|\bforget (?:everything|all|anything)(?: that)? (?:above|before this|you (?:were|have been|are) (?:told|taught|instructed))"
            r"|\b(?:discard|set aside|overrule|abandon) (?:all|any|your) (?:\w+\s+){0,2}(?:instructions?|prompts?|guidelines?)"
            r"|\b(?:these|this|following|new) instructions? (?:supersede|overrule)s? (?:all|any|your|the|every) (?:\w+\s+){0,2}(?:previous|prior|other|earlier|original|system)"),
        ),
        (
            "ignore_instructions",
            (("ignor", "oubli", "compte", "olvid", "caso", "dimentic", "descon", "esque", "haz ", "tenez"), ("instruc", "instruç", "istruzion", "consigne", "règle", "regole", "regla", "regra", "indicacion", "indicaç", "indicazion", "précède", "directive")),
            (r"\bne (?:tenez|tiens|tenir) (?:plus |pas )?(?:plus |pas )?compte (?:de |des |du )(?:\w+\s+){0,3}(?:instructions|consignes|règles|directives)"
            r"|\b(?:instructions|consignes|règles|directives)\s+(?:précédentes|antérieures|ci-dessus)\s+(?:doivent|sont à|à)\s+(?:être )?(?:ignor|oubli)\w+"
            r"|\b(?:ignor(?:er|ez|e)|oubli(?:er|ez|e))\s+(?:\w+\s+){0,3}(?:instructions|consignes|règles|directives)\s+(?:précédentes|antérieures|ci-dessus)|\boubli(?:e|ez|er) tout ce qui précède"
            r"|\b(?:ignor(?:a|e|ar|en)|olvid(?:a|e|ar|en)|no hagas caso (?:a|de)|haz caso omiso de|descarta)\s+(?:\w+\s+){0,3}(?:instrucciones|indicaciones|reglas|órdenes)\s+(?:anteriores|previas|de arriba)"
            r"|\b(?:ignora(?:re|te)?|dimentica(?:re|te)?|non (?:tenere|tenete|tieni) conto (?:di|delle?))\s+(?:\w+\s+){0,3}(?:istruzioni|indicazioni|regole)\s+(?:precedenti|sopra|anteriori)"
            r"|\b(?:ignor(?:e|ar|em)|esque(?:ça|cer|çam)|desconsider(?:e|ar|em))\s+(?:\w+\s+){0,3}(?:instruções|indicações|regras|ordens)\s+(?:anteriores|acima|prévias)"),
        ),
        (
            "ignore_instructions",
            (("negeer", "vergeet", "ignor", "zignor", "glem", "glöm", "ігнор", "игнор", "забуд", "abaikan", "bỏ qua", "talimat"), ("instruct", "instrukt", "instruk", "regels", "инструкц", "указани", "правил", "інструкц", "perintah", "hướng dẫn", "chỉ thị", "talimat", "polece")),
            (r"\b(?:negeer|vergeet)\s+(?:\w+\s+){0,3}(?:vorige|eerdere|voorgaande|bovenstaande)\s+(?:\w+\s+){0,2}(?:instructies|regels|opdrachten)"
            r"|\b(?:ignorera|glöm|ignorer|glem)\s+(?:\w+\s+){0,3}(?:tidigare|föregående|tidligere|foregående|forrige)\s+(?:\w+\s+){0,2}(?:instru\w+)"
            r"|\b(?:zignoruj\w*|ignoruj\w*|zapomnij\w*)\s+(?:\w+\s+){0,3}(?:poprzedni\w*|wcześniejsz\w*|powyższ\w*|předchozí|predchádzajúce)\s+(?:\w+\s+){0,2}(?:instrukc\w*|polece\w*|zasad\w*|instrukce|pokyny)"
            r"|(?:проигнорируй|игнорируй|игнорировать|забудь|забыть|забудьте)(?:те)?\s+(?:\w+\s+){0,3}(?:предыдущ\w*|прежн\w*|вышеуказанн\w*|все)\s+(?:\w+\s+){0,2}(?:инструкци\w*|указани\w*|правил\w*)"
            r"|\b(?:abaikan|lupakan)\s+(?:\w+\s+){0,3}(?:instruksi|perintah|aturan)\s+(?:\w+\s+){0,2}(?:sebelumnya|di atas)"
            r"|\bbỏ qua\s+(?:\w+\s+){0,4}(?:hướng dẫn|chỉ thị|lệnh)\s+(?:\w+\s+){0,2}(?:trước|ở trên)"
            r"|\b(?:önceki|yukarıdaki)\s+(?:\w+\s+){0,2}talimat\w*\s+(?:\w+\s+){0,2}(?:yok say|unut|görmezden gel|dikkate alma)\w*"),
        ),
        (
            "ignore_instructions",
            (("忘", "忽略", "无视", "無視", "忘れ", "무시", "잊", "تجاهل", "अनदेखा"), ("指令", "指示", "规则", "命令", "提示", "지시", "명령", "지침", "تعليمات", "निर्देश", "内容")),
            (r"(?:忘记|忘掉|不要(?:遵守|理会))(?:你)?(?:之前|以上|所有|先前|此前)[^。\n]{0,12}(?:指令|指示|提示|规则|内容)|(?:之前|以上|先前|此前)的?(?:所有|全部)?(?:指令|指示|提示|规则)[^。\n]{0,6}(?:忽略|忘记|忘掉|无视|作废)"
            r"|(?:以前|前|上記|これまで|先ほど)の(?:すべての|全ての)?(?:指示|命令|ルール|プロンプト)[^。\n]{0,6}(?:無視|忘れ)"
            r"|(?:이전|위|앞선|기존)의?\s?(?:모든\s?)?(?:지시|명령|지침)(?:사항)?(?:을|를|들을)?\s?(?:모두\s?)?(?:무시|잊)"
            r"|تجاهل\s+(?:\w+\s+){0,2}التعليمات(?:\s+السابقة)?|(?:पिछले|पहले के)\s+(?:\w+\s+){0,2}निर्देशों\s+को\s+अनदेखा"),
        ),
        (
            "new_instructions",
            (("whoever", "whomever", "one who ", "your new ", "the ai ", "assistant", "chatbot", "the bot", "the model", "the llm", "all models", " wer ", "für jeden", "für alle", " an alle", "für den", "für die ki", "an die ki", "an den ", "quiconque", "quien", "istruzioni per", "instruções para"), ("instruct", "rules", "orders", "prompt", "anweisung", "instruc", "instruç", "istruz", "role", "goal", "task")),
            (r"\b(?:new|updated|additional|hidden|secret|special) (?:instructions?|rules?|orders?|prompt) (?:for|to) (?:whoever|whomever|anyone who|everyone who|the (?:ai|assistant|chatbot|bot|model|llm)|all (?:assistants|chatbots|models))\b"
            r"|\byour new (?:task|instructions?|goal|system prompt) (?:is|are) (?:to|that)\b"
            r"|\b(?:neue|zusätzliche|geheime) anweisung(?:en)? (?:für|an) (?:jeden,? der|alle,? die|den(?:jenigen)?,? (?:der|die)|die ki|den (?:assistenten|chatbot|bot)|wer)\b"
            r"|\b(?:nouvelles|nuevas|nuove|novas) (?:instructions|instrucciones|istruzioni|instruções) (?:pour|para|per) (?:quiconque|quien|chi|quem|el (?:asistente|modelo)|l['’](?:assistant|ia|assistente)|la ia|o (?:assistente|modelo))"),
        ),
        (
            "steers_answers",
            (("citing", "quoting", "naming", "answers", "each answer", "every answer", "your answer", "each reply", "every reply", "replies", "each response", "every response", "your response", "responses", "zitiere", "nenne", "antwort"), ("say", "tell", "claim", "append", "add", "sag", "behaupt", "häng", "füg", "dis ", "diga", "dites", "always", "stop")),
            (r"\b(?:stop|quit|cease) (?:citing|quoting|naming) (?:(?:your|the|any) )?(?:sources?)?\s*(?:,|and|;|\.)?\s*(?:and |then )?(?:say|tell|claim|reply|answer|state)\b"
            r"|\b(?:append|attach|add) (?:the |this |following )*(?:link|url|address|sentence|text|image)\b[^\n]{0,80}?\b(?:to|in) (?:(?:each|every)(?: of your)? (?:answer|reply|response)|(?:all(?: of)? |all )?(?:your |the )?(?:answers|replies|responses))\b"
            r"|\bin (?:your|each|every|all(?: your)?) (?:answers?|responses?),? (?:always |never )?(?:say|claim|tell|recommend|pretend)\b"
            r"|\b(?:zitiere|nenne) (?:keine|nie(?:mals)?) (?:\w+ )?(?:quellen?)\b[^.\n]{0,40}\b(?:sag|behaupte|antworte)\w*|\b(?:hänge|füge) (?:\w+ ){0,6}(?:an|zu) (?:jede|deine|alle)r?n? antworte?n? (?:an|hinzu)\b"),
        ),
        (
            "addresses_the_model",
            ((" ai ", " assistant", " chatbot", " llm", " model ", " bot ", " ki ", "ki-"), ("reading this", "processing this", "answering from", "reads this", "liest", "summari", "who reads")),
            (r"\b(?:ai|assistants?|chatbots?|llms?|language models?|bots?)(?: that is| which is| who is)? (?:reading|processing|summari[sz]ing|answering from) this\b"
            r"|\b(?:ai|assistant|chatbot|llm|language model|bot) (?:that|which|who) (?:reads|processes|summari[sz]es) this\b[^.\n]{0,40}\b(?:must|should|shall|has to|will)\b"
            r"|\b(?:ki|ki-modell|assistent|chatbot|sprachmodell|bot),? (?:das|der|die) (?:dies(?:en text|es)?|das hier) liest\b"),
        ),
    )
)  # fmt: skip
_TRIED: Final = (*((name, _NEEDED[name], pattern) for name, pattern in _COMPILED.items()), *_MORE)
_FIRST_SIGNS: Final = SignWords([groups[0] for _, groups, _ in _TRIED])
_MENTIONED: Final = re.compile(
    r"prompt[- ]injection|jailbreak|attack|angriff|angreif|injection|for example|e\.g\.|such as|zum beispiel|z\. ?b\.|like",
    re.IGNORECASE,
)
_QUOTES: Final = {'"': '"', "“": "”", "„": "“", "«": "»", "`": "`", "「": "」", "'": "'", "‘": "’"}
AROUND: Final = 240  # characters in which a quoted phrase must be called an example
LONGEST_MENTION: Final = 60  # characters of a quoted phrase: without room for an order of its own


@dataclass(frozen=True, slots=True)
class Suspicion:
    """``pattern`` is its stable name, ``excerpt`` what people are shown."""

    pattern: str
    excerpt: str


def find_injection(text: str) -> Suspicion | None:
    """The first suspicious place of a text, or None. Some hundred microseconds a kilobyte of harmless text, linear in its length. A short phrase
    in quotation marks that the text calls an example of an attack is none."""
    if not text.isascii():
        if _TAGS.search(text):
            return Suspicion("hidden_characters", _INVISIBLE.sub("", text)[: 2 * EXCERPT])
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    small = text.lower() if text.isascii() else text.lower().replace("ı", "i").replace("i\u0307", "i")
    for name, pattern in _worth_trying(small.split()):
        for match in pattern.finditer(text):
            if not _is_mentioned(text, match.start(), match.end()):
                return Suspicion(name, text[max(0, match.start() - EXCERPT) : match.end() + EXCERPT].strip())
    return None


def _worth_trying(words: Sequence[str]) -> Iterator[tuple[str, re.Pattern[str]]]:
    possible = _FIRST_SIGNS.groups_in(words)
    if not possible:  # of nearly all texts all that is done
        return
    text = f" {' '.join(words)} "
    for number, (name, groups, pattern) in enumerate(_TRIED):
        if possible >> number & 1 and all(any(map(text.__contains__, group)) for group in groups):
            yield name, pattern


def _is_mentioned(text: str, start: int, end: int) -> bool:
    """Whether a phrase is only spoken of: it fills a short quotation, and an attack or an example is named nearby."""
    opening = start - 1
    while opening >= 0 and text[opening] not in _QUOTES and start - opening < LONGEST_MENTION:
        opening -= 1
    if opening < 0 or text[opening] not in _QUOTES:
        return False
    closing = text.find(_QUOTES[text[opening]], end)
    is_short = 0 <= closing - opening <= LONGEST_MENTION and closing - end <= 2
    return is_short and _MENTIONED.search(text[max(0, opening - AROUND) : closing + AROUND]) is not None
