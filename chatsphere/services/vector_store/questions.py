"""What of a search is the same in every engine: the question's terms, how much each half counts, the figures beside the hits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from chatsphere.services.errors import PermanentError
from chatsphere.services.types import EmbeddingModel, SearchRequest, Vector
from chatsphere.services.vector_store.analysis import count_terms
from chatsphere.services.vector_store.asking_words import EMPTY, asks_how
from chatsphere.services.vector_store.foreign import LEAST_SHOWN, is_foreign, reads_many
from chatsphere.services.vector_store.near_words import Vocabulary, near_terms

MOST_LANGUAGES: Final = 3  # a question is analysed in the chatbot's most used languages
MOST_TERMS: Final = 200  # of a question; a pasted page needs no more to be found
DENSE_SHARE: Final = 0.5
DENSE_SHARE_ELSEWHERE: Final = 0.2  # in languages that the embedding model does not read
# The languages of models that read few; "" is a text whose language is not known.
LANGUAGES_READ: Final[Mapping[str, frozenset[str]]] = {"local:all-minilm-l6-v2-int8": frozenset({"en", ""})}
_PUNCTUATION: Final = ".,;:!?¿¡\"'()«»„“”…"


@dataclass(frozen=True, slots=True)
class Question:
    """``counts`` says how often the question names each term; the shares add up to 1 over the halves that can speak."""

    counts: Mapping[int, int]
    vector: Vector | None
    sparse_share: float
    dense_share: float


def read_question(request: SearchRequest, languages: Mapping[str, int]) -> Question:
    """``languages`` are those of the chatbot's chunks: a short question does not show its own."""
    counts = _question_counts(request.text, _read_in(request.text, most_used(languages)))
    vector = None if request.vector is None or request.model_id is None else unit(request.vector)
    if vector is None:
        return Question(counts, None, sparse_share=1.0, dense_share=0.0)
    dense_share = dense_share_of(request.model_id or "", languages) if counts else 1.0
    if reads_many(request.model_id or "") and is_foreign(request.text, languages):
        dense_share = 1.0
    return Question(counts, vector, 1 - dense_share, dense_share)


def with_near_words(
    question: Question, request: SearchRequest, languages: Mapping[str, int], vocabulary: Vocabulary
) -> Question:
    """The question with the chatbot's own words for what it misspells or writes in one word; itself where there are none."""
    used = _read_in(request.text, most_used(languages))
    near = near_terms(without_function_words(request.text, used), used, vocabulary)
    added = {term: 1 for term in sorted(near.added) if term not in question.counts}
    kept = {term: count for term, count in question.counts.items() if term not in near.replaced}
    return replace(question, counts={**kept, **added}) if added or near.replaced else question


def dense_share_of(model_id: str, languages: Mapping[str, int]) -> float:
    """How much the cosines of a model count beside BM25, by the languages of the chatbot's chunks: half, less where it does not read them."""
    read, chunks = LANGUAGES_READ.get(model_id), sum(languages.values())
    if read is None or chunks <= 0:
        return DENSE_SHARE
    known = sum(count for language, count in languages.items() if language.partition("-")[0] in read)
    return DENSE_SHARE_ELSEWHERE + (DENSE_SHARE - DENSE_SHARE_ELSEWHERE) * min(1.0, max(0.0, known / chunks))


def unit(vector: Vector) -> Vector:
    """Scaled to length 1; a vector of zeros stays as it is."""
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length else vector.astype(np.float32)


def checked_rows(vectors: Sequence[Vector], model: EmbeddingModel) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The vectors as unit rows. Raises PermanentError for a wrong dimension or a value that is no number."""
    for vector in vectors:
        if vector.shape != (model.dimensions,):
            raise PermanentError(
                f"A vector of {model.id} has shape {vector.shape}; it must have {model.dimensions} values."
            )
    rows = np.stack(vectors).astype(np.float32, copy=False)
    if not np.isfinite(rows).all():
        raise PermanentError(f"A vector of {model.id} holds a value that is no finite number.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    rows /= lengths
    return rows


def most_used(languages: Mapping[str, int]) -> Sequence[str]:
    """The languages in which a question is analysed."""
    present = [language for language, chunks in languages.items() if chunks > 0]
    return sorted(present, key=lambda language: (-languages[language], language))[:MOST_LANGUAGES] or [""]


def _question_counts(text: str, languages: Sequence[str]) -> Counter[int]:
    """Each term as often as the language says that reads it most often."""
    counts: Counter[int] = Counter()
    for language in languages:
        counts |= count_terms(without_function_words(text, languages), language)
    return Counter(dict(counts.most_common(MOST_TERMS)))


def _read_in(text: str, languages: Sequence[str]) -> Sequence[str]:
    """The one language that a question shows to be in by its function words; all of them when it does not. Read in another one, its words
    would count as rare ones that no chunk holds."""
    shown = _shown(_folded(text), languages) if len(languages) > 1 else ""
    return [shown] if shown else languages


def likely_language(text: str) -> str:
    """That of a chatbot about which nothing is known yet, by a question that it is asked: English where the question does not show another one."""
    return _shown(_folded(text), EMPTY) or "en"


def _shown(words: Sequence[str], languages: Collection[str]) -> str:
    """The one of several languages of which there are two function words and more than of any other; empty for none."""
    shown = sorted((sum(word in _empty_words(language) for word in words), language) for language in languages)
    return shown[-1][1] if shown[-1][0] >= LEAST_SHOWN and shown[-1][0] > shown[-2][0] else ""


def without_function_words(text: str, languages: Sequence[str]) -> str:
    """Also without what merely asks, in the language that the question is in. The whole text when nothing else is in it."""
    folded = _folded(text)
    primary = _primary(languages[0]) or _shown(folded, EMPTY)  # of lists and tables no language is known
    empty = _empty_words(primary)
    pairs = zip(text.split(), folded, ["", *folded], strict=False)
    return (
        " ".join(word for word, own, before in pairs if own not in empty and not asks_how(before, own, primary)) or text
    )


def _folded(text: str) -> list[str]:
    return [word.casefold().replace("’", "'").strip(_PUNCTUATION) for word in text.split()]


def _empty_words(language: str) -> frozenset[str]:
    return EMPTY.get(_primary(language), frozenset())


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
