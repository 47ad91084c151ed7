"""Slow web sites delay nobody's files and texts, and a worker never waits for a web site that could work for others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chatsphere.apps.training import actions, site, slots, visits, worker
from chatsphere.apps.training.models import Document, Run
from chatsphere.apps.training.pipeline import MakeRoom
from chatsphere.core import durable, presence
from chatsphere.core.presence import Living
from tests.apps.training.world import make_chatbot, make_source, work
from tests.stubs.website import Answer, Website, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def website() -> Iterator[Website]:
    site._polite_fetcher.cache_clear()
    with serving() as running:
        yield running
    site._polite_fetcher.cache_clear()


def page_of(chatbot: Any, url: str) -> Any:
    return make_source(chatbot, source_type="url", name="Page", uri=url, options={})


def workers(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    alive = [Living("worker-ingest", "here", pid, 0, 0.0) for pid in range(number)]
    monkeypatch.setattr(presence, "everywhere", lambda: [*alive, Living("web", "here", 99, 0, 0.0)])
    monkeypatch.setattr(slots, "_counted", (float("-inf"), 0))


def test_texts_pass_dripping_web_pages_of_their_own_and_other_workspaces(
    chatbot: Any, charlie: Any, website: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "QUICK_SECONDS", 4.0)
    headers = {"Content-Type": "text/html"}
    for number in range(4):
        website.pages[f"/{number}"] = Answer(b"x" * 1000, headers=headers, drips=0.2)
        page_of(chatbot, f"{website.url}/{number}")
    enough = Event()
    threads = [Thread(target=_work_until, args=(enough,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while website.most_at_once == 0:
        time.sleep(0.02)
    texts = [make_source(chatbot), make_source(make_chatbot(charlie), name="Other")]
    ends_at = time.monotonic() + 60
    while not all(_is_ready(text) for text in texts) and time.monotonic() < ends_at:
        time.sleep(0.05)
    enough.set()
    for thread in threads:
        thread.join()
    assert all(_is_ready(text) for text in texts)
    assert website.most_at_once == 1, "one of two workers reads the web; the other one is free"


def _work_until(enough: Event) -> None:
    try:
        while not enough.is_set():
            worker.work_until(time.monotonic())
            time.sleep(0.05)
    finally:
        connection.close()


def _is_ready(source: Any) -> bool:
    source.refresh_from_db()
    return bool(source.status == "ready")


@pytest.mark.parametrize(("number", "most"), [(0, 1), (1, 1), (2, 1), (3, 2), (8, 7)])
def test_one_worker_fewer_than_all_reads_the_web(number: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    workers(monkeypatch, number)
    assert slots.most_at_once() == most


def test_a_free_worker_leaves_the_web_and_takes_texts(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    workers(monkeypatch, 3)
    for number in range(4):
        page_of(chatbot, f"https://shop.example/{number}")
    assert [worker._claim().source.source_type for _ in range(2)] == ["url", "url"]
    assert worker._claim() is None
    make_source(chatbot)
    assert worker._claim().source.source_type == "text"
    Run.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
    assert worker._claim().source.source_type == "url", "a dead worker keeps no place"


def test_of_two_that_were_claimed_in_the_same_moment_one_gives_way(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers(monkeypatch, 3)
    for number in range(2):
        page_of(chatbot, f"https://shop.example/{number}")
    runs = [worker._claim(), worker._claim()]
    workers(monkeypatch, 2)
    assert [slots.keeps_place(run) for run in runs] == [False, True]
    given_back = Run.objects.get(pk=runs[0].pk)
    assert (given_back.state, given_back.attempt, given_back.errors) == ("queued", 0, 0)


def test_a_page_waits_behind_texts_however_it_was_added(chatbot: Any) -> None:
    page_of(chatbot, "https://shop.example/")
    many = [actions.NewSource(source_type="text", name=f"bulk{n}", options={"content": "x"}) for n in range(2)]
    actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=many, created_by=None)
    order = [worker._claim().source.source_type for _ in range(3)]
    assert order == ["text", "text", "url"]


def test_a_worker_gives_a_site_back_until_its_next_turn(
    chatbot: Any, website: Website, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CRAWL_DELAY_SECONDS = 60.0
    site._polite_fetcher.cache_clear()
    hints: list[float] = []
    monkeypatch.setattr(worker, "send_hint", lambda *_, countdown=0.0, **__: hints.append(countdown))
    website.page("/", "<p>Welcome to the library of Lindenau.</p>", links=("/fees",))
    website.page("/fees", "<p>A lost library card costs four euros and fifty cents.</p>")
    source = make_source(chatbot, source_type="crawl", name="Library", uri=f"{website.url}/", options={})
    begun = time.monotonic()
    work()
    assert time.monotonic() - begun < 30
    run = Run.objects.get()
    assert (Document.objects.count(), run.state, run.errors, len(hints)) == (1, "queued", 0, 1)
    assert 20 < hints[0] <= 60
    assert 10 < (run.available_at - timezone.now()).total_seconds() <= 60
    monkeypatch.setattr(site.pace(), "turn", lambda *_: 0.0)
    Run.objects.update(available_at=timezone.now())
    work()
    source.refresh_from_db()
    assert (source.status, source.documents_count) == ("ready", 2)


def test_a_single_worker_leaves_a_slow_page_to_somebody_who_waits_and_asks_its_server_once(
    chatbot: Any, website: Website
) -> None:
    body = b"<p>A lost library card costs four euros and fifty cents.</p>"
    website.pages["/slow"] = Answer(body, headers={"Content-Type": "text/html"}, seconds=6.0)
    page = page_of(chatbot, f"{website.url}/slow")
    enough = Event()
    thread = Thread(target=_work_until, args=(enough,))
    thread.start()
    try:
        while website.open == 0:
            time.sleep(0.02)
        for _ in range(2):
            text = make_source(chatbot)
            begun = time.monotonic()
            while not _is_ready(text) and time.monotonic() - begun < 30:
                time.sleep(0.05)
            assert website.paths() == [], "the page is still on its way"
        while not _is_ready(page) and time.monotonic() - begun < 60:
            time.sleep(0.05)
    finally:
        enough.set()
        thread.join()
    assert _is_ready(page), page.error_message
    assert website.paths() == ["/slow"]
    assert Run.objects.get(source=page).errors == 0


def test_a_slow_sitemap_is_left_to_somebody_who_waits(chatbot: Any, website: Website) -> None:
    listed = f"<urlset><url><loc>{website.url}/fees</loc></url></urlset>".encode()
    website.pages["/sitemap.xml"] = Answer(listed, headers={"Content-Type": "application/xml"}, seconds=5.0)
    website.page("/fees", "<p>A lost library card costs four euros and fifty cents.</p>")
    sitemap = make_source(chatbot, source_type="sitemap", name="Library", uri=f"{website.url}/sitemap.xml", options={})
    run = worker._claim()
    make_source(chatbot)
    worker.do(run)
    assert (website.paths(), Run.objects.get(pk=run.pk).state) == ([], "queued")
    work()
    assert _is_ready(sitemap), sitemap.error_message
    assert website.paths() == ["/sitemap.xml", "/fees"]


def test_a_visit_ends_when_its_source_is_deleted(chatbot: Any, website: Website) -> None:
    website.pages["/slow"] = Answer(b"x", headers={"Content-Type": "text/html"}, seconds=20.0)
    page = page_of(chatbot, f"{website.url}/slow")
    run = worker._claim()
    lost = Event()
    lost.set()
    begun = time.monotonic()
    with pytest.raises(durable.LostLease):
        visits.answer_of(run, page.uri, lambda: time.sleep(20), lost=lost)
    assert time.monotonic() - begun < 10


def test_answers_that_nobody_comes_back_for_are_forgotten(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "PATIENT_SECONDS", 0.0)
    monkeypatch.setattr(visits, "_left", {})
    page_of(chatbot, "https://shop.example/")
    run = worker._claim()
    make_source(chatbot)
    Run.objects.filter(state="queued").update(available_at=timezone.now() - timedelta(seconds=5))
    for number in range(visits.MOST_KEPT + 3):
        with pytest.raises(MakeRoom):
            visits.answer_of(run, str(number), lambda: time.sleep(0.5), lost=Event())
    assert [what for _, what in visits._left] == ["3", "4", "5", "6"]
