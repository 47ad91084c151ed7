"""Texts from before Unicode, short as notes and lists are, in the encodings that their languages were written in."""

from __future__ import annotations

import pytest

from chatsphere.services.content.extract.encoding import decode
from chatsphere.services.content.extract.legacy_encoding import guess_encoding

# Other sentences than those the weights were chosen on.
TEXTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("de", ("cp1252", "iso8859-15", "cp850"), "Für Rückfragen wählen Sie bitte die Nummer auf der Rückseite."),
    ("de", ("cp1252",), "Schlüssel;Höhe;Preis\nTür;lang;12 €\nGerät;kurz;9 €\n"),
    ("fr", ("cp1252", "iso8859-15"), "La livraison est gratuite dès 50 €, le délai est de trois à cinq jours."),
    ("es", ("cp1252", "iso8859-1"), "¿Cuánto cuesta el envío? El envío es gratis en península."),
    ("it", ("cp1252", "iso8859-1"), "La spedizione è gratuita; la consegna avverrà lunedì mattina."),
    ("pt", ("cp1252", "iso8859-1"), "A devolução é grátis até trinta dias após a recepção."),
    ("nl", ("cp1252",), "De coöperatie is geopend; één geïnteresseerde belde naar België."),
    ("sv", ("cp1252", "iso8859-1"), "Vi skickar varan på måndag. Återköp är möjligt i tre månader."),
    ("da", ("cp1252",), "Varen kan afhentes på søndag, når butikken er åben."),
    ("no", ("cp1252",), "Kjøp på nett: varene får du innen tre virkedager, også på lørdag."),
    ("fi", ("cp1252", "iso8859-1"), "Ylimääräiset päivät maksetaan erikseen, myös lähetys."),
    ("en", ("cp1252",), "She said “no” – the café’s price is €4.50."),
    ("en", ("cp1252",), "Keep it below 30 °C and pay £12."),
    ("pl", ("cp1250", "iso8859-2"), "Zwrot jest możliwy w ciągu trzydziestu dni, a pieniądze wrócą na kartę."),
    ("cs", ("cp1250", "iso8859-2"), "Otevírací doba je od pondělí do pátku, v sobotu máme zavřeno."),
    ("hu", ("cp1250", "iso8859-2"), "A szállítás ingyenes, a fizetés bankkártyával történik. Kérjük, őrizze meg a számlát."),
    ("tr", ("cp1254", "iso8859-9"), "Mağazamız sabah dokuzda açılır, akşam altıda kapanır. Kargo ücretsizdir."),
    ("ru", ("cp1251", "koi8-r", "iso8859-5", "cp866"), "Доставка бесплатна. Магазин открыт с девяти утра до шести вечера."),
    ("uk", ("cp1251", "koi8-u"), "Доставка безкоштовна. Крамниця відчинена з дев'ятої ранку, її адреса нижче."),
    ("bg", ("cp1251",), "Магазинът е отворен от девет сутринта. Доставката е безплатна."),
    ("el", ("cp1253", "iso8859-7"), "Η παράδοση είναι δωρεάν και γίνεται μέσα σε τρεις ημέρες."),
    ("he", ("cp1255",), "המשלוח חינם ומגיע תוך שלושה ימים."),
    ("ar", ("cp1256", "iso8859-6"), "التوصيل مجاني ويصل خلال ثلاثة ايام"),
    ("lt", ("cp1257", "iso8859-13"), "Pristatymas nemokamas, prekės atkeliauja per tris dienas. Grąžinti galima čia."),
    ("ja", ("cp932", "euc_jp", "iso2022_jp"), "配送は無料で、三日以内に届きます。返品もできます。"),
    ("zh", ("gb18030", "big5"), "我的中文文件在今天上午九点前到。"),
    ("ko", ("cp949",), "배송은 무료이며 사흘 안에 도착합니다."),
    ("th", ("tis-620",), "จัดส่งฟรีภายในสามวัน"),
)  # fmt: skip
CASES = [
    pytest.param(encoding, text, id=f"{language}-{encoding}-{number}")
    for number, (language, encodings, text) in enumerate(TEXTS)
    for encoding in encodings
    if text.encode(encoding, "ignore").decode(encoding) == text
]


@pytest.mark.parametrize(("encoding", "text"), CASES)
def test_a_short_text_is_read_in_its_encoding(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding))[0] == text


def test_the_lines_that_tell_may_stand_far_behind() -> None:
    head = b"Name;Number\n" + b"Smith;12\n" * 50_000
    assert guess_encoding(head + "Müller;3\nGärtner;4\nGroß;5\n".encode("cp1252")) == "cp1252"


def test_what_the_sender_declared_comes_before_a_guess() -> None:
    assert decode("łódka".encode("iso8859-2"), declared="iso-8859-2") == ("łódka", "iso-8859-2")
