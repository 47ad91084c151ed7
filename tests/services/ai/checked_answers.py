"""Answers as chat models give them, with what of them no passage bears out: the golden set of the citation check.

``WRONG`` names a piece of each statement that must be found; everything else in the answer must be let alone. ``HELD_OUT`` was written after the
rules were made and is not used to tune them.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chatsphere.services.types import SearchHit

PASSAGES: dict[str, tuple[str, str]] = {
    "refunds": ("Refunds", "You can get the full amount back within 14 days of delivery. After that we charge 15 % of the price. Refunds arrive on the same card within 5 to 10 business days. Opened software cannot be returned. Gift cards are never refunded."),
    "browsers": ("Supported browsers", "The web app supports Chrome, Firefox, Edge and Safari in their two latest versions. Internet Explorer is not supported. On phones you need Android 12 or iOS 16. Cookies must be enabled."),
    "hosting": ("Security", "All customer data is stored in Frankfurt (Germany), with backups in Dublin (Ireland). Data is encrypted at rest with AES-256. Backups are kept for 35 days. Only the two founders, Ann Bell and Tom Reed, hold the master key."),
    "devices": ("Thermostats", "The TH-100-EU is a wall thermostat for single rooms. It weighs 310 g and runs on two AA batteries. The TH-200 has a colour display and a built-in motion sensor. It weighs 280 g and needs a 24 V supply. Both come with a warranty of three years."),
    "table": ("Prices", "Prices for each month:\n\n| Plan | Price | Seats | Storage |\n|---|---|---|---|\n| Basic | 9 € | 1 | 5 GB |\n| Pro | 29 € | 10 | 100 GB |\n| Enterprise | 99 € | 250 | 2 TB |\n\nYearly payment saves two months. Students get Pro for half the price."),
    "password": ("Sign in", "To reset your password, open the sign-in page and click \"Forgot password?\". We send you a link by e-mail. The link is valid for 60 minutes. If no mail arrives, look into your spam folder. Administrators can reset the passwords of their members under Settings › Members."),
    "hours": ("Contact", "Our support answers from Monday to Friday, 9:00 to 17:00 (CET). On public holidays nobody is there. Customers with an Enterprise plan also reach us at weekends under +49 30 1234567."),
    "api": ("API limits", "Each key may send 600 requests a minute. Above that the server answers 429 with a Retry-After header. Uploads are limited to 50 MB a file. Webhooks are sent up to eight times, for the last time after 24 hours. Rate limits do not apply to health checks."),
    "install": ("Installation", "Install the program with\n\n```\npip install brightmeter\n```\n\nThen start it with `brightmeter serve --port 8080`. It needs Python 3.11 or newer and 512 MB of memory. Windows is supported since version 2.4; macOS is still experimental."),
    "de_return": ("Rückgabe", "Sie können die Ware innerhalb von 30 Tagen ohne Angabe von Gründen zurückgeben. Die Kosten der Rücksendung trägt der Kunde. Der Betrag wird innerhalb von 14 Tagen auf das ursprüngliche Zahlungsmittel erstattet. Versiegelte Hygieneartikel sind vom Umtausch ausgeschlossen. Gutscheine werden nicht ausgezahlt."),
    "de_leave": ("Urlaub", "Vollzeitkräfte haben 28 Tage Urlaub im Jahr. In der Probezeit von sechs Monaten gilt der Anspruch anteilig. Resturlaub verfällt am 31. März des Folgejahres. Anträge genehmigt die Teamleitung, in der Filiale Köln Frau Schneider und in der Filiale Bremen Herr Yilmaz."),
    "zh": ("退款政策", "收到商品后7天内可以申请全额退款。退款将在3到5个工作日内退回原支付账户。已拆封的软件不支持退货。运费由买家承担。客服时间为周一至周五上午9点到下午6点。"),
    "fr": ("Livraison", "Les commandes partent de notre entrepôt de Lyon sous 48 heures. La livraison en France coûte 4,90 € et elle est gratuite à partir de 60 €. Nous ne livrons pas en Corse. Le numéro de suivi est envoyé par e-mail."),
    "es": ("Garantía", "Todos los aparatos tienen una garantía de tres años. La garantía no cubre los daños causados por el agua. Para reclamar necesita la factura de compra. Las reparaciones se hacen en nuestro taller de Valencia y tardan unos 10 días."),
    "ja": ("配送", "ご注文は2営業日以内に発送します。送料は全国一律500円で、5000円以上のご注文は無料です。沖縄への配送はできません。配送状況はマイページで確認できます。"),
    "ru": ("Оплата", "Оплатить заказ можно банковской картой или наличными при получении. Мы не принимаем чеки. Деньги за отменённый заказ возвращаются в течение 10 дней. Счёт для организаций отправляем по электронной почте."),
    "gym": ("Membership", "A membership runs for twelve months and is extended by one month at a time unless you cancel four weeks before its end. The Gold card costs 39.90 € a month and includes the sauna; the Silver card costs 24.90 € and does not. Children under 14 may not use the free weights. Guests of members pay 12 € a visit. The pool is closed on Tuesdays for cleaning."),
    "router": ("RX-50 manual", "Hold the reset button of the RX-50 for ten seconds until the red light blinks. All settings are then deleted. The RX-50 supports Wi-Fi 6 on 2.4 and 5 GHz; the older RX-30 supports 2.4 GHz only. Up to 64 devices can be connected at once. Do not place the router near a microwave oven. Firmware 3.2 brings WPA3."),
    "loan": ("Student loans", "Interest is 4.5 % a year and starts when you graduate. You repay 9 % of what you earn above £27,295. Nothing is due while you study or earn less. The loan is written off after 30 years. Early repayment is possible at any time and costs nothing. Applications close on 31 May."),
    "de_tarif": ("Tarife", "Der Tarif Klein kostet 8 Euro im Monat und enthält 5 GB Datenvolumen. Der Tarif Groß kostet 18 Euro und enthält 40 GB. Telefonate ins Ausland sind in keinem Tarif enthalten. Die Kündigungsfrist beträgt einen Monat. Der Kundendienst ist montags bis freitags von 8 bis 20 Uhr erreichbar."),
    "zh_wifi": ("说明书", "长按复位键10秒可恢复出厂设置。本产品支持2.4GHz和5GHz频段，最多可连接64台设备。请勿将路由器放在微波炉旁边。保修期为两年，人为损坏不在保修范围内。"),
    "it": ("Spedizioni", "Spediamo in tutta Italia entro tre giorni lavorativi. La spedizione costa 6,50 € e non è rimborsabile. I resi sono possibili entro 14 giorni dal ricevimento. Non accettiamo pagamenti in contrassegno."),
    "nl": ("Retourneren", "U kunt artikelen binnen 14 dagen kosteloos terugsturen. Ondergoed kan niet worden geretourneerd. Het bedrag staat binnen vijf werkdagen op uw rekening."),
    "pt": ("Reservas", "A reserva pode ser cancelada gratuitamente até 48 horas antes da chegada. O pequeno-almoço não está incluído no preço. O check-in é a partir das 15:00."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checked:
    """``wrong``: a piece of every statement that no passage bears out; empty for a good answer."""

    kind: str
    language: str
    passages: tuple[str, ...]
    answer: str
    wrong: tuple[str, ...] = ()


def _good(kind: str, language: str, passages: str, *answers: str) -> list[Checked]:
    return [Checked(kind, language, tuple(passages.split()), answer) for answer in answers]


def _bad(kind: str, language: str, passages: str, *answers: tuple[str, str]) -> list[Checked]:
    return [
        Checked(kind, language, tuple(passages.split()), answer, tuple(wrong.split("|"))) for answer, wrong in answers
    ]


TUNED: list[Checked] = [
    *_good("paraphrase", "en", "refunds",
        "Refunds arrive on the same card within 5 to 10 business days [1].",
        "You get the full amount back if you return the item within 14 days of delivery [1]. Later returns cost 15 % of the price [1].",
        "Your money is back on your card after 5–10 business days [1].",
        "No, opened software can't be returned [1].",
        "Gift cards are not refunded [1].",
        "The full price is refunded within 14 days of delivery, but not for gift cards or opened software [1]."),
    *_good("paraphrase", "en", "browsers",
        "No. Internet Explorer is not supported; use Chrome, Firefox, Edge or Safari instead [1].",
        "Internet Explorer is unsupported [1].",
        "You need Android 12 or iOS 16 on a phone [1], and cookies have to be enabled [1].",
        "Yes, Firefox is supported in its two latest versions [1]."),
    *_good("paraphrase", "en", "hosting",
        "All customer data is stored in Frankfurt, Germany [1]. The backups are in Dublin [1].",
        "Your data is encrypted with AES-256 at rest, and backups are kept for 35 days [1].",
        "The master key is held only by the founders, Ann Bell and Tom Reed [1]."),
    *_good("paraphrase", "en", "devices",
        "The TH-100-EU weighs 310 g [1].",
        "The TH-200 weighs 280 g and needs a 24 V supply [1].",
        "The TH-100-EU runs on two AA batteries, whereas the TH-200 needs a 24 V supply [1]. Both have a three-year warranty [1].",
        "The TH-100-EU is lighter on power than it looks: it runs on two AA batteries [1]. It weighs 310 g [1]."),
    *_good("two sentences", "en", "refunds",
        "You can return an order within 14 days for the full amount, and the refund is on your card within 5 to 10 business days [1].",
        "After 14 days we charge 15 % of the price, and gift cards are never refunded [1]."),
    *_good("two sentences", "en", "api",
        "A key that sends more than 600 requests a minute gets the answer 429 with a Retry-After header [1].",
        "Webhooks are sent up to eight times; the last try comes after 24 hours [1]. Health checks are not rate limited [1]."),
    *_good("list", "en", "password",
        "To reset your password:\n\n1. Open the sign-in page [1].\n2. Click \"Forgot password?\" [1].\n3. Open the link that we send you by e-mail [1]. It is valid for 60 minutes [1].\n\nLet me know if you need more help!",
        "Here is how it works:\n- Open the sign-in page and click \"Forgot password?\"\n- You get a link by e-mail, valid for 60 minutes\n- If there is no mail, look into the spam folder [1]"),
    *_good("list", "en", "browsers hosting",
        "**Browsers**\n\n- Chrome, Firefox, Edge and Safari are supported [1]\n- Internet Explorer is not supported [1]\n\n**Security**\n\n- Data is encrypted at rest with AES-256 [2]\n- Backups are kept for 35 days [2]"),
    *_good("table", "en", "table",
        "The Pro plan costs 29 € a month and has 10 seats and 100 GB of storage [1].",
        "Basic is 9 € with one seat, Pro is 29 € with 10 seats, Enterprise is 99 € with 250 seats [1].",
        "| Plan | Price |\n|---|---|\n| Basic | 9 € [1] |\n| Pro | 29 € [1] |",
        "Students get the Pro plan for half the price [1]."),
    *_good("courtesy", "en", "hours",
        "Hello! Our support answers from Monday to Friday, 9:00 to 17:00 (CET) [1]. Is there anything else I can help you with?",
        "Sure, I'm happy to help. Nobody is there on public holidays [1].",
        "You reach us on weekdays between 9 and 17 CET [1]. With an Enterprise plan you can also call +49 30 1234567 at weekends [1]. I hope this helps!"),
    *_good("honest", "en", "hours",
        "Support answers from Monday to Friday [1]. The sources do not say whether there is a chat.",
        "The sources don't mention a support office in Spain.",
        "Our support answers from 9:00 to 17:00 (CET) [1]. Unfortunately, there is no information about average waiting times in the sources."),
    *_good("code", "en", "install",
        "Run this command [1]:\n\n```\npip install brightmeter\n```\n\nThen start it with `brightmeter serve --port 8080` [1].",
        "You need Python 3.11 or newer [1]. Windows works since version 2.4, macOS is experimental [1]."),
    *_good("several passages", "en", "api hours",
        "Each key may send 600 requests a minute [1]. If that is not enough, support answers from Monday to Friday, 9:00 to 17:00 [2].",
        "Uploads are limited to 50 MB a file [1], and support answers on weekdays from Monday to Friday [2]."),
    *_good("paraphrase", "de", "de_return",
        "Sie können die Ware innerhalb von 30 Tagen zurückgeben [1]. Die Rücksendekosten trägt der Kunde [1].",
        "Das Geld wird innerhalb von 14 Tagen auf das ursprüngliche Zahlungsmittel erstattet [1].",
        "Nein, Gutscheine werden nicht ausgezahlt [1]. Versiegelte Hygieneartikel können nicht umgetauscht werden [1].",
        "Die Rückgabe ist 30 Tage lang ohne Angabe von Gründen möglich, die Kosten der Rücksendung tragen Sie selbst [1]. Kann ich Ihnen sonst noch helfen?",
        "Gern! Eine Angabe von Gründen ist nicht nötig: Sie können die Ware innerhalb von 30 Tagen zurückgeben [1]."),
    *_good("paraphrase", "de", "de_leave",
        "Vollzeitkräfte haben 28 Urlaubstage im Jahr [1]. Der Resturlaub verfällt am 31. März des nächsten Jahres [1].",
        "In Köln genehmigt Frau Schneider den Antrag, in Bremen Herr Yilmaz [1].",
        "In den Quellen steht nichts über Sonderurlaub."),
    *_good("paraphrase", "zh", "zh",
        "您可以在收到商品后7天内申请全额退款 [1]。退款会在3到5个工作日内退回原支付账户 [1]。",
        "已拆封的软件不能退货 [1]。运费由买家承担 [1]。",
        "客服时间是周一至周五上午9点到下午6点[1]。还有什么可以帮您的吗？",
        "您好！退款需要3到5个工作日[1]。"),
    *_good("paraphrase", "fr", "fr",
        "La livraison en France coûte 4,90 € ; elle est gratuite à partir de 60 € [1].",
        "Non, nous ne livrons pas en Corse [1]. Votre commande part de Lyon sous 48 heures [1]."),
    *_good("paraphrase", "es", "es",
        "La garantía dura tres años y no cubre los daños por agua [1].",
        "Las reparaciones se hacen en el taller de Valencia y tardan unos 10 días [1]. ¿Puedo ayudarle en algo más?"),
    *_good("paraphrase", "ja", "ja", "ご注文は2営業日以内に発送されます[1]。送料は全国一律500円です[1]。", "沖縄への配送はできません[1]。"),
    *_good("paraphrase", "ru", "ru", "Заказ можно оплатить банковской картой или наличными при получении [1]. Чеки мы не принимаем [1]."),
    *_good("another language", "de", "browsers", "Nein, der Internet Explorer wird nicht unterstützt [1]. Auf dem Telefon brauchen Sie Android 12 oder iOS 16 [1]."),

    *_bad("invented before", "en", "refunds",
        ("Every customer also gets a voucher of €500 from Peter Miller. Refunds arrive on the same card within 5 to 10 business days [1].", "voucher"),
        ("We also pay for the taxi to the post office. Refunds arrive on the same card within 5 to 10 business days [1].", "taxi"),
        ("Our warehouse team inspects each parcel by hand. You get the full amount back within 14 days of delivery [1].", "inspects")),
    *_bad("invented after", "en", "refunds",
        ("Refunds arrive on the same card within 5 to 10 business days [1]. Every customer also gets a voucher of €500 from Peter Miller.", "voucher"),
        ("Gift cards are never refunded [1]. You may exchange them for flowers in any of our stores.", "flowers"),
        ("Gift cards are never refunded [1].\n\nYou may exchange them for flowers in any of our stores.", "flowers")),
    *_bad("invented and cited", "en", "hours",
        ("Support is given by certified engineers with ten years of experience [1].", "certified"),
        ("Support answers from Monday to Friday and speaks Dutch, Polish and Greek [1].", "Dutch"),
        ("You can also reach our support in the lobby of the head office in Vienna [1].", "Vienna")),
    *_bad("no citation", "en", "browsers", ("Yes.", "Yes"), ("Internet Explorer is fully supported.", "Internet"), ("Firefox is supported.", "Firefox"), ("Sure! It is free.", "free")),
    *_bad("negation", "en", "browsers", ("Internet Explorer is supported [1].", "Internet"), ("Yes, Internet Explorer is supported, too [1].", "Internet"), ("Firefox and Edge are not supported [1].", "Firefox")),
    *_bad("negation", "en", "refunds",
        ("You can **not** get the full amount back within 14 days of delivery [1].", "full amount"),
        ("Opened software can be returned [1].", "software"),
        ("Gift cards are refunded within 5 to 10 business days [1].", "Gift cards")),
    *_bad("negation", "en", "api", ("Rate limits apply to health checks, too [1].", "health"), ("Each key may not send 600 requests a minute [1].", "600")),
    *_bad("swapped", "en", "hosting",
        ("All customer data is stored in Dublin (Ireland), with backups in Frankfurt [1].", "Dublin"),
        ("Customer data is stored in Dublin [1]. Backups are kept for 35 days [1].", "Dublin")),
    *_bad("swapped", "en", "devices", ("The TH-100-EU weighs 280 g [1].", "280"), ("The TH-200 weighs 310 g and has a colour display [1].", "310"), ("The TH-200 runs on two AA batteries [1].", "batteries")),
    *_bad("swapped", "en", "table", ("The Basic plan costs 29 € a month [1].", "29"), ("Pro is 9 € and has 10 seats [1].", "9"), ("| Plan | Price |\n|---|---|\n| Basic | 29 € [1] |\n| Pro | 29 € [1] |", "Basic"), ("Enterprise has 100 GB of storage [1].", "100 GB")),
    *_bad("number", "en", "refunds", ("Refunds arrive on the same card within 2 business days [1].", "2 business"), ("You can get the full amount back within 10 days of delivery [1].", "10 days"), ("After that we charge 5 % of the price [1].", "5 %")),
    *_bad("number", "en", "password", ("The link is valid for 24 hours [1].", "24"), ("The link is valid for three days [1].", "three days")),
    *_bad("name", "en", "hosting", ("The master key is held by Ann Bell and Peter Miller [1].", "Miller")),
    *_bad("heading", "en", "refunds", ("## Every customer gets a voucher of €500\n\nGift cards are never refunded [1].", "voucher")),
    *_bad("question", "en", "refunds", ("Gift cards are never refunded [1]. Did you know that every customer gets a voucher of €500?", "voucher")),
    *_bad("admission with more", "en", "refunds", ("The sources do not say it exactly, but every customer gets a voucher for a free taxi.", "taxi")),
    *_bad("invented", "de", "de_return",
        ("Jeder Kunde bekommt außerdem einen Gutschein über 500 € von Peter Müller. Die Kosten der Rücksendung trägt der Kunde [1].", "Peter"),
        ("Die Kosten der Rücksendung trägt der Kunde [1]. Dafür schenken wir jedem Kunden eine Reise nach Hawaii.", "Hawaii")),
    *_bad("negation", "de", "de_return", ("Gutscheine werden ausgezahlt [1].", "Gutscheine"), ("Sie können die Ware innerhalb von 30 Tagen nicht zurückgeben [1].", "Ware"), ("Versiegelte Hygieneartikel sind vom Umtausch nicht ausgeschlossen [1].", "Hygieneartikel")),
    *_bad("swapped", "de", "de_leave", ("In der Filiale Köln genehmigt Herr Yilmaz die Anträge [1].", "Yilmaz")),
    *_bad("number", "de", "de_leave", ("Vollzeitkräfte haben 31 Tage Urlaub im Jahr [1].", "31")),
    *_bad("invented", "zh", "zh", ("每位客户还可以获得500元的优惠券。退款将在3到5个工作日内退回原支付账户 [1]。", "500"), ("退款将在3到5个工作日内退回原支付账户 [1]。我们还会赠送免费的机场接送服务。", "机场")),
    *_bad("negation", "zh", "zh", ("已拆封的软件支持退货 [1]。", "软件"), ("收到商品后7天内不可以申请全额退款 [1]。", "退款")),
    *_bad("number", "zh", "zh", ("收到商品后30天内可以申请全额退款 [1]。", "30")),
    *_bad("negation", "fr", "fr", ("Nous livrons en Corse [1].", "Corse"), ("La livraison en France n'est pas gratuite à partir de 60 € [1].", "gratuite")),
    *_bad("negation", "es", "es", ("La garantía cubre los daños causados por el agua [1].", "agua")),
    *_bad("invented", "es", "es", ("Todos los clientes reciben además un regalo de Navidad. La garantía dura tres años [1].", "regalo")),
    *_bad("negation", "ja", "ja", ("沖縄への配送ができます[1]。", "沖縄")),
    *_bad("negation", "ru", "ru", ("Мы принимаем чеки [1].", "чеки")),
    *_bad("another language", "de", "browsers", ("Sie brauchen Android 9 oder iOS 16 auf dem Telefon [1]. Ein Kunde bekommt 500 Euro.", "Android|500")),
]  # fmt: skip


HELD_OUT: list[Checked] = [
    *_good("paraphrase", "en", "gym",
        "You can cancel your membership four weeks before it ends; otherwise it is extended by a month [1].",
        "The sauna is included in the Gold card (39.90 € a month), but not in the Silver card [1].",
        "Children younger than 14 aren't allowed to use the free weights [1].",
        "A guest pays 12 € for each visit [1]. Note that the pool is closed on Tuesdays [1].",
        "The Gold card costs 39.90 € and the Silver card 24.90 € a month [1]."),
    *_good("paraphrase", "en", "router",
        "To reset the RX-50, keep the reset button pressed for 10 seconds until the red light blinks [1]. Be careful: all settings are deleted [1].",
        "The RX-50 works with both 2.4 and 5 GHz, while the RX-30 supports only 2.4 GHz [1].",
        "Yes. The RX-50 supports Wi-Fi 6 [1].",
        "You can connect up to 64 devices at the same time [1]. WPA3 comes with firmware 3.2 [1]. Would you like to know how to update it?"),
    *_good("paraphrase", "en", "loan",
        "You pay back 9 % of your income above £27,295 [1], and after 30 years the loan is written off [1].",
        "No, early repayment does not cost anything; it is possible at any time [1].",
        "There are no payments while you study [1]. The interest rate is 4.5 % a year [1].",
        "The deadline for applications is 31 May [1]. The sources do not mention how long the decision takes."),
    *_good("list", "en", "gym router",
        "Here is a short summary:\n\n* **Gold card:** 39.90 € a month with sauna [1]\n* **Silver card:** 24.90 € a month [1]\n* **Guests:** 12 € a visit [1]\n\nThe router holds up to 64 devices [2].",
        "| Card | Price |\n|---|---|\n| Gold | 39.90 € [1] |\n| Silver | 24.90 € [1] |"),
    *_good("paraphrase", "de", "de_tarif",
        "Der Tarif Groß kostet 18 Euro im Monat und hat 40 GB Datenvolumen [1].",
        "Nein, Auslandstelefonate sind in keinem Tarif enthalten [1]. Kündigen können Sie mit einer Frist von einem Monat [1].",
        "Den Kundendienst erreichen Sie von Montag bis Freitag zwischen 8 und 20 Uhr [1]. Haben Sie noch weitere Fragen?",
        "Klein kostet 8 Euro mit 5 GB, Groß kostet 18 Euro mit 40 GB [1].",
        "Dazu finde ich in den Quellen leider keine Angaben."),
    *_good("paraphrase", "zh", "zh_wifi", "长按复位键10秒即可恢复出厂设置[1]。", "最多可以连接64台设备[1]，请不要把路由器放在微波炉旁边[1]。", "保修期为两年，但人为损坏不保修[1]。"),
    *_good("paraphrase", "it", "it", "Spediamo in tutta Italia entro tre giorni lavorativi al costo di 6,50 € [1].", "No, il pagamento in contrassegno non è accettato [1]. Può restituire la merce entro 14 giorni dal ricevimento [1]."),
    *_good("paraphrase", "nl", "nl", "U kunt artikelen binnen 14 dagen gratis terugsturen, maar ondergoed kan niet worden geretourneerd [1].", "Het bedrag staat binnen 5 werkdagen op uw rekening [1]."),
    *_good("paraphrase", "pt", "pt", "Pode cancelar a reserva gratuitamente até 48 horas antes da chegada [1]. O pequeno-almoço não está incluído [1]."),
    *_good("another language", "en", "de_tarif", "The large plan costs 18 euros and includes 40 GB [1]."),

    *_bad("invented", "en", "gym",
        ("Every new member receives a free towel and a drinking bottle. Guests of members pay 12 € a visit [1].", "towel"),
        ("Guests of members pay 12 € a visit [1]. Trainers prepare a nutrition plan for everybody.", "nutrition"),
        ("The pool is closed on Tuesdays and the café serves breakfast every morning [1].", "breakfast")),
    *_bad("negation", "en", "gym", ("The Silver card includes the sauna [1].", "Silver"), ("Children under 14 may use the free weights [1].", "Children"), ("The pool is not closed on Tuesdays [1].", "pool")),
    *_bad("swapped", "en", "gym", ("The Silver card costs 39.90 € a month [1].", "39.90"), ("The Gold card costs 24.90 € a month and includes the sauna [1].", "24.90")),
    *_bad("number", "en", "gym", ("Guests of members pay 14 € a visit [1].", "14 €"), ("You have to cancel two weeks before the end [1].", "two weeks")),
    *_bad("swapped", "en", "router", ("The RX-30 supports Wi-Fi 6 on 2.4 and 5 GHz [1].", "RX-30"), ("Up to 10 devices can be connected at once [1].", "10 devices")),
    *_bad("negation", "en", "router", ("Settings are not deleted [1].", "Settings"), ("The RX-50 does not support Wi-Fi 6 [1].", "RX-50"), ("Place the router near a microwave oven [1].", "microwave")),
    *_bad("negation", "en", "loan", ("Early repayment is not possible [1].", "Early"), ("Interest does not start when you graduate [1].", "Interest")),
    *_bad("number", "en", "loan", ("The loan is written off after 9 years [1].", "9 years"), ("Interest is 9 % a year [1].", "9 %")),
    *_bad("invented and cited", "en", "loan", ("The bank also grants a bonus to teachers and nurses who stay in their jobs [1].", "teachers"), ("Loans are handed out by Martin Cole in Leeds [1].", "Leeds")),
    *_bad("no citation", "en", "loan", ("No.", "No"), ("Early repayment is possible at any time.", "Early"), ("Of course, happy to help! Applications close on 31 May.", "31 May")),
    *_bad("swapped", "de", "de_tarif", ("Der Tarif Klein kostet 18 Euro im Monat [1].", "18"), ("Der Tarif Groß enthält 5 GB Datenvolumen [1].", "5 GB")),
    *_bad("negation", "de", "de_tarif", ("Telefonate ins Ausland sind in jedem Tarif enthalten [1].", "Ausland"), ("Der Kundendienst ist montags bis freitags nicht erreichbar [1].", "Kundendienst")),
    *_bad("invented", "de", "de_tarif", ("Neukunden erhalten außerdem ein Tablet geschenkt. Die Kündigungsfrist beträgt einen Monat [1].", "Tablet"), ("Die Kündigungsfrist beträgt einen Monat [1]. Unsere Techniker kommen auch am Sonntag vorbei.", "Techniker")),
    *_bad("negation", "zh", "zh_wifi", ("人为损坏在保修范围内[1]。", "人为"), ("本产品不支持5GHz频段[1]。", "5GHz")),
    *_bad("invented", "zh", "zh_wifi", ("我们每年为客户举办抽奖活动。保修期为两年[1]。", "抽奖"),),
    *_bad("number", "zh", "zh_wifi", ("最多可连接128台设备[1]。", "128")),
    *_bad("negation", "it", "it", ("La spedizione è rimborsabile [1].", "rimborsabile"), ("Accettiamo pagamenti in contrassegno [1].", "contrassegno")),
    *_bad("negation", "nl", "nl", ("Ondergoed kan worden geretourneerd [1].", "Ondergoed")),
    *_bad("negation", "pt", "pt", ("O pequeno-almoço está incluído no preço [1].", "pequeno")),
    *_bad("number", "pt", "pt", ("A reserva pode ser cancelada gratuitamente até 24 horas antes da chegada [1].", "24")),
]  # fmt: skip


def passages_of(case: Checked) -> list[SearchHit]:
    return [_hit(number, *PASSAGES[name]) for number, name in enumerate(case.passages, start=1)]


def _hit(number: int, title: str, text: str) -> SearchHit:
    one = UUID(int=number)
    return SearchHit(one, one, one, title, "", None, (), text, 0, len(text), None, None, 0.0)
