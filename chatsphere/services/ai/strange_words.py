"""A second witness for statements that most of their words bear out: what the words mean that no passage has.

"Orders ship by balloon" shares two of three words with "Orders ship within two days". A person who says the same in other words chooses words
that are near to those of the passage in meaning ("arrive" for "delivered"); one that comes near to none of them is invented. What the words of
passages mean was kept when they were embedded (``word_meanings``); that of the statement's costs some ten milliseconds, and only statements with
such words are looked at. docs/algorithms/guardrails.md has the figures.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chatsphere.services.ai.base import WordReader
from chatsphere.services.ai.support import Evidence, shared_words, terms_of
from chatsphere.services.ai.word_meanings import names_of_words, nearest
from chatsphere.services.errors import EngineError
from chatsphere.services.types import SearchHit

logger = logging.getLogger("chatsphere.grounding")

READ: Final = "en"  # the language whose words the model knows
LEAST_NEAR: Final = 0.3  # cosine to the nearest word of the passages
MOST_LOOKED_AT: Final = 8  # statements of an answer
PATIENCE: Final = 1.0  # seconds, for all of them

# Words that say little by themselves, and come near to anything or nothing: "it is important to note that".
_SAYING_LITTLE: Final = """
    ability able according across actually addition additional additionally allow allowed allows also although always among amount another anything
    approach appropriate approximately area areas aspect aspects available bad based become becomes besides best better big call called carefully case
    cases cause caused causes certain clearly common commonly completely complex consider considered considering context current currently day days depend
    depending depends describe described describes details different directly due each easily effective effectively ensure ensures entirely especially
    essential essentially every exactly example examples explain explained explains fact factor factors facts few find finds first form forms found fully
    further furthermore general generally get gets getting give given gives goal goals good great happen happened happens help helping helps hence however
    importance important importantly include included includes including indicate indicates individual individuals information instance instead involve
    involved involves key kind kinds know known knows large larger last later lead leads least led less level like likely made main mainly make makes
    making many mean meaning means mention mentioned more moreover most mostly much nearly need needed needs new next no note noted number occur occurred
    occurs offer offers often old option options other others overall own part particular particularly parts people person place places point points
    possible possibly potential potentially present presently presents previous previously primarily primary process properly provide provided provides
    providing purpose quickly range rather really reason reasons recent recently regard regarding relate related relevant report reported reports require
    required requires result resulting results role roughly said same say says second see seek seeks sees set several show shown shows significant
    significantly similar similarly simple simply situation small smaller something sometimes specific specifically state stated states such take taken
    takes term terms therefore thing things throughout thus time times toward towards tries try type types typical typically use used uses using usual
    usually variety various want wants way ways while wish within without year years yes
"""
_EMPTY: Final = frozenset(_SAYING_LITTLE.split())


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A statement, its words that none of the passages has which vouch for it, and these."""

    text: str
    words: tuple[str, ...]
    passages: tuple[SearchHit, ...]


def strange_words(text: str, evidence: Sequence[Evidence], language: str) -> tuple[str, ...]:
    """The words of a statement that no passage has in any form, in small letters. None of a statement that stands there word for word, nor in a
    language that nobody can judge."""
    if language != READ or any(each.says(text) for each in evidence):
        return ()
    known = set().union(*(each.context_terms for each in evidence), *(unit.terms for e in evidence for unit in e.units))
    words = {word: terms_of(word, language) for word in names_of_words(text) if word.isalpha() and word not in _EMPTY}
    return tuple(word for word, terms in words.items() if terms and not shared_words(terms, known))


async def doubted(statements: Sequence[Doubtful], reader: WordReader | None) -> frozenset[str]:
    """The texts of those with a word that comes near to nothing in their passages. None where meanings are not known, or not told in time: this
    check may fail, and the answer stands on its words."""
    if reader is None or not statements:
        return frozenset()
    try:
        async with asyncio.timeout(PATIENCE):
            judged = [await _is_invented(each, reader) for each in statements[:MOST_LOOKED_AT]]
    except (EngineError, TimeoutError) as error:
        logger.warning("The meaning of an answer's words could not be looked at: %s", error)
        return frozenset()
    return frozenset(each.text for each, is_bad in zip(statements, judged, strict=False) if is_bad)


async def _is_invented(statement: Doubtful, reader: WordReader) -> bool:
    if not all(passage.word_meanings for passage in statement.passages):
        return False
    reading, names = await reader.read_question(statement.text), names_of_words(statement.text)
    cosines = nearest(reading.words, [passage.word_meanings for passage in statement.passages])
    if cosines.shape[1] != len(names) or np.isnan(cosines).all(axis=0).any():  # cut in other words than here
        return False
    near = dict(zip(names, np.nanmax(cosines, axis=0).tolist(), strict=True))
    return any(near[word] < LEAST_NEAR for word in statement.words)
