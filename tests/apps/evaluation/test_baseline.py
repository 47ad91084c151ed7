"""With what ``chatsphere evaluate`` compares."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.cli import evaluate


class Server:
    """Answers what the command asks; evaluations of a version end with the score that is prepared for it."""

    def __init__(self, *rows: dict[str, Any], scores: dict[int, float] | None = None) -> None:
        self.rows, self.scores, self.started = list(rows), scores or {}, []  # type: ignore[var-annotated]

    def pages(self, _path: str) -> Any:
        return iter(sorted(self.rows, key=lambda row: row["id"], reverse=True))

    def post(self, _path: str, body: dict[str, Any]) -> Any:
        self.started.append(body["version"])
        return row(f"e{len(self.rows) + 1}", self.scores[body["version"]], version=body["version"])

    def get(self, path: str) -> Any:
        return next(each for each in self.rows if each["id"] in path)


def row(pk: str, score: float, *, version: int | None = None, knowledge: int = 7, state: str = "succeeded") -> Any:
    return {
        "id": pk, "test_set": "set", "revision": 1, "knowledge_version": knowledge, "version": version, "state": state,
        "summary": {"score": score}, "created_at": "2026-11-29T12:00:00Z",
    }  # fmt: skip


def baseline(server: Server, now: Any, wanted: Any) -> Any:
    return evaluate._baseline(server, now, wanted)  # type: ignore[arg-type]


def test_a_run_that_was_not_good_enough_is_never_the_baseline() -> None:
    server = Server(row("e1", 1.0), row("e2", 0.33))
    assert baseline(server, row("e3", 0.33), None)["id"] == "e1"
    assert baseline(Server(), row("e1", 0.3), None) is None


def test_the_version_that_answers_is_the_baseline() -> None:
    server = Server(row("e1", 0.9, version=2), row("e2", 1.0), row("e3", 0.5, version=2, state="failed"))
    assert baseline(server, row("e4", 0.33), 2)["id"] == "e1"
    assert server.started == []


def test_over_other_content_it_is_asked_anew() -> None:
    server = Server(row("e1", 0.9, version=2, knowledge=6), scores={2: 0.4})
    found = baseline(server, row("e2", 0.4), 2)
    assert (server.started, found["summary"]["score"]) == ([2], 0.4)


def test_the_version_that_answers_is_held_against_its_own_best() -> None:
    server = Server(row("e1", 0.9, version=2, knowledge=6), row("e2", 0.3, version=2), row("e3", 1.0))
    assert baseline(server, row("e4", 0.3, version=2), 2)["id"] == "e1"


@pytest.mark.parametrize(("wanted", "found"), [("e2", "e2"), ("1", "e1")])
def test_a_baseline_can_be_named(wanted: str, found: str) -> None:
    server = Server(row("e1", 0.9, version=1), row("e2", 0.5))
    assert baseline(server, row("e3", 0.5), wanted)["id"] == found
