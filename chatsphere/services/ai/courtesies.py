"""Recognises a message that is nothing but a greeting, a thank-you or a goodbye, in sixteen languages.

No document answers "Hello!", and a visitor who is told so has met a rude machine. By lists, not by meaning: every word of the message must be
one of these, so whoever greets and asks is asked for nothing here. It costs some microseconds.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

from chatsphere.services.ai.plain_text import plain

LONGEST: Final = 80  # characters


class Courtesy(StrEnum):
    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"


class _Phrases(NamedTuple):
    """Of one language, with | between them; ``beside`` may stand beside them."""

    greeting: str
    thanks: str
    farewell: str
    beside: str


_PHRASES: Final[dict[str, _Phrases]] = {
    "en": _Phrases(
        "hello|hi|hey|hiya|howdy|hello there|hi there|hey there|good morning|good afternoon|good evening|good day|greetings",
        "thanks|thank you|thanks a lot|thanks so much|many thanks|thank you very much|thank you so much|thx|ty|tysm|cheers|much appreciated|that helped|that helps|this helped|this helps",
        "bye|bye bye|goodbye|good bye|see you|see you later|see ya|good night|have a nice day|have a great day|have a good day|take care",
        "everyone|all|team|bot|again|ok|okay|great|perfect|cool|nice|awesome|wonderful|super|got it|and|for your help|for the help|for helping|for your answer|for now|you too|so much|very much|well|oh|there",
    ),
    "de": _Phrases(
        "hallo|hi|hey|moin|moin moin|servus|grüß gott|grüezi|guten tag|guten morgen|guten abend|tag|hallöchen|grüß dich",
        "danke|danke schön|dankeschön|vielen dank|danke sehr|herzlichen dank|besten dank|dank dir|tausend dank|merci|das hilft|das hat geholfen|das hilft mir",
        "tschüss|tschüs|ciao|auf wiedersehen|bis bald|bis dann|bis später|gute nacht|schönen tag|schönen tag noch|schönen abend|schönes wochenende|mach s gut",
        "zusammen|nochmal|ok|okay|super|prima|toll|perfekt|gut|alles klar|und|für die hilfe|für ihre hilfe|für deine hilfe|für die auskunft|für die antwort|ihnen|dir|euch|noch|einen|sehr|ja",
    ),
    "fr": _Phrases(
        "bonjour|salut|bonsoir|coucou|hello",
        "merci|merci beaucoup|merci bien|un grand merci|mille mercis|je vous remercie|je te remercie",
        "au revoir|à bientôt|à plus|à plus tard|bonne journée|bonne soirée|bonne nuit|adieu",
        "à tous|à vous|ok|d accord|super|parfait|très bien|génial|et|pour votre aide|pour ton aide|pour la réponse|pour votre réponse|infiniment",
    ),
    "es": _Phrases(
        "hola|buenos días|buenas tardes|buenas noches|buenas|buen día|qué tal|hola qué tal",
        "gracias|muchas gracias|mil gracias|muchísimas gracias|te lo agradezco|se lo agradezco",
        "adiós|adios|hasta luego|hasta pronto|hasta mañana|nos vemos|chao|que tenga un buen día",
        "a todos|ok|vale|perfecto|genial|muy bien|de acuerdo|y|por tu ayuda|por su ayuda|por la ayuda|por la respuesta",
    ),
    "it": _Phrases(
        "ciao|buongiorno|buon giorno|buonasera|buona sera|salve|buon pomeriggio",
        "grazie|grazie mille|molte grazie|mille grazie|ti ringrazio|la ringrazio|grazie tante",
        "arrivederci|a presto|a dopo|buona giornata|buona serata|buonanotte|buona notte|addio",
        "a tutti|ok|va bene|perfetto|ottimo|benissimo|e|per l aiuto|per il tuo aiuto|per il suo aiuto|per la risposta",
    ),
    "pt": _Phrases(
        "olá|ola|oi|bom dia|boa tarde|boa noite",
        "obrigado|obrigada|muito obrigado|muito obrigada|valeu|agradeço|brigado",
        "tchau|adeus|até logo|até mais|até breve|até amanhã|tenha um bom dia",
        "a todos|tudo bem|ok|perfeito|ótimo|certo|legal|e|pela ajuda|pela resposta|pela sua ajuda",
    ),
    "nl": _Phrases(
        "hallo|hoi|hey|dag|goedemorgen|goedemiddag|goedenavond|goedendag|goeiemorgen",
        "dank|bedankt|dank je|dank u|dank je wel|dank u wel|dankjewel|dankuwel|hartelijk dank|hartelijk bedankt|heel erg bedankt",
        "doei|tot ziens|tot straks|tot later|fijne dag|fijne avond|welterusten|een fijne dag|prettige dag",
        "allemaal|ok|oké|top|prima|mooi|super|en|voor de hulp|voor je hulp|voor uw hulp|voor het antwoord|nog",
    ),
    "pl": _Phrases(
        "cześć|czesc|hej|witam|witaj|dzień dobry|dzien dobry|dobry wieczór|siema",
        "dziękuję|dziekuje|dzięki|dzieki|dziękuję bardzo|bardzo dziękuję|wielkie dzięki|dziękuję ślicznie",
        "do widzenia|do zobaczenia|pa|na razie|dobranoc|miłego dnia|żegnam",
        "wszystkim|ok|okej|super|świetnie|dobrze|i|za pomoc|za odpowiedź",
    ),
    "tr": _Phrases(
        "merhaba|selam|merhabalar|günaydın|iyi günler|iyi akşamlar|selamlar",
        "teşekkürler|teşekkür ederim|çok teşekkürler|çok teşekkür ederim|sağ ol|sağol|sağ olun|sağolun",
        "görüşürüz|hoşça kal|hoşçakal|güle güle|iyi geceler|hoşça kalın",
        "herkese|tamam|ok|harika|süper|peki|ve|yardımınız için|cevap için",
    ),
    "ru": _Phrases(
        "привет|здравствуйте|здравствуй|добрый день|доброе утро|добрый вечер|приветствую|доброго дня",
        "спасибо|большое спасибо|спасибо большое|благодарю|спасибо вам|огромное спасибо",
        "пока|до свидания|до встречи|всего доброго|всего хорошего|хорошего дня|спокойной ночи",
        "всем|вас|вам|ок|хорошо|отлично|понятно|супер|и|за помощь|за ответ|ещё раз|еще раз",
    ),
    "uk": _Phrases(
        "привіт|вітаю|доброго дня|добрий день|доброго ранку|добрий ранок|добрий вечір|здрастуйте",
        "дякую|дуже дякую|щиро дякую|велике спасибі|спасибі|красно дякую",
        "бувай|до побачення|до зустрічі|на все добре|гарного дня|надобраніч",
        "всім|вам|ок|добре|чудово|зрозуміло|супер|і|та|за допомогу|за відповідь",
    ),
    "ar": _Phrases(
        "مرحبا|مرحبًا|أهلا|اهلا|أهلًا|السلام عليكم|صباح الخير|مساء الخير|هلا|أهلا وسهلا",
        "شكرا|شكرًا|شكرا جزيلا|شكرًا جزيلًا|شكرا لك|شكرًا لك|أشكرك|جزاك الله خيرا",
        "مع السلامة|وداعا|وداعًا|إلى اللقاء|الى اللقاء|تصبح على خير|طاب يومك",
        "بكم|بك|حسنا|ممتاز|رائع|كثيرا|على المساعدة",
    ),
    "hi": _Phrases(
        "नमस्ते|नमस्कार|हैलो|हेलो|हाय|सुप्रभात|शुभ संध्या|namaste|namaskar",
        "धन्यवाद|शुक्रिया|बहुत धन्यवाद|बहुत बहुत धन्यवाद|बहुत शुक्रिया|dhanyavad|shukriya",
        "अलविदा|फिर मिलेंगे|शुभ रात्रि|बाय",
        "जी|सबको|ठीक है|आपका|अच्छा|और",
    ),
    "zh": _Phrases(
        "你好|您好|嗨|哈喽|早上好|下午好|晚上好|早安|大家好|你们好",
        "谢谢|谢谢你|谢谢您|多谢|非常感谢|感谢|太感谢了|谢了",
        "再见|拜拜|回头见|晚安|下次见",
        "啊|呀|了|好的|的|帮助|你的|您的|明白",
    ),
    "ja": _Phrases(
        "こんにちは|こんばんは|おはよう|おはようございます|はじめまして|どうも|やあ",
        "ありがとう|ありがとうございます|ありがとうございました|どうもありがとう|どうもありがとうございます|助かりました|感謝します",
        "さようなら|またね|ではまた|おやすみ|おやすみなさい|失礼します",
        "はい|わかりました|了解です|とても|本当に|みなさん",
    ),
    "ko": _Phrases(
        "안녕|안녕하세요|안녕하십니까|반갑습니다|좋은 아침|좋은 아침입니다",
        "감사합니다|고마워|고마워요|고맙습니다|감사해요|정말 감사합니다",
        "안녕히 계세요|안녕히 가세요|잘 있어|다음에 봐요|수고하세요",
        "네|알겠습니다|정말|여러분|도움",
    ),
}  # fmt: skip
_UNSPACED: Final = frozenset({"zh", "ja", "ko"})


def courtesy_of(text: str) -> tuple[Courtesy, str] | None:
    """What a message is that is nothing else, and in which language; a goodbye goes before thanks, and those before a greeting."""
    words = plain(text) if len(text) <= LONGEST else ""
    language = next((each for each in _PHRASES if _whole(each).fullmatch(words)), "") if words else ""
    if not language:
        return None
    said = (kind for kind in (Courtesy.FAREWELL, Courtesy.THANKS, Courtesy.GREETING) if _part(language, kind, words))
    kind = next(said, None)
    return (kind, language) if kind else None


def _part(language: str, kind: Courtesy, words: str) -> bool:
    return re.search(_bounded(getattr(_PHRASES[language], kind.value), language), words) is not None


@cache
def _whole(language: str) -> re.Pattern[str]:
    every = _bounded("|".join(_PHRASES[language]), language)
    return re.compile(rf"(?:{every}\s*)+")


def _bounded(phrases: str, language: str) -> str:
    longest_first = "|".join(sorted((plain(each) for each in phrases.split("|")), key=len, reverse=True))
    return rf"(?:{longest_first})" if language in _UNSPACED else rf"(?<!\S)(?:{longest_first})(?!\S)"
