"""The main job as a user does it: train a chatbot, ask it, trust its citations, delete what it knew."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.acceptance.conftest import Account

pytestmark = pytest.mark.xdist_group("platform")

HANDBOOK = b"""# Holiday handbook

## Vacation

Every employee of Marble & Finch gets 27 days of paid vacation a year. Unused days expire on 31 March of the next year.

## Sick leave

Call the front desk before 9:30 when you are ill. A doctor's note is needed from the third day on.

## Equipment

Laptops are replaced every four years. The spare chargers are kept in locker B-17 beside the kitchen.
"""


def frames(stream: str) -> list[tuple[int, str, dict[str, Any]]]:
    """(id, event, data) of each frame of a server-sent stream."""
    result = []
    for block in re.split(r"\n\n", stream.strip()):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if fields:
            result.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return result


def trained(account: Account) -> dict[str, Any]:
    [source] = account.upload(("handbook.md", HANDBOOK))
    assert source["status"] in ("queued", "parsing", "chunking", "embedding", "ready")
    done = account.wait(source["id"])
    assert done["status"] == "ready", done
    assert done["processed"] is True
    assert done["searchable"] == "full"
    assert done["chunks_count"] >= 1
    return done


def test_an_answer_quotes_the_document_word_for_word(account: Account) -> None:
    source = trained(account)
    message = account.ask("Where are the spare chargers kept?")["message"]
    assert "locker B-17" in message["content"]
    assert message["finish_reason"] == "stop"
    numbers = {int(n) for n in re.findall(r"\[(\d+)\]", message["content"])}
    assert numbers == {citation["index"] for citation in message["citations"]}
    for citation in message["citations"]:
        assert citation["source_id"] == source["id"]
        text = account.http.get(f"/api/v1/documents/{citation['document_id']}/").json()["text"]
        assert text[citation["char_start"] : citation["char_end"]] == citation["quote"]
        assert citation["quote"].encode() in HANDBOOK


def test_a_streamed_answer_has_a_beginning_a_middle_and_one_end(account: Account) -> None:
    trained(account)
    url = f"/api/v1/chatbots/{account.chatbot['id']}/chat/"
    with account.http.stream("POST", url, json={"message": "How many vacation days are there?", "stream": True}) as got:
        assert got.headers["Content-Type"].startswith("text/event-stream")
        assert got.headers["X-Accel-Buffering"] == "no"
        events = frames(got.read().decode())
    names = [name for _, name, _ in events]
    assert [number for number, _, _ in events] == sorted({number for number, _, _ in events})
    assert names[:2] == ["message.created", "retrieval.completed"]
    assert names[-1] == "message.completed"
    assert names.count("message.completed") == 1
    said = "".join(data["text"] for _, name, data in events if name == "message.delta")
    completed = events[-1][2]["message"]
    assert said.strip() == completed["content"].strip()
    assert "27 days" in said
    stored = account.http.get(f"/api/v1/conversations/{events[-1][2]['conversation_id']}/messages/").json()["results"]
    assert {message["role"] for message in stored} == {"user", "assistant"}


def test_a_question_that_the_documents_cannot_answer_is_declined(account: Account) -> None:
    trained(account)
    message = account.ask("Which planet has the most moons?")["message"]
    assert message["finish_reason"] == "refused_no_context"
    assert message["citations"] == []


def test_a_follow_up_question_is_understood_from_the_history(account: Account) -> None:
    trained(account)
    first = account.ask("How many days of paid vacation does every employee get?")
    second = account.ask("And when do unused ones expire?", conversation_id=first["conversation_id"])
    assert second["conversation_id"] == first["conversation_id"]
    assert "31 March" in second["message"]["content"]


def test_deleted_content_answers_no_more(account: Account) -> None:
    source = trained(account)
    assert account.search("locker B-17")
    assert account.http.delete(f"/api/v1/sources/{source['id']}/").status_code == 204
    assert account.search("locker B-17") == []
    assert account.ask("Where are the spare chargers kept?")["message"]["finish_reason"] == "refused_no_context"
    assert account.http.get(f"/api/v1/sources/{source['id']}/").status_code == 404


def test_a_text_source_can_be_corrected(account: Account) -> None:
    body = {"source_type": "text", "name": "Wi-Fi", "content": "The guest Wi-Fi password is heron-42."}
    made = account.http.post(f"/api/v1/chatbots/{account.chatbot['id']}/sources/", json=body)
    assert made.status_code == 202, made.text
    source = account.wait(made.json()["id"])
    assert "heron-42" in account.ask("What is the guest Wi-Fi password?")["message"]["content"]
    changed = account.http.patch(
        f"/api/v1/sources/{source['id']}/", json={"content": "The guest Wi-Fi password is osprey-77."}
    )
    assert changed.status_code in (200, 202), changed.text
    account.wait(source["id"])
    answer = account.ask("What is the guest Wi-Fi password?")["message"]["content"]
    assert "osprey-77" in answer
    assert "heron-42" not in answer


def test_what_cannot_be_read_says_why(account: Account) -> None:
    [source] = account.upload(("report.pdf", b"%PDF-1.7\nthis is not really a PDF"))
    done = account.wait(source["id"])
    assert done["status"] == "failed"
    assert done["error"]["type"]
    assert done["error"]["message"].endswith(".")


@pytest.mark.parametrize(
    "name",
    [
        "docling/docx/word_sample.docx",
        "docling/html/example_01.html",
        "docling/md/mixed.md",
    ],
)
def test_real_files_become_ready(account: Account, shared_data: Any, name: str) -> None:
    path = shared_data / "formats_a" / "files" / name
    if not path.exists():
        pytest.skip(f"{name} is not in this part of the data")
    [source] = account.upload((path.name, path.read_bytes()))
    done = account.wait(source["id"])
    assert done["status"] in ("ready", "partial"), done
    assert done["chunks_count"] > 0
