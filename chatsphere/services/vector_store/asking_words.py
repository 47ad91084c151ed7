"""Words of a question that ask and name nothing: left out of a question, never out of a chunk, so nothing has to be indexed again.

Hardly any chunk says "how often" or "gibt es". Counted as words, these would be the rarest of the question, and a question that the documents
answer would seem to be about something else.
"""

from __future__ import annotations

from typing import Final

from chatsphere.services.vector_store.stop_words import STOP_WORDS

_ASKING: Final = {
    "en": """
        tell please explain describe give show me let's know want wants wanted need needs wish like possible happens happen happened
        happening way ways kind kinds sort sorts much many there someone anyone anybody somebody something anything everything
        exactly actually currently really still already ever even get gets got find finds go goes going make makes
        what's whats how's hows where's wheres who's whos when's there's that's it's i'm im i've i'd i'll you're you've we're
        don't dont doesn't doesnt didn't isn't isnt aren't arent won't wouldn't couldn't shouldn't haven't hasn't wasn't weren't can't cant
        hi hello hey thanks thank question wich whitch whcih waht wat hwo plz pls wondering wonder
    """,
    "de": """
        bitte sag sage sagen sagt erzähl erzähle erzählen erkläre erklär erklären beschreibe beschreiben zeig zeige zeigen nenn nenne
        nennen gib gibt gibt's gibts geben bekomm bekomme bekommen bekommt krieg kriege kriegen kriegt wann wieso weshalb woher wohin womit
        wofür woran worauf wovon wozu worin wem wen wessen wieviel wieviele wielange viel viele vielen mehr mehrere mehreren mehrerer
        mal denn eigentlich genau überhaupt gerade schon gern gerne möchte möchten möchtest wollen wollt darf dürfen dürft sollen sollten
        lassen lässt geht gehen gehe funktioniert funktionieren passiert passieren heißt bedeutet bedeuten tun mache machen macht finde
        finden findet wissen weiß weiss frage möglich hallo hi danke lange ist's kannst könnt könnten könntest habt seid bist wär wäre
        eure euren eurem eurer euch ihr ihre ihren soviel wirklich jemand irgendwo irgendwie irgendwelche statt stattfinden stattfindet
    """,
    "fr": """
        combien dites dis expliquez explique expliquer décrivez décrire montrez montrer donnez donner svp plaît merci bonjour salut
        pourriez pouvez pouvons peux puis puis-je peut-on pouvez-vous pourriez-vous faut faut-il dois dois-je doit-on doit devons
        existe existe-t-il y-a-t-il a-t-il est-ce qu'est-ce qu'est c'est s'il est-il est-elle sont-ils sont-elles ai-je avez-vous
        avez vais va vont voudrais veux veut voulez aimerais savoir sait trouver trouve obtenir passe arrive possible beaucoup
        quelqu'un chose lequel laquelle lesquels lesquelles où quoi combien faire fait-on fais faites comment-faire peut-il
    """,
    "es": """
        cuánto cuanto cuánta cuanta cuántos cuantos cuántas cuantas cuándo dime diga explica explique explicar describe describir
        muestra mostrar da dar favor hola gracias puedo puede pueden podemos podría podrían puedes debo debe deben hay existe existen
        quiero quiere quisiera querría necesito gustaría saber sabe encuentro encontrar obtener obtengo consigo conseguir pasa
        ocurre sucede posible hacer hago hace hacen adónde quiénes alguien algún alguna cuáles ofrecen tengo tenéis tienes
    """,
    "it": """
        quanto quanta quanti quante dimmi spiega spiegare spiegami descrivi mostra mostrare dammi favore ciao salve grazie posso
        può possiamo potrei potete puoi devo deve dobbiamo c'è ci-sono esiste esistono vorrei voglio vuole bisogno sapere trovo trovare
        ottenere ottengo ricevo succede capita possibile fare faccio fate qualcuno quando dov'è cos'è qual'è com'è avete
    """,
    "pt": """
        quanto quanta quantos quantas diga diz explique explica explicar descreva mostre mostrar dê favor olá oi obrigado obrigada posso
        pode podem podemos poderia devo deve devem existe existem quero queria gostaria preciso saber encontro encontrar obter consigo
        conseguir acontece possível fazer faço faz fazem alguém algum alguma onde quando vocês tenho
    """,
    "nl": """
        hoeveel zeg zeggen vertel vertellen leg uitleggen beschrijf toon tonen geef geven alstublieft alsjeblieft hallo bedankt kunt
        kun mag mogen moeten moest bestaat bestaan graag weten weet vind vinden krijg krijgt krijgen gebeurt mogelijk doen doe
        iemand iets wanneer waarmee waarvoor waarop welk jullie heb-ik gaat gaan lang er zijn
    """,
    "pl": """
        co jak jaki jaka jakie jakich jaką jest są czy ile kiedy gdzie dlaczego kto kogo który która które których skąd dokąd ja mogę
        może można moja mój moje mam masz ma mają mi mnie się na w we z ze do od po o u za i a oraz lub albo to ten ta te tego tej tych tym
        dla przy przez nie jeśli jeżeli proszę powiedz wyjaśnij opisz pokaż podaj daj dzień dobry cześć dziękuję chcę chciałbym chciałabym
        muszę trzeba wiedzieć znajdę znaleźć dostanę otrzymam dzieje możliwe robić zrobić macie państwo być będzie istnieje istnieją
    """,
    "ru": """
        сколько когда куда откуда зачем почему каков какова каковы какую каких каким скажите скажи расскажите расскажи объясните объясни
        опишите опиши покажите покажи дайте пожалуйста здравствуйте привет спасибо можно могу можете могут нужно надо должен должна
        должны существует существуют хочу хотел хотела хотелось знать найти получить получу происходит случится возможно делать сделать
        мой моя мое мои моего моей ваш ваша ваше ваши вашего вашей много часто долго который которая которые
    """,
    "sv": """
        vad hur när var vem vilken vilket vilka varför vart varifrån är finns kan kunna får få ska skall skulle måste vill jag du ni vi man
        min mitt mina din ditt dina er ert era och eller en ett den det de på i med för till från av om att som inte har hade blir bli
        många mycket länge säg berätta förklara beskriv visa ge snälla hej tack vet veta hitta hittar händer möjligt göra gör någon något
    """,
    "da": """
        hvad hvordan hvornår hvor hvem hvilken hvilket hvilke hvorfor er findes kan kunne får få skal skulle må vil jeg du i vi man min mit
        mine din dit dine jeres og eller en et den det de på med for til fra af om at som ikke har havde bliver mange meget længe sig fortæl
        forklar beskriv vis giv venligst hej tak ved vide finde finder sker muligt gøre gør nogen noget
    """,
    "no": """
        hva hvordan når hvor hvem hvilken hvilket hvilke hvorfor er finnes kan kunne får få skal skulle må vil jeg du dere vi man min mitt
        mine din ditt dine deres og eller en et den det de på i med for til fra av om at som ikke har hadde blir mange mye lenge si fortell
        forklar beskriv vis gi vennligst hei takk vet vite finne finner skjer mulig gjøre gjør noen noe
    """,
    "cs": """
        co jak jaký jaká jaké jakou je jsou zda kolik kdy kde proč kdo koho který která které odkud kam já mohu můžu může lze můj moje mám máte
        má mi se na v ve z ze do od po o u za i a nebo to ten ta ty toho pro při přes ne pokud prosím řekněte vysvětlete popište ukažte dobrý
        den děkuji chci chtěl chtěla musím třeba vědět najdu najít dostanu možné dělat udělat být bude existuje existují
    """,
    "tr": """
        ne nasıl nerede nereden nereye neden niçin kim hangi kaç mı mi mu mü midir var yok ben sen siz biz benim sizin bir bu şu o ve veya ile
        için olarak de da ki lütfen söyle anlat açıkla göster ver merhaba teşekkürler istiyorum gerekiyor gerekir lazım mümkün bulabilirim
        alabilirim yapabilirim olur oluyor kadar zaman
    """,
}  # fmt: skip

# What asks only right behind the word before it: "how long", "wie hoch".
_HOW: Final = {
    "en": ("how", "hows", "hwo"),
    "de": ("wie", "so"),
    "fr": ("combien", "quelle", "quel"),
    "es": ("cuán", "qué", "que", "cuánto", "cuanto"),
    "it": ("quanto", "che"),
    "pt": ("quão", "que", "quanto"),
    "nl": ("hoe",),
    "pl": ("jak",),
    "ru": ("как", "насколько"),
    "sv": ("hur",),
    "da": ("hvor",),
    "no": ("hvor",),
    "cs": ("jak",),
    "tr": ("ne",),
}
_DEGREES: Final = {
    "en": "long often far high big large soon quickly fast old late early big little few expensive heavy easily",
    "de": "hoch lang oft weit groß gross teuer schnell alt schwer häufig spät früh bald gut breit tief kurz lang hohe hohem",
    "fr": "temps fois heure",
    "es": "tiempo veces hora frecuencia",
    "it": "tempo volte ora spesso",
    "pt": "tempo vezes hora frequência",
    "nl": "lang vaak ver hoog groot duur snel oud zwaar laat vroeg",
    "pl": "długo często daleko wysoki wysoka duży duża drogo szybko",
    "ru": "долго часто далеко скоро быстро высок дорого",
    "sv": "lång långt länge ofta högt hög stor stort dyrt snabbt tid",
    "da": "lang langt længe ofte højt høj stor stort dyrt hurtigt tit",
    "no": "lang langt lenge ofte høyt høy stor stort dyrt raskt",
    "cs": "dlouho často daleko vysoký vysoká velký drahé rychle",
    "tr": "kadar zaman sıklıkla",
}
_SPLIT_DEGREES: Final = {language: frozenset(words.split()) for language, words in _DEGREES.items()}

EMPTY: Final = {
    language: STOP_WORDS.get(language, frozenset()) | frozenset(_ASKING.get(language, "").split())
    for language in {*STOP_WORDS, *_ASKING}
}


def asks_how(before: str, word: str, language: str) -> bool:
    """Whether ``word``, folded, only asks for a measure behind the word before it. ``language`` is a primary one."""
    return before in _HOW.get(language, ()) and word in _SPLIT_DEGREES.get(language, ())
