"""Search, answers and refusals of a running platform, as its users get them: ``python -m benchmarks.quality_platform``.

    python -m benchmarks.quality_platform [squad2_a] [awsdocs_a] [--questions 200] [--far-off 150]

Starts ``chatsphere up``, uploads the documents of each set over HTTP, waits until all are ready, then searches and asks with the embedded
default. Prints the share of questions with a gold document among the first five results and among the citations, and the share of
questions declined: answerable ones, the set's own unanswerable ones, and far-off ones (clinc_oos_a, intent ``oos``).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.answer_data import load_questions
from benchmarks.ingest import account, free_port, running, sources, wait_for, wait_until_found
from benchmarks.question_sets import Document, Question, load

AT_ONCE = 2


class Trained:
    """A chatbot that knows one set."""

    def __init__(self, url: str, documents: Sequence[Document]) -> None:
        self.http, self.path = account(url)
        self.chatbot = self.path.removesuffix("sources/")
        began = time.monotonic()
        self._spread(self._upload, documents)
        self.seconds = wait_until_found(self.http, self.path, began)["full_s"]
        self.documents = {source["id"]: source["name"] for source in sources(self.http, self.path)}

    def _upload(self, document: Document) -> None:
        title = document.title.replace("\n", " ")
        files = [("file", ("document.md", f"# {title}\n\n{document.text}".encode()))]
        data = {"source_type": "file", "name": document.doc_id}
        self.http.post(self.path, data=data, files=files).raise_for_status()

    def found(self, question: str) -> set[str]:
        """The documents of the first five results."""
        answer = self.http.post(f"{self.chatbot}search/", json={"query": question, "k": 5})
        return {self.documents[result["source_id"]] for result in answer.raise_for_status().json()["results"]}

    def ask(self, question: str) -> dict[str, Any]:
        answer = self.http.post(f"{self.chatbot}chat/", json={"message": question})
        message: dict[str, Any] = answer.raise_for_status().json()["message"]
        return message

    def cited(self, question: str) -> set[str]:
        return {self.documents[citation["source_id"]] for citation in self.ask(question)["citations"]}

    def declined(self, questions: Sequence[str]) -> float:
        """The share of these questions that get an "I don't know"."""
        answers = self._spread(self.ask, questions)
        return share(answer["finish_reason"] == "refused_no_context" for answer in answers)

    def hits(self, look: Any, questions: Sequence[Question]) -> float:
        """The share of questions for which ``look`` gives a gold document."""
        return share(self._spread(lambda question: bool(look(question.text) & question.gold), questions))

    def _spread(self, action: Any, items: Sequence[Any]) -> list[Any]:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(action, items))


def share(outcomes: Iterable[bool]) -> float:
    known = list(outcomes)
    return sum(known) / len(known) if known else float("nan")


def evenly(items: Sequence[Any], most: int) -> list[Any]:
    """At most ``most`` items, spread over the whole list."""
    return list(items[:: max(1, len(items) // most)][:most])


def measure(url: str, name: str, options: argparse.Namespace) -> None:
    known = load(name)
    trained = Trained(url, known.documents)
    print(f"{name}: {len(known.documents)} documents searchable after {trained.seconds:.0f} s")
    questions = evenly(known.questions, options.questions)
    unanswerable = [question.text for question in load_questions(name) if question.answerable is False]
    far_off = [question.text for question in load_questions("clinc_oos_a") if question.intent == "oos"]
    rows = {
        f"gold document in the first five results ({len(questions)})": trained.hits(trained.found, questions),
        "gold document among the citations": trained.hits(trained.cited, questions),
        "answerable, wrongly declined": trained.declined([question.text for question in questions]),
        f"far-off, declined ({options.far_off})": trained.declined(evenly(far_off, options.far_off)),
        "its own unanswerable ones, declined": trained.declined(evenly(unanswerable, options.far_off)),
    }
    for what, value in rows.items():
        print(f"  {what:<55} {value:6.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["squad2_a", "awsdocs_a"])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--far-off", type=int, default=150)
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="chatsphere-bench-") as name:
        folder = Path(name)
        up = [
            str(Path(sys.executable).with_name("chatsphere")),
            "up",
            "--port",
            str(port),
            "--data-dir",
            str(folder / "data"),
        ]
        # An operator's limits are not what is measured here.
        with running(up, {"RATE_LIMITS_ENABLED": "false"}, folder / "up.log"):
            wait_for(f"http://127.0.0.1:{port}", "/readyz")
            for wanted in options.sets:
                measure(f"http://127.0.0.1:{port}", wanted, options)


if __name__ == "__main__":
    main()
