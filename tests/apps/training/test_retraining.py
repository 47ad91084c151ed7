"""A chatbot goes over to another embedding model, or to other chunks, while the old ones answer."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command

from chatsphere.apps.chatbots.actions import update_chatbot
from chatsphere.apps.training import actions, retrain_worker, site, worker
from chatsphere.apps.training.actions import NewSource
from chatsphere.apps.training.models import ChunkText, Embedding, Retraining, Run
from chatsphere.apps.training.retraining import start_retraining
from chatsphere.apps.users.models import UsageRecord
from chatsphere.core import durable, engines
from chatsphere.core.exceptions import Conflict
from chatsphere.services.errors import UpstreamRejected, UpstreamUnavailable
from chatsphere.services.types import SearchRequest
from tests.apps.training.world import GUIDE, make_source, trained, work
from tests.stubs.website import Answer, serving

pytestmark = pytest.mark.django_db(transaction=True)
OTHER = "hashing:128"
LONG = "\n\n".join(f"# Part {n}\n\n" + " ".join(f"word{n}x{m}" for m in range(90)) + "." for n in range(12))


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrain_worker, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(retrain_worker, "WAIT_SECONDS", 0.0)


def configure(chatbot: Any, **keys: Any) -> None:
    update_chatbot(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, changes={"configuration": keys})


def start(chatbot: Any) -> Retraining:
    return start_retraining(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk)


def finish(retraining: Retraining) -> Retraining:
    for _slice in range(50):
        retrain_worker.work(retraining.pk)
        work()
        retraining.refresh_from_db()
        if retraining.state not in durable.OPEN_STATES:
            return retraining
    raise AssertionError(f"still {retraining.state} in {retraining.phase}")


def models_of(chatbot: Any) -> set[str]:
    return set(Embedding.objects.filter(chatbot_id=chatbot.pk).values_list("model", flat=True))


def best_by_meaning(chatbot: Any, words: str) -> Any:
    """The best hit by the model that answers now."""
    chatbot.refresh_from_db()

    async def search() -> Any:
        store: Any = engines.vector_store()
        embedder = engines.embedder(chatbot.embedding_model)
        request = SearchRequest(
            workspace_id=chatbot.workspace_id,
            chatbot_id=chatbot.pk,
            text=words,
            vector=await embedder.embed_query(words),
            model_id=embedder.model.id,
        )
        try:
            return (await store.search(request)).hits[0]
        finally:
            await store.aclose()

    return async_to_sync(search)()


def test_the_other_model_answers_and_the_old_vectors_are_gone(chatbot: Any) -> None:
    trained(chatbot)
    chunks = ChunkText.objects.filter(chatbot=chatbot).count()
    configure(chatbot, embedding_model=OTHER)
    done = finish(start(chatbot))
    assert (done.state, done.chunks_embedded, done.progress_done) == ("succeeded", chunks, chunks)
    assert models_of(chatbot) == {OTHER}
    hit = best_by_meaning(chatbot, "lost library card")
    assert chatbot.embedding_model == OTHER
    assert hit.dense is not None
    assert "four euros" in hit.text
    assert UsageRecord.objects.get(request_key=f"retraining:{done.pk}").embedding_tokens == done.tokens


def test_the_old_vectors_answer_until_the_last_new_one_is_there(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(chatbot, LONG)
    configure(chatbot, embedding_model=OTHER)
    row = start(chatbot)
    monkeypatch.setattr(retrain_worker, "TEXTS_A_CALL", 2)
    monkeypatch.setattr(retrain_worker, "SLICE_SECONDS", 0.0)
    seen = set()
    while row.phase != "clean":
        retrain_worker.work(row.pk)
        row.refresh_from_db()
        hit = best_by_meaning(chatbot, "word3x4 word3x5")
        assert hit.dense is not None
        assert "word3x4" in hit.text
        seen.add(chatbot.embedding_model)
        assert row.progress_done <= row.progress_total
    assert seen == {"hashing:256", OTHER}
    assert row.attempt <= 1, "making room for others is no attempt"


def test_what_is_added_meanwhile_has_vectors_of_the_new_model(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(chatbot, LONG)
    configure(chatbot, embedding_model=OTHER)
    row = start(chatbot)
    monkeypatch.setattr(retrain_worker, "SLICE_SECONDS", 0.0)
    assert retrain_worker.work(row.pk) is True
    trained(chatbot, GUIDE)
    monkeypatch.setattr(retrain_worker, "SLICE_SECONDS", 60.0)
    finish(row)
    assert (
        Embedding.objects.filter(chatbot=chatbot, model=OTHER).count()
        == ChunkText.objects.filter(chatbot=chatbot).count()
    )
    assert models_of(chatbot) == {OTHER}


def test_a_run_that_began_before_the_switch_begins_again_with_the_new_model(chatbot: Any) -> None:
    trained(chatbot, LONG)
    configure(chatbot, embedding_model=OTHER)
    row = start(chatbot)
    make_source(chatbot, GUIDE)
    [run] = _claimed()
    finish(row)
    worker.do(run)  # the worker that slept through the switch writes nothing
    work()
    assert Run.objects.get(pk=run.pk).state == "succeeded"
    assert (
        Embedding.objects.filter(chatbot=chatbot, model=OTHER).count()
        == ChunkText.objects.filter(chatbot=chatbot).count()
    )
    assert models_of(chatbot) == {OTHER}


def _claimed() -> list[Run]:
    run = worker._claim()
    assert run is not None
    return [run]


def test_a_killed_worker_is_followed_by_another_that_embeds_nothing_twice(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(chatbot, LONG)
    configure(chatbot, embedding_model=OTHER)
    row = start(chatbot)
    monkeypatch.setattr(retrain_worker, "TEXTS_A_CALL", 4)
    embedder: Any = engines.embedder(OTHER)
    plain = embedder.embed_passages
    calls = []

    def dies_once(texts: Any) -> Any:
        calls.append(len(texts))
        if len(calls) == 3:
            raise SystemExit
        return plain(texts)

    monkeypatch.setattr(embedder, "embed_passages", dies_once, raising=False)
    with pytest.raises(SystemExit):
        retrain_worker.work(row.pk)
    Retraining.objects.filter(pk=row.pk).update(lease_until=row.created_at)
    done = finish(row)
    chunks = ChunkText.objects.filter(chatbot=chatbot).count()
    assert done.state == "succeeded"
    assert sum(calls) == chunks + calls[2]
    assert done.chunks_embedded == chunks


def test_cancelling_removes_the_new_vectors_and_keeps_the_old(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch, alice: Any, client_of: Any
) -> None:
    trained(chatbot, LONG)
    configure(chatbot, embedding_model=OTHER)
    row = start(chatbot)
    monkeypatch.setattr(retrain_worker, "TEXTS_A_CALL", 2)
    monkeypatch.setattr(retrain_worker, "SLICE_SECONDS", 0.0)
    retrain_worker.work(row.pk)
    assert models_of(chatbot) == {"hashing:256", OTHER}
    client = client_of(alice)
    answer = client.post(f"/api/v1/retrainings/{row.pk}/cancel/")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert models_of(chatbot) == {"hashing:256"}
    assert best_by_meaning(chatbot, "word3x4").dense is not None
    assert client.post(f"/api/v1/retrainings/{row.pk}/cancel/").status_code == 409
    assert retrain_worker.work(row.pk) is False


def test_a_provider_that_refuses_ends_it_with_its_sentence_and_another_goes_on_from_there(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(chatbot, LONG)
    configure(chatbot, embedding_model=OTHER)
    monkeypatch.setattr(retrain_worker, "TEXTS_A_CALL", 4)
    embedder: Any = engines.embedder(OTHER)
    plain, calls = embedder.embed_passages, []

    def refuses_the_second(texts: Any) -> Any:
        calls.append(len(texts))
        if len(calls) == 2:
            raise UpstreamRejected("The key is not valid any more.")
        return plain(texts)

    monkeypatch.setattr(embedder, "embed_passages", refuses_the_second, raising=False)
    failed = finish(start(chatbot))
    assert (failed.state, failed.error_type) == ("failed", "upstream_rejected")
    assert best_by_meaning(chatbot, "word3x4").dense is not None
    chunks = ChunkText.objects.filter(chatbot=chatbot).count()
    again = finish(start(chatbot))
    assert (again.state, again.chunks_embedded) == ("succeeded", chunks - 4)


def test_three_outages_in_a_row_end_it(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(chatbot)
    configure(chatbot, embedding_model=OTHER)

    def away(_texts: Any) -> Any:
        raise UpstreamUnavailable(retry_after=0.0)

    monkeypatch.setattr(engines.embedder(OTHER), "embed_passages", away, raising=False)
    row = finish(start(chatbot))
    assert (row.state, row.errors) == ("failed", 2)
    assert models_of(chatbot) == {"hashing:256"}


def test_other_chunks_are_cut_by_a_run_of_each_source(chatbot: Any) -> None:
    source = trained(chatbot, LONG)
    actions.add_sources(
        workspace_id=chatbot.workspace_id,
        chatbot_id=chatbot.pk,
        new=[NewSource(source_type="qa", name="qa", options={"pairs": [{"question": "Why?", "answer": "Because."}]})],
        created_by=None,
    )
    work()
    before = source.chunks_count
    configure(chatbot, chunk_words=30)
    row = start(chatbot)
    assert (row.phase, row.chunking, row.progress_total) == ("read", {"target_words": 30, "max_words": 48}, 1)
    done = finish(row)
    source.refresh_from_db()
    assert (done.state, done.chunks_embedded) == ("succeeded", 0)
    assert source.chunks_count > before
    assert list(Run.objects.filter(kind="retrain").values_list("source", flat=True)) == [source.pk]


def test_chunks_and_model_can_change_together(chatbot: Any) -> None:
    trained(chatbot, LONG)
    configure(chatbot, chunk_words=30, embedding_model=OTHER)
    done = finish(start(chatbot))
    assert done.state == "succeeded"
    assert models_of(chatbot) == {OTHER}
    assert done.chunks_embedded == ChunkText.objects.filter(chatbot=chatbot).count()


def test_the_dry_run_tells_the_cost_and_starts_nothing(chatbot: Any, alice: Any, client_of: Any, settings: Any) -> None:
    settings.MODEL_PRICES = '{"hashing:128": {"embedding": 20000000, "currency": "EUR"}}'
    source = trained(chatbot)
    client = client_of(alice)
    path = f"/api/v1/chatbots/{chatbot.pk}/retrain/"
    nothing = client.post(f"{path}?dry_run=true").json()
    assert (nothing["is_needed"], nothing["chunks"], nothing["current_model"]) == (False, 0, "hashing:256")
    assert client.post(path).json()["error"]["type"] == "nothing_to_retrain"
    configure(chatbot, embedding_model=OTHER)
    told = client.post(f"{path}?dry_run=true").json()
    assert (told["is_needed"], told["chunks"], told["tokens"]) == (True, source.chunks_count, source.tokens)
    assert (told["cost_micros"], told["currency"]) == (source.tokens * 20, "EUR")
    assert not Retraining.objects.exists()


def test_a_retraining_is_started_shown_and_listed_over_http(chatbot: Any, alice: Any, client_of: Any) -> None:
    trained(chatbot)
    client = client_of(alice)
    configure(chatbot, embedding_model=OTHER)
    path = f"/api/v1/chatbots/{chatbot.pk}/retrain/"
    answer = client.post(path)
    assert answer.status_code == 202
    row = answer.json()
    assert (row["state"], row["phase"], row["from_model"], row["to_model"]) == ("queued", "embed", "hashing:256", OTHER)
    assert client.post(path).json()["error"]["type"] == "already_running"
    assert client.get(f"/api/v1/retrainings/{row['id']}/").json()["progress"]["unit"] == "chunks"
    assert [each["id"] for each in client.get(f"/api/v1/chatbots/{chatbot.pk}/retrainings/").json()["results"]] == [
        row["id"]
    ]


def test_a_model_that_is_not_there_is_told(chatbot: Any, alice: Any, client_of: Any) -> None:
    trained(chatbot)
    configure(chatbot, embedding_model="local:nowhere")
    answer = client_of(alice).post(f"/api/v1/chatbots/{chatbot.pk}/retrain/")
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "engine_misconfigured")


def test_the_command_brings_every_chatbot_over_to_the_installations_model(
    chatbot: Any, settings: Any, capsys: Any
) -> None:
    trained(chatbot)
    settings.EMBEDDING_MODEL = OTHER
    call_command("retrain", "--dry-run")
    assert f"hashing:256 → {OTHER}" in capsys.readouterr().out
    assert not Retraining.objects.exists()
    call_command("retrain")
    assert finish(Retraining.objects.get()).state == "succeeded"
    assert models_of(chatbot) == {OTHER}


def test_a_sitemap_with_lastmod_is_cut_anew(chatbot: Any) -> None:
    site._polite_fetcher.cache_clear()
    with serving() as website:
        entries = ""
        for number in range(3):
            website.page(f"/{number}", f"<h1>Page {number}</h1><p>{LONG}</p>")
            entries += f"<url><loc>{website.url}/{number}</loc><lastmod>2026-01-01</lastmod></url>"
        website.pages["/sitemap.xml"] = Answer(f"<urlset>{entries}</urlset>".encode())
        uri = f"{website.url}/sitemap.xml"
        source = make_source(chatbot, source_type="sitemap", name="Pages", uri=uri, options={})
        work()
        before = ChunkText.objects.filter(chatbot=chatbot).count()
        configure(chatbot, chunk_words=40)
        row = finish(start(chatbot))
        assert (row.state, row.steps) == ("succeeded", {})
        source.refresh_from_db()
        assert source.chunks_count > 1.5 * before
        with pytest.raises(Conflict):
            start(chatbot)

        configure(chatbot, chunk_words=60)
        website.pages["/1"] = Answer(b"Forbidden", 403)
        row = finish(start(chatbot))
        assert (row.state, row.error_type, row.steps["read"]["failed"]) == ("failed", "partly_read", 1)
        assert "1 documents could not be read again" in row.error_message
