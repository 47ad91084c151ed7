"""How well the check of citations tells good statements from bad ones: ``python -m benchmarks.quality_citations``.

Answers that people wrote from given passages (``mtrag_a``, ``clapnq_a``) are cited sentence by sentence. As they stand they should pass; what is
flagged of them is a false alarm, or something that their author knew better. Then each sentence is made wrong in one way and should be flagged:

- elsewhere: it cites the passages of another question;
- negated: "is" becomes "is not", or a "not" is taken out;
- number: one of its numbers is another one;
- name: one of its names is another one.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from uuid import NAMESPACE_URL, uuid5

from benchmarks.answer_data import load_documents, load_questions
from chatsphere.services.ai.citations import scan_answer
from chatsphere.services.ai.sentences import split_sentences
from chatsphere.services.types import SearchHit

SETS = ("mtrag_a", "clapnq_a")
SHORTEST = 30  # characters of a sentence
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


def is_flagged(sentence: str, hits: Sequence[SearchHit]) -> bool:
    marks = "".join(f"[{number}]" for number in range(1, len(hits) + 1))
    _, report = scan_answer(f"{sentence.rstrip('.!')} {marks}.", hits, language="en")
    return bool(report.unsupported) or not report.grounded


def _hit(title: str, text: str) -> SearchHit:
    one = uuid5(NAMESPACE_URL, text)
    return SearchHit(one, one, one, title, "", None, (), text, 0, len(text), None, None, 0.0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=300, help="questions of each set")
    parser.add_argument("--show", type=int, default=0, help="so many of the wrongly judged sentences of each kind")
    arguments = parser.parse_args()
    for name in SETS:
        pairs = list(sentences_of(name, arguments.limit))
        seen, flagged = Counter[str](), Counter[str]()
        shown = Counter[str]()
        for place, (sentence, hits) in enumerate(pairs):
            elsewhere = pairs[(place + len(pairs) // 2) % len(pairs)][1]
            cases = [("as written", sentence, hits), ("elsewhere", sentence, elsewhere)]
            cases += [(kind, text, hits) for kind, change in CHANGES.items() if (text := change(sentence))]
            for kind, text, passages in cases:
                is_bad = is_flagged(text, passages)
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
