"""What the platform itself says to visitors, in each language. A language without one of the sentences does not type-check, and does not start.

Why a table and no gettext catalogues: docs/decisions/0011-sentences-in-a-table.md. A new language is one more entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sentences:
    """``offer`` names between its quotation marks the word by which it is accepted (``services.ai.person_wish``)."""

    refusal: str  # the content holds no answer
    missing: str  # nor does it know {names}: part numbers, codes or versions of the question
    blocked: str  # a blocked topic
    unconfirmed: str  # behind a statement that no passage bears out
    handed_over: str  # a person has the conversation, or will soon
    passed_on: str  # the same, when a person has written already
    offer: str  # to hand over
    interrupted: str  # the answer broke off


SENTENCES: Final[dict[str, Sentences]] = {
    "en": Sentences(
        refusal="I could not find an answer to this in the documents I know.",
        missing="The documents I know do not mention {names}.",
        blocked="I cannot help with this topic here.",
        unconfirmed="(not confirmed by the sources)",
        handed_over="This conversation has been passed on to our team. A person will answer you here.",
        passed_on="Your message has been passed on. A person will answer you here.",
        offer="I can pass this conversation on to a person from our team, who will answer you here. Shall I? Answer “yes”, or go on asking me.",
        interrupted="The answer was interrupted by a restart of the server. Please ask again.",
    ),
    "de": Sentences(
        refusal="Dazu habe ich in den Dokumenten, die ich kenne, keine Antwort gefunden.",
        missing="In den Dokumenten, die ich kenne, kommt {names} nicht vor.",
        blocked="Bei diesem Thema kann ich hier nicht helfen.",
        unconfirmed="(von den Quellen nicht bestätigt)",
        handed_over="Dieses Gespräch wurde an unser Team weitergegeben. Ein Mensch wird Ihnen hier antworten.",
        passed_on="Ihre Nachricht wurde weitergegeben. Ein Mensch wird Ihnen hier antworten.",
        offer="Ich kann dieses Gespräch an einen Menschen aus unserem Team weitergeben, der Ihnen hier antwortet. Soll ich? Antworten Sie „Ja“, oder fragen Sie mich weiter.",
        interrupted="Die Antwort wurde durch einen Neustart des Servers unterbrochen. Bitte fragen Sie noch einmal.",
    ),
    "fr": Sentences(
        refusal="Je n’ai pas trouvé de réponse à cette question dans les documents que je connais.",
        missing="Les documents que je connais ne mentionnent pas {names}.",
        blocked="Je ne peux pas vous aider sur ce sujet ici.",
        unconfirmed="(non confirmé par les sources)",
        handed_over="Cette conversation a été transmise à notre équipe. Une personne vous répondra ici.",
        passed_on="Votre message a été transmis. Une personne vous répondra ici.",
        offer="Je peux transmettre cette conversation à une personne de notre équipe, qui vous répondra ici. Voulez-vous ? Répondez « oui », ou continuez à me poser vos questions.",
        interrupted="La réponse a été interrompue par un redémarrage du serveur. Veuillez reposer votre question.",
    ),
    "es": Sentences(
        refusal="No he encontrado una respuesta a esto en los documentos que conozco.",
        missing="Los documentos que conozco no mencionan {names}.",
        blocked="Aquí no puedo ayudar con este tema.",
        unconfirmed="(no confirmado por las fuentes)",
        handed_over="Esta conversación se ha pasado a nuestro equipo. Una persona le responderá aquí.",
        passed_on="Su mensaje se ha transmitido. Una persona le responderá aquí.",
        offer="Puedo pasar esta conversación a una persona de nuestro equipo, que le responderá aquí. ¿Quiere que lo haga? Responda «sí» o siga preguntándome.",
        interrupted="La respuesta se interrumpió porque el servidor se reinició. Por favor, pregunte de nuevo.",
    ),
    "it": Sentences(
        refusal="Non ho trovato una risposta a questa domanda nei documenti che conosco.",
        missing="I documenti che conosco non menzionano {names}.",
        blocked="Su questo argomento qui non posso essere d’aiuto.",
        unconfirmed="(non confermato dalle fonti)",
        handed_over="Questa conversazione è stata passata al nostro team. Una persona Le risponderà qui.",
        passed_on="Il Suo messaggio è stato inoltrato. Una persona Le risponderà qui.",
        offer="Posso passare questa conversazione a una persona del nostro team, che Le risponderà qui. Lo faccio? Risponda «sì» oppure continui a chiedere a me.",
        interrupted="La risposta è stata interrotta da un riavvio del server. La preghiamo di ripetere la domanda.",
    ),
    "pt": Sentences(
        refusal="Não encontrei resposta para isto nos documentos que conheço.",
        missing="Os documentos que conheço não mencionam {names}.",
        blocked="Não posso ajudar com este assunto aqui.",
        unconfirmed="(não confirmado pelas fontes)",
        handed_over="Esta conversa foi encaminhada para a nossa equipe. Uma pessoa responderá a você aqui.",
        passed_on="A sua mensagem foi encaminhada. Uma pessoa responderá a você aqui.",
        offer="Posso encaminhar esta conversa para uma pessoa da nossa equipe, que responderá a você aqui. Quer que eu faça isso? Responda “sim” ou continue a perguntar.",
        interrupted="A resposta foi interrompida por uma reinicialização do servidor. Por favor, pergunte novamente.",
    ),
    "nl": Sentences(
        refusal="Hierop heb ik in de documenten die ik ken geen antwoord gevonden.",
        missing="In de documenten die ik ken, komt {names} niet voor.",
        blocked="Met dit onderwerp kan ik hier niet helpen.",
        unconfirmed="(niet bevestigd door de bronnen)",
        handed_over="Dit gesprek is doorgegeven aan ons team. Een medewerker zal u hier antwoorden.",
        passed_on="Uw bericht is doorgegeven. Een medewerker zal u hier antwoorden.",
        offer="Ik kan dit gesprek doorgeven aan een medewerker van ons team, die u hier antwoordt. Zal ik dat doen? Antwoord “ja”, of stel mij een andere vraag.",
        interrupted="Het antwoord is onderbroken doordat de server opnieuw is gestart. Stel uw vraag alstublieft nog een keer.",
    ),
    "pl": Sentences(
        refusal="Nie znalazłem odpowiedzi na to pytanie w znanych mi dokumentach.",
        missing="W znanych mi dokumentach nie ma wzmianki o {names}.",
        blocked="W tej sprawie nie mogę tutaj pomóc.",
        unconfirmed="(niepotwierdzone przez źródła)",
        handed_over="Ta rozmowa została przekazana naszemu zespołowi. Odpowie tu człowiek.",
        passed_on="Wiadomość została przekazana. Odpowie tu człowiek.",
        offer="Mogę przekazać tę rozmowę osobie z naszego zespołu, która odpowie tutaj. Czy mam to zrobić? Proszę odpowiedzieć „tak” albo pytać mnie dalej.",
        interrupted="Odpowiedź została przerwana przez ponowne uruchomienie serwera. Proszę zapytać jeszcze raz.",
    ),
    "tr": Sentences(
        refusal="Bildiğim belgelerde bu soruya bir yanıt bulamadım.",
        missing="Bildiğim belgelerde {names} geçmiyor.",
        blocked="Bu konuda burada yardımcı olamıyorum.",
        unconfirmed="(kaynaklarca doğrulanmadı)",
        handed_over="Bu görüşme ekibimize aktarıldı. Bir yetkili size buradan yanıt verecek.",
        passed_on="Mesajınız iletildi. Bir yetkili size buradan yanıt verecek.",
        offer="Bu görüşmeyi ekibimizden birine aktarabilirim; size buradan yanıt verir. Aktarayım mı? “Evet” yazın ya da bana sormaya devam edin.",
        interrupted="Yanıt, sunucunun yeniden başlatılması nedeniyle yarıda kaldı. Lütfen tekrar sorun.",
    ),
    "ru": Sentences(
        refusal="Я не нашёл ответа на этот вопрос в известных мне документах.",
        missing="В известных мне документах не упоминается {names}.",
        blocked="С этой темой я здесь помочь не могу.",
        unconfirmed="(не подтверждено источниками)",
        handed_over="Этот разговор передан нашей команде. Вам здесь ответит человек.",
        passed_on="Ваше сообщение передано. Вам здесь ответит человек.",
        offer="Я могу передать этот разговор сотруднику нашей команды, он ответит вам здесь. Передать? Ответьте «да» или продолжайте спрашивать меня.",
        interrupted="Ответ прервался из-за перезапуска сервера. Пожалуйста, спросите ещё раз.",
    ),
    "uk": Sentences(
        refusal="Я не знайшов відповіді на це запитання у відомих мені документах.",
        missing="У відомих мені документах не згадується {names}.",
        blocked="З цією темою я тут допомогти не можу.",
        unconfirmed="(не підтверджено джерелами)",
        handed_over="Цю розмову передано нашій команді. Вам тут відповість людина.",
        passed_on="Ваше повідомлення передано. Вам тут відповість людина.",
        offer="Я можу передати цю розмову працівникові нашої команди, який відповість вам тут. Передати? Напишіть «так» або запитуйте мене далі.",
        interrupted="Відповідь перервалася через перезапуск сервера. Будь ласка, запитайте ще раз.",
    ),
    "ar": Sentences(
        refusal="لم أجد إجابة عن هذا السؤال في المستندات التي أعرفها.",
        missing="لا تذكر المستندات التي أعرفها {names}.",
        blocked="لا يمكنني المساعدة في هذا الموضوع هنا.",
        unconfirmed="(غير مؤكد من المصادر)",
        handed_over="تم تحويل هذه المحادثة إلى فريقنا، وسيجيبك أحد الموظفين هنا.",
        passed_on="تم إرسال رسالتك، وسيجيبك أحد الموظفين هنا.",
        offer="يمكنني تحويل هذه المحادثة إلى موظف من فريقنا ليجيبك هنا. هل أفعل ذلك؟ أجب بـ «نعم» أو تابع طرح أسئلتك عليّ.",
        interrupted="انقطعت الإجابة بسبب إعادة تشغيل الخادم. يرجى طرح السؤال مرة أخرى.",
    ),
    "hi": Sentences(
        refusal="जिन दस्तावेज़ों की मुझे जानकारी है, उनमें इस प्रश्न का उत्तर नहीं मिला।",
        missing="जिन दस्तावेज़ों की मुझे जानकारी है, उनमें {names} का उल्लेख नहीं है।",
        blocked="इस विषय में यहाँ सहायता नहीं की जा सकती।",
        unconfirmed="(स्रोतों से पुष्टि नहीं हुई)",
        handed_over="यह बातचीत हमारी टीम को सौंप दी गई है। टीम का कोई व्यक्ति आपको यहीं उत्तर देगा।",
        passed_on="आपका संदेश आगे भेज दिया गया है। टीम का कोई व्यक्ति आपको यहीं उत्तर देगा।",
        offer="यह बातचीत हमारी टीम के किसी व्यक्ति को सौंपी जा सकती है, जो आपको यहीं उत्तर देगा। क्या ऐसा किया जाए? “हाँ” लिखें, या मुझसे आगे पूछते रहें।",
        interrupted="सर्वर के पुनः आरंभ होने से उत्तर बीच में रुक गया। कृपया फिर से पूछें।",
    ),
    "zh": Sentences(
        refusal="在我所了解的文档中，没有找到这个问题的答案。",
        missing="我所了解的文档中没有提到 {names}。",
        blocked="我在这里无法就这个话题提供帮助。",
        unconfirmed="（来源未证实）",
        handed_over="此对话已转交给我们的团队，工作人员会在这里回复您。",
        passed_on="您的消息已转达，工作人员会在这里回复您。",
        offer="我可以把此对话转交给我们团队的工作人员，由其在这里回复您。需要转交吗？请回答“是”，或继续向我提问。",
        interrupted="由于服务器重启，回答中断了。请重新提问。",
    ),
    "ja": Sentences(
        refusal="私の知っている文書の中に、ご質問への回答は見つかりませんでした。",
        missing="私の知っている文書には、{names} についての記載がありません。",
        blocked="この話題については、こちらではお手伝いできません。",
        unconfirmed="（出典では確認されていません）",
        handed_over="この会話を担当チームに引き継ぎました。担当者がこちらでお答えします。",
        passed_on="メッセージを担当者に伝えました。担当者がこちらでお答えします。",
        offer="この会話を担当者に引き継ぎ、こちらでお答えすることができます。引き継ぎますか。「はい」とお答えになるか、このままご質問ください。",
        interrupted="サーバーの再起動により回答が中断されました。もう一度ご質問ください。",
    ),
    "ko": Sentences(
        refusal="제가 알고 있는 문서에서 이 질문에 대한 답을 찾지 못했습니다.",
        missing="제가 알고 있는 문서에는 {names}에 대한 언급이 없습니다.",
        blocked="이 주제는 여기에서 도와드릴 수 없습니다.",
        unconfirmed="(출처에서 확인되지 않음)",
        handed_over="이 대화를 담당 팀에 전달했습니다. 담당자가 여기에서 답변해 드립니다.",
        passed_on="메시지를 전달했습니다. 담당자가 여기에서 답변해 드립니다.",
        offer="이 대화를 담당자에게 전달하여 여기에서 답변을 받으시도록 할 수 있습니다. 전달할까요? “네”라고 답하시거나 계속 질문해 주세요.",
        interrupted="서버가 다시 시작되어 답변이 중단되었습니다. 다시 질문해 주세요.",
    ),
}
