"""From a queued run to knowledge that answers, and every way in which that can go wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.core.files.base import ContentFile

from chatsphere.apps.training import actions, pipeline, worker
from chatsphere.apps.training.models import (
    ChunkText,
    Document,
    DocumentVersion,
    Embedding,
    Placement,
    Run,
    WordMeanings,
)
from chatsphere.apps.users.models import UsageRecord
from chatsphere.apps.webhooks.models import Event
from chatsphere.core import durable, engines
from chatsphere.services.errors import UpstreamRejected, UpstreamUnavailable
from chatsphere.services.types import Reading
from tests.apps.training.world import GUIDE, NOTHING, found, make_source, says, stored, trained, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def during_embedding(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Lets something happen at the moment in which the embedder is asked for the first time."""
    kind = type(engines.embedder())
    embed = kind.embed_passages

    def arrange(happen: Callable[[], None]) -> None:
        waiting = [happen]

        def embed_passages(self: Any, texts: Any) -> Any:
            if waiting:
                waiting.pop()()
            return embed(self, texts)

        monkeypatch.setattr(kind, "embed_passages", embed_passages)

    return arrange


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def many_paragraphs(count: int, words: str = "") -> str:
    parts = (f"## Part {n}\n\nParagraph number {n} tells of matter{n} and thing{n}. {words}" for n in range(count))
    return "# Long\n\n" + "\n\n".join(f"{part} {' '.join(['filler'] * 90)}." for part in parts)


# --- the good end ---


def test_what_words_mean_is_kept_where_the_embedder_tells_and_goes_with_the_text(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(engines.embedder())

    def read_passages(self: Any, texts: Sequence[str]) -> list[Reading]:
        return [Reading(vector, text.encode()) for vector, text in zip(self.embed_passages(texts), texts, strict=True)]

    monkeypatch.setattr(kind, "read_passages", read_passages, raising=False)
    monkeypatch.setattr(kind, "tells_words", True, raising=False)
    monkeypatch.setattr(kind, "read_question", kind.embed_query, raising=False)
    source = trained(chatbot)
    hits = found(chatbot, "lost library card")
    assert len(hits) == WordMeanings.objects.filter(chatbot=chatbot).count() > 0
    assert all(hit.text in hit.word_meanings.decode() for hit in hits if "#" not in hit.text)
    actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=[source.pk])
    work()
    assert not WordMeanings.objects.exists()


def test_a_text_becomes_ready_and_is_found_by_words_and_meaning(chatbot: Any) -> None:
    source = trained(chatbot)
    assert (source.status, source.searchable, source.processed) == ("ready", "full", True)
    assert source.documents_count == 1
    assert source.chunks_count == Placement.objects.count() > 0
    assert source.progress_done == source.progress_total == source.chunks_count
    assert source.tokens > 0
    assert source.attempt == 1
    assert says(chatbot, "lost card cost", "four euros and fifty cents")
    chatbot.refresh_from_db()
    assert chatbot.embedding_model == "hashing:256"
    assert chatbot.knowledge_version >= 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Notes", "%PDF-1.4\n1 0 obj << /Filter [/ASCIIHexDecode /FlateDecode] >> stream 78da"),
        ("Notes", "GIF89a is a format of pictures with at most 256 colours."),
        ("config.json", "This page says what the configuration holds."),
        ("prices.csv", "Tea costs three euros, coffee, four."),
        ("sitemap.xml", "Where the pages of our site stand."),
        ("Hours", "From: Monday\nTo: Saturday\n\nWe open at ten."),
        ("Page", "<!doctype html><html><body>is how a page begins</body></html>"),
    ],
)
def test_a_text_is_read_as_the_text_it_is(chatbot: Any, name: str, content: str) -> None:
    """Neither its name nor how it begins sends it to the reader of some file, which would run outside the limited process."""
    source = trained(chatbot, content, name=name)
    version = DocumentVersion.objects.select_related("document").get(document__source=source)
    assert (version.document.media_type, version.text) == ("text/markdown", content)


def test_chunks_are_spans_of_the_stored_text(chatbot: Any) -> None:
    trained(chatbot)
    version = DocumentVersion.objects.get()
    for place in Placement.objects.select_related("chunk"):
        assert version.text[place.char_start : place.char_end] == place.chunk.text
    assert [place.ordinal for place in Placement.objects.order_by("ordinal")] == list(range(Placement.objects.count()))


def test_a_run_reports_its_steps_books_its_tokens_and_announces_the_end(chatbot: Any) -> None:
    source = trained(chatbot)
    run = Run.objects.get()
    assert run.state == "succeeded"
    assert run.chunks_embedded == source.chunks_count
    assert {"read", "chunk", "store", "embed"} <= run.steps.keys()
    assert run.steps["embed"]["items"] == source.chunks_count
    usage = UsageRecord.objects.get()
    assert (usage.kind, usage.embedding_tokens, usage.model) == ("training", run.tokens, "hashing:256")
    event = Event.objects.get(type="source.ready")
    assert event.payload["id"] == str(source.pk)
    assert event.payload["chunks_count"] == source.chunks_count


def test_a_large_document_is_written_in_several_transactions(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "CHUNKS_A_TRANSACTION", 7)
    monkeypatch.setattr(pipeline, "TEXTS_A_CALL", 5)
    source = trained(chatbot, many_paragraphs(40))
    assert source.chunks_count >= 40
    assert stored(chatbot)["vectors"] == stored(chatbot)["words"] == stored(chatbot)["texts"]
    assert DocumentVersion.objects.get().is_complete
    assert says(chatbot, "matter37", "matter37")


def test_questions_and_answers_are_one_chunk_a_pair(chatbot: Any) -> None:
    pairs = [
        {"question": "Do you ship to Norway?", "answer": "Yes, within nine days."},
        {"question": "Is there a warranty?", "answer": "Two years on every lamp."},
    ]
    trained(chatbot, source_type="qa", name="FAQ", options={"pairs": pairs})
    assert [place.heading_path for place in Placement.objects.order_by("ordinal")] == [
        ["Do you ship to Norway?"],
        ["Is there a warranty?"],
    ]
    assert says(chatbot, "warranty", "Two years on every lamp.")


def test_a_file_is_read_from_the_storage(chatbot: Any) -> None:
    source = trained(
        chatbot, source_type="file", name="guide.md", options={}, file=ContentFile(GUIDE.encode(), name="guide.md")
    )
    assert source.bytes == len(GUIDE.encode())
    assert source.media_type == "text/markdown"
    assert Document.objects.get().title == "Guide to the Lindenau library"


# --- shared texts ---


def test_two_sources_with_the_same_text_share_its_chunks(chatbot: Any) -> None:
    trained(chatbot)
    once = stored(chatbot)
    trained(chatbot, name="Copy")
    twice = stored(chatbot)
    assert (twice["texts"], twice["words"], twice["vectors"]) == (once["texts"], once["words"], once["vectors"])
    assert twice["places"] == 2 * once["places"]
    assert Run.objects.order_by("pk").last().chunks_embedded == 0


def test_deleting_one_of_two_equal_sources_keeps_the_others_knowledge(chatbot: Any) -> None:
    first, second = trained(chatbot), trained(chatbot, name="Copy")
    for source in (first, second):
        assert says(chatbot, "lost card", "four euros")
        ids = [source.pk]
        actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=ids)
    assert stored(chatbot) == NOTHING
    assert not found(chatbot, "lost card")


def test_a_chunk_that_stands_twice_in_a_document_is_stored_once(chatbot: Any) -> None:
    pair = {"question": "Same?", "answer": "Same."}
    trained(chatbot, source_type="qa", name="FAQ", options={"pairs": [pair, pair]})
    assert stored(chatbot) == {"texts": 1, "places": 2, "words": 1, "vectors": 1}


# --- later versions ---


def test_an_edit_embeds_only_what_it_touches(chatbot: Any) -> None:
    source = trained(chatbot, many_paragraphs(30))
    before = set(ChunkText.objects.values_list("pk", flat=True))
    edited = many_paragraphs(30).replace("thing17", "another17")
    actions.update_source(source=source, changes={"content": edited})
    work()
    run = Run.objects.order_by("pk").last()
    assert run.chunks_embedded <= 2
    assert run.chunks_reused >= 28
    after = set(ChunkText.objects.values_list("pk", flat=True))
    assert len(before - after) == len(after - before) == run.chunks_embedded
    assert says(chatbot, "another17", "another17")
    assert not says(chatbot, "thing17", "thing17")
    assert Document.objects.get().versions.count() == 1


def test_the_old_version_answers_until_the_new_one_is_whole(chatbot: Any, during_embedding: Any) -> None:
    source = trained(chatbot)
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        seen.append((says(chatbot, "lost card", "four euros"), says(chatbot, "lost card", "nine euros")))

    during_embedding(look)
    actions.update_source(source=source, changes={"content": GUIDE.replace("four euros", "nine euros")})
    work()
    assert seen == [(True, False)]
    assert says(chatbot, "lost card", "nine euros")
    assert not says(chatbot, "lost card", "four euros")


def test_a_new_source_is_found_by_words_before_its_vectors_are_there(chatbot: Any, during_embedding: Any) -> None:
    states: list[tuple[str, str, int, bool]] = []
    source = make_source(chatbot)

    def look() -> None:
        source.refresh_from_db()
        vectors = Embedding.objects.count()
        states.append((source.status, source.searchable, vectors, says(chatbot, "lost card", "four euros")))

    during_embedding(look)
    work()
    assert states == [("embedding", "text", 0, True)]


def test_syncing_an_unchanged_source_embeds_nothing(chatbot: Any) -> None:
    source = trained(chatbot)
    before = stored(chatbot)
    actions.sync_source(source=source)
    work()
    source.refresh_from_db()
    assert source.status == "ready"
    assert stored(chatbot) == before
    assert Run.objects.order_by("pk").last().chunks_embedded == 0


def test_a_refresh_by_the_clock_does_not_even_read_an_unchanged_source(chatbot: Any) -> None:
    source = trained(chatbot)
    version = DocumentVersion.objects.get().pk
    actions.sync_source(source=source, is_forced=False)
    work()
    assert DocumentVersion.objects.get().pk == version
    assert "read" not in Run.objects.order_by("pk").last().steps


# --- errors ---


def test_a_document_without_text_fails_at_once_with_its_sentence(chatbot: Any) -> None:
    source = make_source(chatbot, "   \n\n  ")
    work()
    source.refresh_from_db()
    assert (source.status, source.error_type, source.attempt) == ("failed", "empty", 1)
    assert source.error_message
    assert Event.objects.get(type="source.failed").payload["error"]["type"] == "empty"
    assert stored(chatbot) == NOTHING


def test_a_broken_file_fails_and_the_next_one_is_trained(chatbot: Any) -> None:
    broken = make_source(
        chatbot, source_type="file", name="a.pdf", options={}, file=ContentFile(b"%PDF-1.4\nnothing", name="a.pdf")
    )
    good = make_source(chatbot)
    work()
    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.status, good.status) == ("failed", "ready")
    assert broken.error_message


def test_a_busy_provider_is_asked_again_later(chatbot: Any, during_embedding: Any) -> None:
    source = make_source(chatbot)
    during_embedding(failing(UpstreamUnavailable("The embedder is away.", retry_after=0)))
    work()
    source.refresh_from_db()
    assert source.status == "ready"
    assert source.attempt == 2
    assert source.error_type == ""
    assert stored(chatbot)["vectors"] == source.chunks_count


def test_a_refused_request_fails_and_leaves_the_old_knowledge(chatbot: Any, during_embedding: Any) -> None:
    source = trained(chatbot)
    during_embedding(failing(UpstreamRejected("The key is wrong.")))
    actions.update_source(source=source, changes={"content": GUIDE.replace("four euros", "nine euros")})
    work()
    source.refresh_from_db()
    assert (source.status, source.error_message, source.searchable) == ("failed", "The key is wrong.", "full")
    assert says(chatbot, "lost card", "four euros")
    assert not says(chatbot, "lost card", "nine euros")


def test_after_a_failure_the_next_sync_brings_the_new_content(chatbot: Any, during_embedding: Any) -> None:
    source = trained(chatbot)
    during_embedding(failing(UpstreamRejected("The key is wrong.")))
    actions.update_source(source=source, changes={"content": GUIDE.replace("four euros", "nine euros")})
    work()
    actions.sync_source(source=source)
    work()
    assert says(chatbot, "lost card", "nine euros")
    assert not says(chatbot, "lost card", "four euros")
    assert Document.objects.get().versions.count() == 1


def test_a_bug_does_not_leave_a_run_open(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "chunk_document", broken)
    source = make_source(chatbot)
    for _ in range(durable.MAX_ERRORS):
        Run.objects.update(available_at="2026-01-01T00:00Z")
        work()
    source.refresh_from_db()
    assert (source.status, source.error_type, source.attempt) == ("failed", "internal_error", 3)


# --- people who change their mind ---


def test_deleting_a_source_stops_its_run_and_leaves_nothing(chatbot: Any, during_embedding: Any) -> None:
    source = make_source(chatbot)
    ids = [source.pk]

    def delete() -> None:
        actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=ids)

    during_embedding(delete)
    work()
    assert stored(chatbot) == NOTHING
    assert not Run.objects.exists()
    assert not found(chatbot, "lost card")


def test_cancelling_a_first_training_takes_back_what_it_had_begun(chatbot: Any, during_embedding: Any) -> None:
    source = make_source(chatbot)
    during_embedding(lambda: void(actions.cancel_source(source=source)))
    work()
    source.refresh_from_db()
    assert (source.status, source.searchable, source.documents_count) == ("cancelled", "none", 0)
    assert stored(chatbot) == NOTHING
    actions.sync_source(source=source)
    work()
    assert says(chatbot, "lost card", "four euros")


def test_cancelling_an_update_leaves_the_old_version(chatbot: Any, during_embedding: Any) -> None:
    source = trained(chatbot)
    before = stored(chatbot)
    during_embedding(lambda: void(actions.cancel_source(source=source)))
    actions.update_source(source=source, changes={"content": GUIDE.replace("four euros", "nine euros")})
    work()
    source.refresh_from_db()
    assert (source.status, source.searchable) == ("cancelled", "full")
    assert stored(chatbot) == before
    assert says(chatbot, "lost card", "four euros")


def test_content_that_changes_during_a_run_starts_it_afresh(chatbot: Any, during_embedding: Any) -> None:
    source = make_source(chatbot)
    newer = {"content": GUIDE.replace("four euros", "nine euros")}
    during_embedding(lambda: void(actions.update_source(source=source, changes=newer)))
    work()
    source.refresh_from_db()
    assert source.status == "ready"
    assert says(chatbot, "lost card", "nine euros")
    assert not says(chatbot, "lost card", "four euros")
    assert Run.objects.count() == 1


def test_a_deleted_chatbot_is_not_trained(chatbot: Any) -> None:
    source = make_source(chatbot)
    type(chatbot).objects.filter(pk=chatbot.pk).update(deleted_at="2026-01-01T00:00Z")
    work()
    source.refresh_from_db()
    assert source.status == "cancelled"
    assert stored(chatbot) == NOTHING


# --- crashes ---


class Killed(BaseException):
    """What no handler of the worker catches, as a killed process."""


def crash_during(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, *, after: bool) -> None:
    real = getattr(target, name)

    def die(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(target, name, real)
        if after:
            real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(target, name, die)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "step", ["_target", "_new_version", "_add_chunks", "_vectors_of", "_store_vectors", "_finish", "_switch", "_tell"]
)
@pytest.mark.parametrize("is_update", [False, True], ids=["first", "update"])
def test_a_worker_killed_at_any_step_loses_and_doubles_nothing(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch, step: str, *, after: bool, is_update: bool
) -> None:
    monkeypatch.setattr(pipeline, "CHUNKS_A_TRANSACTION", 3)
    monkeypatch.setattr(pipeline, "TEXTS_A_CALL", 3)
    text = many_paragraphs(8)
    if is_update:
        source = trained(chatbot, many_paragraphs(10, words="old words"))
        actions.update_source(source=source, changes={"content": text})
    else:
        source = make_source(chatbot, text)
    crash_during(monkeypatch, pipeline.Training, step, after=after)
    try:
        work()
    except Killed:
        Run.objects.filter(state="running").update(lease_until="2026-01-01T00:00Z")
        worker.sql("requeue_crashed", {"most": durable.MAX_CRASHES})
        work()
    source.refresh_from_db()
    assert source.status == "ready"
    assert source.chunks_count == Placement.objects.count() == 8
    assert stored(chatbot) == {"texts": 8, "places": 8, "words": 8, "vectors": 8}
    assert DocumentVersion.objects.count() == 1
    assert Event.objects.filter(type="source.ready").count() == (2 if is_update else 1)
    assert says(chatbot, "matter7", "matter7")


def void(_value: object) -> None:
    """For a lambda that only does something."""
