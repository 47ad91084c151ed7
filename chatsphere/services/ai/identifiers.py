"""Part numbers, error codes, versions: letters and figures that name one thing exactly, or nothing.

To words and vectors VX-9999 is much like VX-9998; to the one who asks it is another part. A question for an identifier that stands in
none of the hits is therefore not answered, and of the hits only what holds the identifier is quoted. The rarest word of a question is the
first that a search by words looks for, so a chunk that holds it is among the hits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from chatsphere.services.ai.redaction import redact
from chatsphere.services.types import SearchHit

LEAST_FIGURES: Final = 2  # "A4", "S3" and "MP3" are words that a question may use beside the documents'

# Letters, then figures, then what belongs to them; a last group of letters is short: "E4-Fehler" names E4.
_IDENTIFIER: Final = re.compile(
    r"(?<![^\W_])(?<![@/.-])[A-Za-z]{1,6}[-_/.:]?\d+(?:[-_/.:]?[A-Za-z]{0,4}\d+)*(?:[-_/.:]?[A-Za-z]{1,3})?(?![^\W_]|@)"
    r"|(?<![^\W_])(?<![@/.-])[A-Za-z]{1,6}(?:[-_][A-Za-z]{1,4})?[-_/.:]?\d+(?![^\W_]|@)"
)
# "My order AB-1234", "Bestellnummer: AB-1234", not "Can I order AB-1234?"
_THINGS: Final = (
    r"(?:orders?|invoices?|customer|ticket|tracking|account|reference|booking|case|bestell(?:ung|-?nummer|-?nr)|auftrag\w*|rechnung\w*|kunden\w*|sendung\w*|buchung\w*|vorgang\w*"
    r"|commande|facture|client|réservation|pedido|factura|cliente|reserva|ordine|fattura|prenotazione|encomenda|fatura|bestelling|factuur|klantnummer|zamówieni\w*|faktur\w*)"
)
_NUMBER: Final = r"(?:number|no|nr|nummer|num|id|numéro|n°|nº|número|numero|numer|#|:)"
_MINE: Final = (
    r"(?:my|our|mein\w*|unser\w*|ma|mon|notre|mi|nuestr\w+|mio|mia|nostr\w+|meu|minha|mijn|ons|onze|moj\w+|mój)"
)
_OWN: Final = re.compile(
    rf"\b(?:{_MINE}\s+{_THINGS}[\s:#.-]*(?:{_NUMBER}[\s:#.-]*)?|{_THINGS}\s*{_NUMBER}[\s:#.-]*|(?:bestell|rechnungs|kunden|auftrags|sendungs|vorgangs|buchungs|ticket)-?(?:nummer|nr)[\s:#.-]+)[A-Za-z]{{1,6}}[-_/.:]?\d[\w/-]*",
    re.IGNORECASE,
)
_RUN: Final = re.compile(r"[A-Za-z]+|\d+")


def identifiers_in(text: str) -> tuple[str, ...]:
    """As they are written, each once."""
    return tuple(dict.fromkeys(match.group() for match in _IDENTIFIER.finditer(text)))


def holds(text: str, identifier: str) -> bool:
    """Whether a text names it, with other marks or spaces between letters and figures or without: TH-200-EU is TH200EU."""
    return _spelt(identifier.casefold()).search(text) is not None


def missing_identifiers(question: str, hits: Iterable[SearchHit]) -> tuple[str, ...]:
    """Those of a question that no hit names in its text, its title or its headings. Short ones are never missing, nor is what no document can hold:
    the visitor's own IBAN, key or number of an order."""
    asked = [each for each in identifiers_in(_without_own(question)) if sum(map(str.isdigit, each)) >= LEAST_FIGURES]
    if not asked:
        return ()
    texts = ["\n".join((hit.title, *hit.heading_path, hit.text)) for hit in hits]
    return tuple(each for each in asked if not any(holds(text, each) for text in texts))


def _without_own(question: str) -> str:
    return _OWN.sub(" ", redact(question)[0])


@lru_cache(maxsize=1_000)
def _spelt(identifier: str) -> re.Pattern[str]:
    runs = r"[\s\-_/.:]?".join(_RUN.findall(identifier))
    return re.compile(rf"(?<![^\W_]){runs}(?![^\W_])", re.IGNORECASE)
