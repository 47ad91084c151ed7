"""Recognises the plain wish to talk to a person, and a plain yes to the offer of one, in sixteen languages.

By patterns, not by meaning: a chatbot that hands over too eagerly is worse than one that is told twice. Only short messages are looked at,
and a question about persons ("does a person read my application?") is none of these wishes. It costs some microseconds.
"""

from __future__ import annotations

import re
from typing import Final

from chatsphere.services.ai.plain_text import plain

LONGEST: Final = 160  # characters; whoever writes more has a question of their own in it
LONGEST_YES: Final = 40

_EN_WHO = (
    r"(?:an?|the|some|your|any|another)?\s*(?:(?:real|live|actual|human|customer|support|service|other|different|member of(?: the| your)?)\s+)*"
    r"(?:human(?: being)?s?|persons?|people|agents?|somebody|someone|representatives?|reps?|operators?|employees?|advisors?|colleagues?|"
    r"staff|team|support|service)\b"
)
_EN_MAY = r"(?:^|\b(?:want(?: to)?|wanna|(?:like|love|prefer|need|wish|ask|rather)(?: to)?|(?:can|could|may) i|let me|how (?:do|can) i|please|possible to)\s+)"

# In each language: "… talk to a person", "connect me with …", "I need an agent", and the bare noun.
_WISHES: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        rf"{_EN_MAY}(?:talk|speak|chat)(?:ing)? (?:to|with) {_EN_WHO}",
        rf"\b(?:connect|transfer|put|pass|hand|switch|forward) me (?:through |over |on )*(?:to|with) {_EN_WHO}",
        (r"\b(?:want|need|like|prefer|get me|give me|get|is there) (?:an? |some )?(?:(?:real|live|actual|human) )*"
        r"(?:human(?: being)?|person|agent|operator|representative)(?= please| now| here| instead|$)"),
        (r"^(?:(?:an?|real|live|actual|human|no|just|please|hey|hello|hi) )*"
        r"(?:human(?: being)?|person|agent|operator|representative|human support|customer service)(?: please| now)*$"),
    ),
    "de": (
        (r"\bmit (?:ein(?:em|er)|jemande?[mn]?|euch|ihnen)?\s*(?:(?:echten|richtigen|realen|menschlichen|anderen|eurem|ihrem|deinem) )*"
        r"(?:mensch(?:en)?|person|jemande[mn]|mitarbeiter(?:in)?|berater(?:in)?|kundenservice|kundendienst|support|ansprechpartner(?:in)?)"
        r"\b.*\b(?:sprechen|reden|schreiben|chatten|verbinden|telefonieren|verbunden)\b"),
        (r"\b(?:sprechen|reden|chatten|verbinden|verbinde) (?:sie )?(?:mich )?mit (?:ein(?:em|er) )?(?:(?:echten|richtigen|menschlichen) )*"
        r"(?:mensch(?:en)?|person|mitarbeiter(?:in)?|berater(?:in)?|jemande[mn])\b"),
        (r"\b(?:will|möchte|brauche|hätte gern(?:e)?|bitte) (?:(?:einen?|mit) )?(?:(?:echten?|richtigen?|menschlichen?) )*"
        r"(?:menschen|mitarbeiter(?:in)?|berater(?:in)?|ansprechpartner(?:in)?)(?= bitte| sprechen|$)"),
        r"^(?:(?:ein(?:en)?|echter|echten|bitte|nein) )*(?:mensch(?:en)?|mitarbeiter(?:in)?|kundenservice|berater(?:in)?)(?: bitte)*$",
    ),
    "fr": (
        (r"\b(?:parler|discuter|échanger|communiquer) (?:à|avec|au) (?:une?|quelqu un|l |un de vos |votre )?\s*(?:(?:vraie?|véritable|autre) )*"
        r"(?:humain|être humain|personne|conseill(?:er|ère)|agent|quelqu un|service client|opérateur|opératrice|employée?|support)\b"),
        (r"\b(?:mett(?:ez|re)|pass(?:ez|er)|transfér(?:ez|er)|transfere[rz]?) moi (?:en (?:relation|contact) )?(?:à|avec|vers)? ?(?:une?|quelqu un)?\s*"
        r"(?:vraie? )?(?:humain|personne|conseill(?:er|ère)|agent|quelqu un|service client)\b"),
        r"^(?:(?:une?|vraie?|non|s il vous plaît|svp) )*(?:humain|être humain|conseill(?:er|ère)|agent|vraie personne)(?: s il (?:vous|te) plaît| svp)*$",
    ),
    "es": (
        (r"\b(?:hablar|chatear|comunicarme|conversar) con (?:una?|algún|alguna)?\s*(?:(?:verdader[oa]|ser|otr[oa]) )*"
        r"(?:humano|persona|agente|alguien|operador[a]?|asesor[a]?|representante|empleado|soporte|atención al cliente)\b"),
        (r"\b(?:p[áa]s[ae]me|con[ée]ct[ae]me|comun[íi](?:qu|c)[ae]me|transfi[ée]r[ae]me|ponme|póngame) (?:con|a) (?:una?|algún)?\s*"
        r"(?:ser )?(?:humano|persona|agente|alguien|operador[a]?|asesor[a]?|representante)\b"),
        r"^(?:(?:una?|no|ser) )*(?:humano|agente|asesor[a]?|operador[a]?|persona real)(?: por favor)*$",
    ),
    "it": (
        (r"\b(?:parlare|chattare|comunicare) con (?:una?|qualche|il|l |un vostro )?\s*(?:(?:vera?|vero|altra|essere) )*"
        r"(?:umano|persona|operatore|operatrice|qualcuno|assistenza|addett[oa]|consulente|collega|servizio clienti)\b"),
        (r"\b(?:mi )?(?:passi|passami|metta|mettimi|colleghi|trasferisci|trasferisca)(?:mi)? (?:in contatto )?(?:a|con|all ) ?(?:una?)?\s*"
        r"(?:essere )?(?:umano|persona|operatore|operatrice|qualcuno)\b"),
        r"^(?:(?:una?|no|essere|vera) )*(?:umano|operatore|operatrice|persona vera)(?: per favore)*$",
    ),
    "pt": (
        (r"\b(?:falar|conversar) com (?:uma?|algu[ée]m|o|a)?\s*(?:(?:verdadeir[oa]|ser|outr[oa]) )*"
        r"(?:humano|pessoa|atendente|algu[ée]m|operador[a]?|agente|suporte|representante|funcionário|atendimento)\b"),
        (r"\b(?:passe me|me passe|me passa|transfira|me transfere|transfere me|me transfira) (?:para|a) (?:uma?)?\s*"
        r"(?:ser )?(?:humano|pessoa|atendente|algu[ée]m|operador[a]?)\b"),
        r"^(?:(?:uma?|não|ser) )*(?:humano|atendente|pessoa real|atendimento humano)(?: por favor)*$",
    ),
    "nl": (
        (r"\bmet (?:een|iemand|jullie|uw)?\s*(?:(?:echte?|andere|menselijke) )*(?:mens|persoon|medewerker|iemand|klantenservice|adviseur|collega)\b"
        r".*\b(?:spreken|praten|chatten|verbinden|doorverbonden|bellen)\b"),
        r"\b(?:spreken|praten|chatten|doorverbinden) met (?:een )?(?:(?:echte?|menselijke) )*(?:mens|persoon|medewerker|iemand|klantenservice)\b",
        r"\b(?:spreek|praat) (?:ik )?(?:liever )?(?:graag )?(?:met )?(?:een )?(?:echte? )?(?:mens|persoon|medewerker)\b",
        r"^(?:(?:een|nee|echte?) )*(?:mens|medewerker|persoon)(?: alstublieft| alsjeblieft| graag)*$",
    ),
    "pl": (
        (r"\b(?:porozmawiać|rozmawiać|pogadać|połączyć(?: się| mnie)?|skontaktować się|porozmawiam) (?:się )?z (?:(?:żywym|prawdziwym|kimś) )*"
        r"(?:człowiekiem|osobą|konsultantem|konsultantką|pracownikiem|kimś|doradcą|obsługą)\b"),
        r"\b(?:połącz|przełącz|połączcie) mnie (?:z|do) (?:(?:żywym|prawdziwym) )*(?:człowiekiem|osobą|konsultantem|pracownikiem|konsultanta|człowieka)\b",
        r"^(?:(?:nie|żywy) )*(?:człowiek|konsultant|poproszę człowieka|poproszę konsultanta)(?: proszę)*$",
    ),
    "tr": (
        (r"\b(?:bir )?(?:gerçek )?(?:bir )?(?:insan(?:la)?|kişi(?:yle)?|yetkili(?:yle)?|temsilci(?:yle|niz(?:le)?)?|müşteri temsilcisi(?:yle)?|biri(?:yle)?|operatör(?:le)?)"
        r"(?: ile)? (?:konuş|görüş|yazış)\w*"),
        r"\b(?:temsilciye|insana|yetkiliye|müşteri temsilcisine|operatöre|birine) (?:bağla|aktar)\w*",
        r"^(?:(?:bir|gerçek|hayır) )*(?:insan|temsilci|müşteri temsilcisi|operatör|yetkili)(?: lütfen)*$",
    ),
    "ru": (
        (r"\b(?:поговорить|говорить|пообщаться|связаться|общаться|побеседовать) с (?:(?:живым|реальным|вашим|каким нибудь) )*"
        r"(?:человеком|оператором|сотрудником|менеджером|специалистом|кем нибудь|кем то|консультантом|поддержкой)\b"),
        (r"\b(?:соедините|соедини|переключите|переведите|переключи|свяжите)(?: меня)? (?:с|на) (?:(?:живым|живого) )*"
        r"(?:человеком|человека|оператором|оператора|сотрудником|сотрудника|менеджером|менеджера|специалистом)\b"),
        r"\b(?:нужен|позовите|хочу|дайте) (?:живо(?:й|го) )?(?:человека?|оператора?|сотрудника?)(?= пожалуйста|$)",
        r"^(?:(?:нет|живой) )*(?:человек|оператор|оператора|живой человек)(?: пожалуйста)*$",
    ),
    "uk": (
        (r"\b(?:поговорити|говорити|поспілкуватися|зв язатися|спілкуватися) (?:з|із|зі) (?:(?:живою|реальною|вашим) )*"
        r"(?:людиною|оператором|працівником|менеджером|кимось|фахівцем|консультантом|підтримкою)\b"),
        r"\b(?:з єднайте|переключіть|з єднай|переведіть)(?: мене)? (?:з|із|на) (?:(?:живою|живу) )*(?:людиною|людину|оператором|оператора|працівником|менеджером)\b",
        r"\b(?:потрібен|потрібна|покличте|хочу|дайте) (?:жив(?:а|у|ий|ого) )?(?:людин[ау]|оператора?|працівника?)(?= будь ласка|$)",
        r"^(?:(?:ні|жива) )*(?:людина|людину|оператор|оператора)(?: будь ласка)*$",
    ),
    "ar": (
        r"(?:التحدث|الحديث|أتحدث|اتحدث|أتكلم|اتكلم|التكلم|التواصل|أتواصل|اتواصل|الكلام) (?:مع|إلى|الى) (?:شخص|إنسان|انسان|موظف|أحد|احد|ممثل|خدمة العملاء|بشري)",
        r"(?:حولني|حوّلني|وصلني|أوصلني|اوصلني) (?:إلى|الى|ب|مع) ?(?:شخص|إنسان|انسان|موظف|ممثل|خدمة العملاء)",
        r"(?:أريد|اريد|أحتاج|احتاج) (?:شخصا?ً?|إنسانا?ً?|موظفا?ً?|انسان)(?: حقيقيا?ً?)?(?: من فضلك)?$",
    ),
    "hi": (
        r"(?:इंसान|इन्सान|व्यक्ति|आदमी|मनुष्य|एजेंट|प्रतिनिधि|किसी|कर्मचारी|ग्राहक सेवा|कस्टमर केयर) (?:से|के साथ) (?:बात|बातचीत|संपर्क|चैट)",
        r"(?:insaan|insan|agent|vyakti|kisi|aadmi) se (?:baat|bat|chat)",
    ),
    "zh": (
        r"(?:转|找|要|叫|接|换|联系|需要|想要)(?:一?[个位下])?(?:到|给)?(?:真人|人工|客服人员|工作人员|人工客服|在线客服)(?!智能|费|时间|电话号码|神经)",
        r"(?:和|跟|与|同)(?:一?[个位]|你们的)?(?:真人|人工|客服|工作人员|真正的人|人类|活人)(?:人员)?(?:说话|聊|谈|对话|沟通|联系|交谈|讲话|讲)",
        r"^(?:真人|人工|人工客服|人工服务|真人客服|客服)$",
    ),
    "ja": (
        r"(?:人間|オペレーター?|担当者|スタッフ|有人|係の人|係の方|担当の方|本物の人|係員)(?:の方)?(?:と|に|へ)(?:直接)?(?:話|はな|会話|相談|チャット|つない|繋い|代わ|かわ|問い合わせ|連絡)",
        r"(?<![一-龯])人と(?:直接)?(?:話し|会話し|チャットし|話せ)",
        r"^(?:人間|オペレーター?|担当者|有人対応|有人チャット)(?:を|に)?(?:お願いします|お願い|希望)?$",
    ),
    "ko": (
        r"(?:사람|상담원|상담사|담당자|직원|실제 사람|진짜 사람)(?:이?랑|하고|과|와|에게|한테)?\s?(?:직접 )?(?:이야기|얘기|대화|통화|상담|말하|연결|채팅)",
        r"^(?:사람|상담원|상담사|담당자|직원)(?: ?연결)?(?:해 ?주세요| 부탁(?:해요|드립니다|합니다)| 바꿔 ?주세요)?$",
    ),
}  # fmt: skip

_YES: Final[dict[str, str]] = {
    "en": "yes|yes please|yeah|yep|yup|sure|ok|okay|please do|please|go ahead|do it|of course|yes do",
    "de": "ja|ja bitte|ja gern|ja gerne|gern|gerne|bitte|ok|okay|klar|ja klar|natürlich|mach das|machen sie das",
    "fr": "oui|oui s il vous plaît|oui s il te plaît|oui svp|oui merci|volontiers|d accord|ok|bien sûr|avec plaisir|je veux bien",
    "es": "sí|si|sí por favor|si por favor|claro|claro que sí|vale|de acuerdo|por favor|ok",
    "it": "sì|si|sì grazie|si grazie|sì per favore|si per favore|certo|va bene|volentieri|ok|d accordo",
    "pt": "sim|sim por favor|claro|pode ser|por favor|ok|quero|sim quero|está bem",
    "nl": "ja|ja graag|graag|ja alstublieft|ja alsjeblieft|prima|oké|ok|doe maar|natuurlijk",
    "pl": "tak|tak proszę|tak poproszę|poproszę|proszę|jasne|ok|oczywiście|dobrze",
    "tr": "evet|evet lütfen|olur|tamam|lütfen|tabii|evet aktar|aktar|aktarın",
    "ru": "да|да пожалуйста|пожалуйста|хорошо|конечно|давайте|передайте|да передайте|ок",
    "uk": "так|так будь ласка|будь ласка|добре|звичайно|передайте|так передайте|давайте|ок",
    "ar": "نعم|نعم من فضلك|أجل|اجل|حسنا|حسنًا|من فضلك|تمام|موافق|أكيد",
    "hi": "हाँ|हां|जी|जी हाँ|जी हां|हाँ कृपया|ठीक है|कृपया|haan|ha ji|ji haan",
    "zh": "是|是的|好|好的|可以|要|需要|转吧|请转交|请转|行|嗯|对",
    "ja": "はい|はい お願いします|はいお願いします|お願いします|お願い|ええ|うん|引き継いでください",
    "ko": "네|예|네 부탁드립니다|네 부탁합니다|부탁드립니다|좋아요|그래요|네 전달해 주세요|응",
}

LANGUAGES: Final = tuple(_WISHES)
_PATTERNS: Final = {
    language: tuple(re.compile(pattern) for pattern in patterns) for language, patterns in _WISHES.items()
}
_AGREEMENTS: Final = frozenset(word for words in _YES.values() for word in words.split("|"))


def wish_language(text: str) -> str:
    """The language in which a text plainly wishes for a person; empty when it does not."""
    words = plain(text) if len(text) <= LONGEST else ""
    found = (language for language, patterns in _PATTERNS.items() if any(each.search(words) for each in patterns))
    return next(found, "") if words else ""


def agrees(text: str) -> bool:
    """Whether a text is a plain yes, in any of these languages."""
    return len(text) <= LONGEST_YES and plain(text) in _AGREEMENTS
