"""``chatsphere evaluate``: how well a chatbot answers, with an exit code for CI."""

from __future__ import annotations

import codecs
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from chatsphere.cli.client import ApiClient, Failure, connect, server_options

NOT_GOOD_ENOUGH = 3
ENDED = frozenset({"succeeded", "failed", "cancelled"})
POLL_SECONDS = 1.0
SHOWN = (
    *("score", "hit_rate", "hit_at_1", "mrr", "refusal_accuracy", "citation_validity", "answer_contained", "answer_f1"),
    *("latency_p50_ms", "latency_p95_ms", "cost"),
)
HIGHER_IS_BETTER = SHOWN[:8]
WORST_SHOWN = 10


@click.command()
@click.option("--chatbot", required=True, help="Its id, slug or name.")
@click.option("--test-set", "test_set", required=True, help="Its id or name.")
@click.option("--version", type=int, default=None, help="A version's number; left out: the configuration as it stands.")
@click.option(
    "--questions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV or JSON Lines file whose questions are added first; the test set is made when it is not there.",
)
@click.option("--min-score", type=click.FloatRange(0, 1), default=None, help="Least mean score.")
@click.option("--tolerance", type=click.FloatRange(0, 1), default=None, help="Compare with the baseline; measures may fall by this much.")  # fmt: skip
@click.option("--baseline", default=None, help="A version's number or an evaluation's id; left out: the version that answers, or, where none was published, the best evaluation so far.")  # fmt: skip
@server_options
def evaluate(
    chatbot: str,
    test_set: str,
    version: int | None,
    questions: Path | None,
    min_score: float | None,
    tolerance: float | None,
    baseline: str | None,
    url: str,
    token: str,
) -> None:
    """Put all questions of a test set to a chatbot and print the measures.

    Exit code 0: good enough; 3: below --min-score, or worse than the baseline by more than --tolerance; 1: an error. A run that was not good
    enough never becomes what the next one is compared with.
    """
    console = Console(soft_wrap=True, highlight=False)
    with connect(url, token) as client:
        found = client.find_chatbot(chatbot)
        set_id = _test_set(client, found["id"], test_set, questions)
        evaluation = _evaluated(client, set_id, version)
        before = None
        if tolerance is not None or baseline is not None:
            before = _baseline(client, evaluation, baseline or found["published_version"])
        comparison = _comparison(client, evaluation["id"], before["id"]) if before else None
    if tolerance is not None or baseline is not None:
        console.print(_compared_with(before))
    _print(console, evaluation["summary"], comparison)
    if problems(evaluation["summary"], comparison, min_score=min_score, tolerance=tolerance or 0.0):
        raise SystemExit(NOT_GOOD_ENOUGH)


def problems(
    summary: Mapping[str, Any], comparison: Mapping[str, Any] | None, *, min_score: float | None, tolerance: float
) -> list[str]:
    """The measures that are not good enough."""
    found = ["score"] if min_score is not None and (summary["score"] or 0.0) < min_score else []
    changes = (comparison or {}).get("measures", {})
    return found + [
        name for name in HIGHER_IS_BETTER if (changes.get(name, {}).get("change") or 0.0) < -tolerance - 1e-9
    ]


def _test_set(client: ApiClient, chatbot_id: str, wanted: str, questions: Path | None) -> str:
    path = f"/api/v1/chatbots/{chatbot_id}/test-sets/"
    found = next((each["id"] for each in client.pages(path) if wanted in (each["id"], each["name"])), None)
    if found is None and questions is None:
        raise Failure(f"This chatbot has no test set named {wanted!r}. Give --questions to make it.")
    set_id = str(found or client.post(path, {"name": wanted})["id"])
    if questions is not None:
        form = "csv" if questions.suffix.lower() in (".csv", ".tsv", ".txt") else "jsonl"
        content = _decoded(questions)
        client.post(f"/api/v1/test-sets/{set_id}/import/", {"format": form, "content": content})
    return set_id


def _decoded(path: Path) -> str:
    """The text of a file in UTF-8 or, with its mark in front, in UTF-16, which spreadsheets write."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        raise Failure(f"{path} is neither UTF-8 nor UTF-16. Save it as “CSV UTF-8”.") from None


def _evaluated(client: ApiClient, set_id: str, version: int | None) -> Mapping[str, Any]:
    evaluation = client.post(f"/api/v1/test-sets/{set_id}/evaluations/", {"version": version})
    while evaluation["state"] not in ENDED:
        time.sleep(POLL_SECONDS)
        evaluation = client.get(f"/api/v1/evaluations/{evaluation['id']}/")
    if evaluation["state"] != "succeeded":
        reason = (evaluation["error"] or {}).get("message") or "It was cancelled."
        raise Failure(f"The evaluation did not end well. {reason}")
    found: Mapping[str, Any] = evaluation
    return found


def _baseline(client: ApiClient, evaluation: Mapping[str, Any], wanted: str | int | None) -> Mapping[str, Any] | None:
    """The evaluation to compare with. That of another version asks the same questions of the same content, and is made when there is none yet.
    Without another version it is the best one so far: the newest may be that of a run which was not good enough."""
    if isinstance(wanted, str) and not wanted.isdigit():
        named: Mapping[str, Any] = client.get(f"/api/v1/evaluations/{wanted}/")
        return named
    version, set_id = None if wanted is None else int(wanted), evaluation["test_set"]
    rows = client.pages(f"/api/v1/test-sets/{set_id}/evaluations/")
    earlier = [row for row in rows if row["id"] < evaluation["id"] and row["state"] == "succeeded"]
    if version is None or version == evaluation["version"]:
        own = [row for row in earlier if version is None or row["version"] == version]
        return max(own, key=lambda row: row["summary"]["score"] or 0.0, default=None)
    same = ("revision", "knowledge_version")
    made = [row for row in earlier if row["version"] == version and all(row[each] == evaluation[each] for each in same)]
    return made[0] if made else _evaluated(client, set_id, version)


def _compared_with(before: Mapping[str, Any] | None) -> str:
    if before is None:
        return "Nothing to compare with: this is the first evaluation, and no version was published."
    what = "the configuration as it stood" if before["version"] is None else f"version {before['version']}"
    return f"Compared with {what}, evaluated at {before['created_at']}."


def _comparison(client: ApiClient, evaluation_id: str, before: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client.get(f"/api/v1/evaluations/{evaluation_id}/comparison/", **{"with": before})
    return found


def _print(console: Console, summary: Mapping[str, Any], comparison: Mapping[str, Any] | None) -> None:
    table = Table(title=f"{summary['questions']} questions")
    table.add_column("measure")
    table.add_column("value", justify="right")
    if comparison:
        table.add_column("change", justify="right")
    for name in SHOWN:
        change = [_number(comparison["measures"][name]["change"], signed=True)] if comparison else []
        table.add_row(name, _number(summary[name]), *change)
    console.print(table)
    for each in (comparison or {}).get("worse", [])[:WORST_SHOWN]:
        console.print(
            f"worse: {each['question']}  ({each['before']['score']:.2f} → {each['after']['score']:.2f})", markup=False
        )


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "–"
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{value:g}" if isinstance(value, int) else f"{sign}{value:.4g}"
