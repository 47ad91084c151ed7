"""A crawl, a second visit and a retraining by real Celery workers against a real web server; the worker is killed in the middle of the crawl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatsphere.apps.chatbots.actions import update_chatbot
from chatsphere.apps.training import actions
from chatsphere.apps.training.actions import NewSource
from chatsphere.apps.training.models import ChunkText, Document, Embedding, Run, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.apps.training.retraining import start_retraining
from tests.acceptance.test_pipeline_survives import celery, kill, wait_until, worker
from tests.apps.training.world import make_chatbot, says
from tests.stubs.website import Answer, Website, serving

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(1200)]
PAGES = 24
SECONDS = 300  # on a busy machine


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Website]:
    """Each page leads to the next two; the seventh is slow, the ninth broken, the eleventh leads back to the first."""
    monkeypatch.setenv("FETCH_ALLOW_LOOPBACK", "true")
    monkeypatch.setenv("CRAWL_DELAY_SECONDS", "0.05")
    with serving() as running:
        for n in range(PAGES):
            html = text(n)
            links = ("/",) if n == 11 else (f"/p{n + 1}", f"/p{n + 2}")
            running.page(f"/p{n}" if n else "/", html, links=links, seconds=2.0 if n == 7 else 0.0, is_broken=n == 9)
        yield running


def text(number: int, topic: str = "topic") -> str:
    return f"<h1>Page {number}</h1><p>Number{number} speaks of {topic}{number}, and of nothing else at all.</p>"


def test_a_site_is_read_once_though_the_worker_is_killed_then_visited_again_and_retrained(
    alice: Any, site: Website, tmp_path: Path
) -> None:
    chatbot = make_chatbot(alice)
    options = {"max_pages": 100, "max_depth": 20}
    new = NewSource(source_type="crawl", name="Site", uri=f"{site.url}/", options=options)
    [source] = actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=[new], created_by=None)
    with celery(tmp_path, "beat", "-s", str(tmp_path / "schedule")):
        with worker(tmp_path) as process:
            wait_until(lambda: Document.objects.count() >= 5, SECONDS)
            kill(process)
        with worker(tmp_path):
            wait_until(lambda: _status(source) in ("ready", "partial", "failed"), SECONDS)
            source.refresh_from_db()
            assert (source.status, source.error_message) == ("partial", ""), "one page is broken"
            assert source.documents_count == PAGES - 1
            assert says(chatbot, "topic17", "topic17")
            fetched = [path for path in site.paths(200) if path not in ("/p9", "/p7")]
            assert len(fetched) <= len(set(fetched)) + 2, "at most what the killed worker was at is fetched twice"
            _visit_again(source, site)
            assert says(chatbot, "novelty3", "novelty3")
            assert not says(chatbot, "topic3", "topic3")
            assert not says(chatbot, "topic5", "topic5")
            update_chatbot(
                workspace_id=chatbot.workspace_id,
                chatbot_id=chatbot.pk,
                changes={"configuration": {"embedding_model": "hashing:128"}},
            )
            row = start_retraining(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk)
            wait_until(lambda: type(row).objects.get(pk=row.pk).state == "succeeded", SECONDS)
    vectors = Embedding.objects.filter(chatbot=chatbot)
    assert set(vectors.values_list("model", flat=True)) == {"hashing:128"}
    assert vectors.count() == ChunkText.objects.filter(chatbot=chatbot).count()
    assert reconcile().is_clean


def _visit_again(source: TrainingSource, site: Website) -> None:
    """One page has changed, one is gone for good, the broken one is mended: only what changed is sent and embedded."""
    site.page("/p3", text(3, "novelty"), links=("/p4", "/p5"))
    site.page("/p9", text(9), links=("/p10", "/p11"))
    site.pages["/p5"] = Answer(status=410)
    site.seen.clear()
    source.refresh_from_db()
    run = actions.sync_source(source=source)
    wait_until(lambda: Run.objects.get(pk=run.pk).state == "succeeded", SECONDS)
    source.refresh_from_db()
    run.refresh_from_db()
    assert (source.status, source.documents_count) == ("ready", PAGES - 1)
    assert set(site.paths(200)) == {"/p3", "/p9"}
    assert run.chunks_embedded == 2
    assert not Document.objects.filter(source=source, key=f"{site.url}/p5").exists()


def _status(source: TrainingSource) -> str:
    status: str = TrainingSource.objects.values_list("status", flat=True).get(pk=source.pk)
    return status
