"""How well the check of citations tells good statements from bad ones: ``python -m benchmarks.quality_citations``.

Answers that people wrote from given passages (``mtrag_a``, ``clapnq_a``) are cited sentence by sentence. As they stand they should pass; what is
flagged of them is a false alarm, or something that their author knew better. Then each sentence is made wrong in one way and should be flagged:

- elsewhere: it cites the passages of another question;
- negated: "is" becomes "is not", or a "not" is taken out;
- number: one of its numbers is another one;
- name: one of its names is another one;
- one word, a third: that many of its words are words that the passages do not have.

``--words`` asks the second witness too (``strange_words``), as chat does where the chatbot's embedder tells what words mean; it takes ten times as long.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

from benchmarks.answer_data import load_documents, load_questions
from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.local_files import MINILM
from chatsphere.services.ai.local_model import LocalModel
from chatsphere.services.ai.sentences import split_sentences
from chatsphere.services.ai.strange_words import doubted
from chatsphere.services.ai.word_meanings import pack
from chatsphere.services.types import Reading, SearchHit
from chatsphere.services.vector_store.stop_words import STOP_WORDS

SETS = ("mtrag_a", "clapnq_a")
SHORTEST = 30  # characters of a sentence
PIECE = 900  # characters
_WORD = re.compile(r"[A-Za-z][a-z]{3,}")
_VERB = re.compile(r"\b(is|are|was|were|can|will|has been|have been|does|do)\b(?! not|n't)")
_NOT = re.compile(r"\b(is|are|was|were|can|will|does|do|did|has|have)(?: not|n't)\b|\bcannot\b")
_NUMBER = re.compile(r"(?<![\w.,-])\d{1,4}(?![\w.,-])")
_NAME = re.compile(r"(?<=[a-z] )[A-Z][a-z]{3,}\b")

Change = Callable[[str], str | None]


def negated(sentence: str) -> str | None:
    if _NOT.search(sentence):
        return _NOT.sub(lambda match: match.group(1) or "can", sentence, count=1)
    changed = _VERB.sub(r"\1 not", sentence, count=1)
    return changed if changed != sentence else None


def renumbered(sentence: str) -> str | None:
    changed = _NUMBER.sub(lambda match: str(int(match.group()) + 7), sentence, count=1)
    return changed if changed != sentence else None


def renamed(sentence: str) -> str | None:
    changed = _NAME.sub("Brunhilde", sentence, count=1)
    return changed if changed != sentence else None


CHANGES: dict[str, Change] = {"negated": negated, "number": renumbered, "name": renamed}


class Inventor:
    """Puts words of other answers in place of a sentence's own; the same ones at each run."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._words = [word for text in sentences for word in _WORD.findall(text) if _is_own(word)]
        self._random = random.Random(5)

    def changed(self, sentence: str, hits: Sequence[SearchHit], share: float) -> str | None:
        """With one strange word, or with this share of them; None for a sentence of too few."""
        own = [match for match in _WORD.finditer(sentence) if match.start() and _is_own(match.group())]
        known = " ".join(hit.text for hit in hits).casefold()
        if len(own) < (4 if share else 1):
            return None
        chosen = self._random.sample(own, max(2, round(len(own) * share)) if share else 1)
        for match in sorted(chosen, key=lambda each: -each.start()):
            strange = next(word for word in iter(lambda: self._random.choice(self._words), "") if word not in known)
            sentence = sentence[: match.start()] + strange + sentence[match.end() :]
        return sentence


def _is_own(word: str) -> bool:
    return word.islower() and word not in STOP_WORDS["en"]


class ModelReader:
    """The local model in this process, as the embedder's clients see it."""

    tells_words = True

    def __init__(self) -> None:
        self._model = LocalModel(MINILM.model.id)
        self._known: dict[str, bytes] = {}

    def read_passages(self, texts: Sequence[str]) -> list[Reading]:
        return [self._read(text, exact=False) for text in texts]

    async def read_question(self, text: str) -> Reading:
        return self._read(text, exact=True)

    def with_meanings(self, hit: SearchHit) -> SearchHit:
        """Read in pieces as long as chunks."""
        if hit.text not in self._known:
            pieces = [f"{hit.title}\n{hit.text[start : start + PIECE]}" for start in range(0, len(hit.text), PIECE)]
            self._known[hit.text] = b"\x01" + b"".join(each.words[1:] for each in self.read_passages(pieces))
        return replace(hit, word_meanings=self._known[hit.text])

    def _read(self, text: str, *, exact: bool) -> Reading:
        vectors, (rows,) = self._model.read(self._model.encode_words([text]))
        return Reading(vectors[0], pack(rows, exact=exact))


def sentences_of(name: str, limit: int) -> Iterator[tuple[str, list[SearchHit]]]:
    """Each sentence of the first answers with the passages it was written from."""
    documents = {document.doc_id: document for document in load_documents(name)}
    questions = [each for each in load_questions(name) if each.answers and each.answerable is not False and each.gold]
    for question in questions[:limit]:
        hits = [_hit(documents[doc].title, documents[doc].text) for doc in question.gold if doc in documents]
        answer = question.answers[0]
        for sentence in split_sentences(answer):
            text = answer[sentence.start : sentence.end].strip()
            if hits and len(text) >= SHORTEST and not text.endswith("?"):
                yield text, hits


def is_flagged(sentence: str, hits: Sequence[SearchHit], reader: ModelReader | None = None) -> bool:
    marks = "".join(f"[{number}]" for number in range(1, len(hits) + 1))
    text = f"{sentence.rstrip('.!')} {marks}."
    _, report = scan_answer(text, hits, language="en")
    if reader is not None and report.doubtful:
        told = [reader.with_meanings(hit) for hit in hits]
        strange = asyncio.run(doubted(scan_answer(text, told, language="en")[1].doubtful, reader))
        _, report = scan_answer(text, hits, language="en", doubted=strange)
    return bool(report.unsupported) or not report.grounded


def _hit(title: str, text: str) -> SearchHit:
    one = uuid5(NAMESPACE_URL, text)
    return SearchHit(one, one, one, title, "", None, (), text, 0, len(text), None, None, 0.0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=300, help="questions of each set")
    parser.add_argument("--show", type=int, default=0, help="so many of the wrongly judged sentences of each kind")
    parser.add_argument("--words", action="store_true", help="ask what the words mean, too")
    arguments = parser.parse_args()
    reader = ModelReader() if arguments.words else None
    for name in SETS:
        pairs = list(sentences_of(name, arguments.limit))
        seen, flagged = Counter[str](), Counter[str]()
        shown, inventor = Counter[str](), Inventor([text for text, _ in pairs])
        for place, (sentence, hits) in enumerate(pairs):
            elsewhere = pairs[(place + len(pairs) // 2) % len(pairs)][1]
            cases = [("as written", sentence, hits), ("elsewhere", sentence, elsewhere)]
            cases += [(kind, text, hits) for kind, change in CHANGES.items() if (text := change(sentence))]
            for kind, share in (("one word", 0.0), ("a third", 1 / 3)):
                cases += [(kind, text, hits)] if (text := inventor.changed(sentence, hits, share)) else []
            for kind, text, passages in cases:
                is_bad = is_flagged(text, passages, None if kind in CHANGES or kind == "elsewhere" else reader)
                seen[kind] += 1
                flagged[kind] += is_bad
                if is_bad == (kind == "as written") and shown[kind] < arguments.show:
                    shown[kind] += 1
                    print(f"  {kind}: {text}\n      {passages[0].text[:900]!r}")
        print(f"{name}: {len(pairs)} sentences; flagged:")
        for kind, count in seen.items():
            print(f"  {kind:12} {100 * flagged[kind] / count:5.1f} %  of {count}")


if __name__ == "__main__":
    main()
