"""Pages of the web: read, visited again, changed, moved, lost; by robots.txt, through a killed worker, as a dry run."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chatsphere.apps.training import actions, outcomes, pages, pipeline, site, sweep, web, worker
from chatsphere.apps.training import dry_run as dry_run_module
from chatsphere.apps.training.models import Document, DocumentVersion, Page, Run, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.apps.users import flags
from chatsphere.apps.users.models import Flag
from chatsphere.apps.webhooks.models import Event
from chatsphere.services.content.crawl import Scope
from chatsphere.services.content.fetch import FetchLimits
from tests.apps.training.world import NOTHING, found, make_source, says, stored, work
from tests.stubs.website import Answer, Website, serving

pytestmark = pytest.mark.django_db(transaction=True)

HOURS = (
    "<h1>Opening hours</h1><p>The library opens at {hour} on Saturdays, and it stays open until six in the evening.</p>"
)
FEES = "<h1>Fees</h1><p>A lost library card costs four euros and fifty cents; a late book costs twenty cents a day.</p>"
ROOMS = "<h1>Rooms</h1><p>The quiet room on the second floor holds forty people who want to work alone.</p>"


@pytest.fixture
def library() -> Iterator[Website]:
    site._polite_fetcher.cache_clear()
    with serving() as website:
        website.page("/", "<h1>The library</h1><p>Welcome to the library of Lindenau.</p>", links=("/hours", "/fees"))
        website.page("/hours", HOURS.format(hour="ten"), links=("/", "/rooms.html#top"))
        website.page("/fees", FEES, links=("/", "https://elsewhere.example/", "/logo.png"))
        website.page("/rooms.html", ROOMS)
        yield website


def crawl(chatbot: Any, library: Website, path: str = "/", **options: Any) -> TrainingSource:
    return make_source(chatbot, source_type="crawl", name="Library", uri=library.url + path, options=options)


def sync(source: TrainingSource, **how: Any) -> TrainingSource:
    source.refresh_from_db()
    actions.sync_source(source=source, **how)
    return done(source)


def done(source: TrainingSource) -> TrainingSource:
    work()
    source.refresh_from_db()
    return source


def patiently(source: TrainingSource) -> TrainingSource:
    """Done, with all that was to be waited for."""
    for _ in range(20):
        Run.objects.filter(state="queued").update(available_at=timezone.now())
        done(source)
        if source.status in ("ready", "partial", "failed"):
            return source
    raise AssertionError(source.status)


def ready(source: TrainingSource) -> TrainingSource:
    done(source)
    assert source.status == "ready", (source.status, source.error_message, source.warnings)
    return source


def keys(library: Website) -> set[str]:
    return {key.removeprefix(library.url) for key in Document.objects.values_list("key", flat=True)}


# --- a site becomes knowledge ---


def test_a_site_becomes_searchable_and_follows_its_changes(chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    assert (source.documents_count, source.searchable, source.progress_unit) == (4, "full", "pages")
    assert source.progress_done == source.progress_total == 4
    assert says(chatbot, "library opens Saturdays", "opens at ten")
    assert says(chatbot, "quiet room", "forty people")

    library.page("/hours", HOURS.format(hour="eleven"), links=("/", "/rooms.html"))
    ready(sync(source))
    assert says(chatbot, "library opens Saturdays", "opens at eleven")
    assert not says(chatbot, "library opens Saturdays", "opens at ten")

    library.pages["/rooms.html"] = Answer(status=410)
    ready(sync(source))
    assert not says(chatbot, "quiet room", "forty people")
    assert source.documents_count == 3
    assert any("gone" in warning for warning in source.warnings)
    assert reconcile().is_clean


def test_each_page_is_a_document_with_its_address(chatbot: Any, library: Website) -> None:
    ready(crawl(chatbot, library))
    assert keys(library) == {"/", "/hours", "/fees", "/rooms.html"}
    document = Document.objects.get(key=f"{library.url}/fees")
    assert document.uri == f"{library.url}/fees"
    assert document.etag == f'"{document.etag[1:-1]}"'
    assert "Lindenau" not in document.current_version.text


def test_we_say_who_we_are(chatbot: Any, library: Website, settings: Any) -> None:
    settings.PUBLIC_URL = "https://chat.example"
    ready(crawl(chatbot, library))
    [agent] = library.agents
    assert agent.startswith("ChatSphere/")
    assert agent.endswith("(+https://chat.example)")


def test_a_page_by_itself_is_read_without_its_links(chatbot: Any, library: Website) -> None:
    source = ready(make_source(chatbot, source_type="url", name="Fees", uri=f"{library.url}/fees", options={}))
    assert library.paths() == ["/fees"]
    assert source.documents_count == 1
    assert says(chatbot, "lost card", "four euros")


def test_a_crawl_stays_in_its_folder_depth_and_number(chatbot: Any, library: Website) -> None:
    library.page("/docs/", ROOMS, links=("/docs/a", "/fees"))
    library.page("/docs/a", FEES, links=("/docs/b",))
    library.page("/docs/b", HOURS.format(hour="nine"), links=("/docs/c",))
    library.page("/docs/c", HOURS.format(hour="noon"))
    ready(crawl(chatbot, library, "/docs/", max_depth=2))
    assert keys(library) == {"/docs/", "/docs/a", "/docs/b"}
    source = ready(crawl(chatbot, library, max_pages=2))
    assert source.documents_count == 2
    assert "more pages than the 2" in source.warnings[-1]


def test_patterns_choose_pages(chatbot: Any, library: Website) -> None:
    ready(crawl(chatbot, library, exclude=["/fees*"]))
    assert keys(library) == {"/", "/hours", "/rooms.html"}


def single(chatbot: Any, url: str) -> TrainingSource:
    return make_source(chatbot, source_type="url", name="Page", uri=url, options={})


def test_a_charset_that_stands_in_the_header_alone_is_obeyed(chatbot: Any, library: Website) -> None:
    text = (
        "<title>Услуги</title><h1>Услуги</h1><p>Потерянный читательский билет стоит четыре евро и пятьдесят центов.</p>"
    )
    headers = {"Content-Type": "text/html; charset=windows-1251"}
    library.pages["/ru"] = Answer(f"<!doctype html><html><body>{text}</body></html>".encode("cp1251"), headers=headers)
    # Bytes that many encodings allow, and that a guess takes for another one.
    library.pages["/de"] = Answer(
        "<!doctype html><p>Größe</p>".encode("cp850"), headers={"Content-Type": "text/html; charset=cp850"}
    )
    ready(single(chatbot, f"{library.url}/ru"))
    ready(single(chatbot, f"{library.url}/de"))
    assert says(chatbot, "читательский билет", "Потерянный читательский билет стоит четыре евро")
    assert says(chatbot, "Größe", "Größe")


def test_the_type_that_the_server_names_decides_between_kinds_of_text(chatbot: Any, library: Website) -> None:
    table = b"plan,price\nBasic,ten euros\nPro,forty euros\n"
    library.pages["/prices"] = Answer(table, headers={"Content-Type": "text/csv; charset=utf-8"})
    ready(single(chatbot, f"{library.url}/prices"))
    assert Document.objects.get().media_type == "text/csv"
    assert says(chatbot, "Pro price", "price: forty euros") or says(chatbot, "Pro price", "| Pro | forty euros |")


# --- sitemaps ---


def write_sitemap(library: Website, **modified: str) -> None:
    entries = "".join(
        f"<url><loc>{library.url}/{name.replace('_', '.')}</loc><lastmod>{day}</lastmod></url>"
        for name, day in modified.items()
    )
    library.pages["/1.xml.gz"] = Answer(gzip.compress(f"<urlset>{entries}</urlset>".encode()))
    index = f"<sitemapindex><sitemap><loc>{library.url}/1.xml.gz</loc></sitemap></sitemapindex>"
    library.pages["/sitemap.xml"] = Answer(index.encode(), headers={"Content-Type": "application/xml"})


def sitemap(chatbot: Any, library: Website, **options: Any) -> TrainingSource:
    address = f"{library.url}/sitemap.xml"
    return make_source(chatbot, source_type="sitemap", name="Library", uri=address, options=options)


def test_a_sitemap_is_read_by_its_lastmod(chatbot: Any, library: Website) -> None:
    write_sitemap(library, hours="2026-11-01", fees="2026-11-01")
    source = ready(sitemap(chatbot, library))
    assert keys(library) == {"/hours", "/fees"}

    library.seen.clear()
    write_sitemap(library, hours="2026-11-02", fees="2026-11-01", rooms_html="2026-11-02")
    ready(sync(source, is_forced=False))
    assert sorted(library.paths()) == ["/1.xml.gz", "/hours", "/rooms.html", "/sitemap.xml"]
    assert library.paths(304) == ["/hours"]
    assert keys(library) == {"/hours", "/fees", "/rooms.html"}

    library.seen.clear()
    ready(sync(source))
    assert sorted(library.paths(304)) == ["/fees", "/hours", "/rooms.html"], "by hand each page is asked for"


def test_what_is_read_or_cut_differently_now_is_read_again_whatever_its_lastmod(
    chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sitemap(library, hours="1", fees="1")
    source = ready(sitemap(chatbot, library))
    for module in (web, pages, pipeline):
        monkeypatch.setattr(module, "RECIPE", 99)
    library.seen.clear()
    ready(sync(source, is_forced=False))
    assert sorted(library.paths(200)) == ["/1.xml.gz", "/fees", "/hours", "/sitemap.xml"]
    assert {version.report["recipe"] for version in DocumentVersion.objects.all()} == {99}


def test_one_missing_sitemap_of_an_index_leaves_the_others(chatbot: Any, library: Website) -> None:
    write_sitemap(library, hours="1", fees="1")
    library.page("/garden", "<h1>Garden</h1><p>The garden of the library closes at dusk in all seasons.</p>")
    library.pages["/2.xml"] = Answer(f"<urlset><url><loc>{library.url}/garden</loc></url></urlset>".encode())
    names = "".join(f"<sitemap><loc>{library.url}/{name}</loc></sitemap>" for name in ("none.xml", "1.xml.gz", "2.xml"))
    library.pages["/sitemap.xml"] = Answer(f"<sitemapindex>{names}</sitemapindex>".encode())
    source = done(sitemap(chatbot, library))
    assert (source.status, source.documents_count) == ("partial", 3)
    assert any("none.xml could not be read: the server answered with 404" in warning for warning in source.warnings)

    del library.pages["/2.xml"]
    for _ in range(4):
        sync(source)
    assert says(chatbot, "garden dusk", "closes at dusk"), "what a lost sitemap listed is still there, so it stays"
    del library.pages["/garden"]
    for _ in range(3):
        sync(source)
    assert keys(library) == {"/hours", "/fees"}


def test_a_sitemap_whose_server_stumbles_is_tried_again(chatbot: Any, library: Website) -> None:
    write_sitemap(library, hours="1", fees="1")
    good = library.pages["/1.xml.gz"]
    library.pages["/1.xml.gz"] = Answer(status=503)
    source = done(sitemap(chatbot, library))
    assert (source.status, Run.objects.get().state) == ("fetching", "queued")
    library.pages["/1.xml.gz"] = good
    patiently(source)
    assert (source.status, source.documents_count) == ("ready", 2)
    assert library.paths().count("/sitemap.xml") == 1, "what was read is not read again"
    assert "sitemaps" not in Run.objects.get().steps["list"]


def test_a_long_list_of_sitemaps_makes_room(chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SLICE_SECONDS", -1.0)
    write_sitemap(library, hours="1", fees="1")
    source = sitemap(chatbot, library)
    order: list[str] = []
    do = worker.do
    monkeypatch.setattr(worker, "do", lambda run: (order.append(run.source.source_type), do(run)))
    ready(source)
    assert len(order) >= 3
    assert sorted(library.paths()) == ["/1.xml.gz", "/fees", "/hours", "/sitemap.xml"]


def test_a_sitemap_of_another_host_says_so(chatbot: Any, library: Website) -> None:
    entries = "".join(f"<url><loc>https://www.example.org/{name}</loc></url>" for name in "ab")
    library.pages["/sitemap.xml"] = Answer(f"<urlset>{entries}</urlset>".encode())
    source = done(sitemap(chatbot, library))
    assert (source.status, source.error_type) == ("failed", "empty")
    assert "2 addresses of this sitemap lie on another host (www.example.org)" in source.error_message
    assert "Add the sitemap of that host" in source.error_message

    here = f"<url><loc>{library.url}/fees</loc></url>"
    library.pages["/sitemap.xml"] = Answer(f"<urlset>{here}{entries}</urlset>".encode())
    ready(sync(source))
    assert any("2 addresses of this sitemap lie on another host" in warning for warning in source.warnings)


def test_a_site_whose_address_alone_is_given_names_its_sitemap(chatbot: Any, library: Website) -> None:
    write_sitemap(library, hours="1", fees="1")
    library.pages["/robots.txt"] = Answer(f"Sitemap: {library.url}/1.xml.gz\n".encode())
    source = ready(make_source(chatbot, source_type="sitemap", name="S", uri=f"{library.url}/", options={}))
    assert keys(library) == {"/hours", "/fees"}
    assert library.paths()[0] == "/1.xml.gz"
    del library.pages["/robots.txt"]
    site._polite_fetcher.cache_clear()
    library.seen.clear()
    ready(sync(source))
    assert library.paths()[0] == "/sitemap.xml", "its usual place"


def test_what_a_sitemap_lists_no_more_goes_after_three_misses(chatbot: Any, library: Website) -> None:
    write_sitemap(library, hours="1", fees="1")
    source = ready(sitemap(chatbot, library))
    write_sitemap(library, hours="1")
    for misses in (1, 2):
        ready(sync(source))
        assert Document.objects.get(key=f"{library.url}/fees").misses == misses
        assert says(chatbot, "lost card", "four euros")
    ready(sync(source))
    assert keys(library) == {"/hours"}
    assert not says(chatbot, "lost card", "four euros")


def test_what_is_no_sitemap_fails_with_a_sentence(chatbot: Any, library: Website) -> None:
    source = done(make_source(chatbot, source_type="sitemap", name="S", uri=f"{library.url}/fees", options={}))
    assert source.status == "failed"
    assert source.error_message.startswith("There is no sitemap at this address. Check it, or add")


# --- visited again ---


def test_unchanged_pages_are_neither_sent_nor_parsed_again(chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    versions = set(DocumentVersion.objects.values_list("pk", flat=True))
    library.seen.clear()
    ready(sync(source))
    assert sorted(library.paths(304)) == sorted(library.paths()) == ["/", "/fees", "/hours", "/rooms.html"]
    assert set(DocumentVersion.objects.values_list("pk", flat=True)) == versions
    run = Run.objects.order_by("pk").last()
    assert run.steps["fetch"]["unchanged"] == 4
    assert "read" not in run.steps


def test_a_server_without_etags_is_compared_by_bytes(chatbot: Any, library: Website) -> None:
    for answer in library.pages.values():
        answer.has_etag = False
    source = ready(crawl(chatbot, library))
    ready(sync(source))
    assert library.paths(304) == []
    assert "read" not in Run.objects.order_by("pk").last().steps


def test_a_missing_page_is_kept_for_three_visits(chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    page = library.pages.pop("/fees")
    ready(sync(source))
    assert says(chatbot, "lost card", "four euros")
    assert any("1 of 3" in warning for warning in source.warnings)
    library.pages["/fees"] = page
    ready(sync(source))
    assert Document.objects.get(key=f"{library.url}/fees").misses == 0
    del library.pages["/fees"]
    for _ in range(3):
        ready(sync(source))
    assert not says(chatbot, "lost card", "four euros")
    assert reconcile().is_clean


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"Forbidden", 403),
        Answer(b"<html><body></body></html>", headers={"Content-Type": "text/html"}),
        Answer(b"film", headers={"Content-Type": "video/mp4"}),
        Answer(status=302, headers={"Location": "https://login.example/"}),
    ],
)
def test_what_a_page_said_before_it_was_closed_is_gone_after_three_visits(
    chatbot: Any, library: Website, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds = Scope.holds
    monkeypatch.setattr(Scope, "holds", lambda self, url: "login" not in url and holds(self, url))
    source = ready(crawl(chatbot, library))
    library.pages["/fees"] = answer
    if answer.status == 302:
        library.pages["/login"] = Answer(b"<p>Sign in</p>", headers={"Content-Type": "text/html"})
        answer.headers["Location"] = "/login"
    for misses in (1, 2):
        ready(sync(source))
        assert says(chatbot, "lost card", "four euros")
        assert Document.objects.get(key=f"{library.url}/fees").misses == misses
        assert any(f"answers until that was so 3 times (now {misses})" in each for each in source.warnings)
    ready(sync(source))
    assert not says(chatbot, "lost card", "four euros")
    assert source.documents_count == 3
    assert reconcile().is_clean


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"%PDF-1.7 and then nothing", headers={"Content-Type": "application/pdf"}),
        Answer(b"x" * 30_000, headers={"Content-Type": "text/plain"}),
    ],
    ids=["damaged", "too large"],
)
def test_what_a_page_said_before_it_became_unreadable_is_gone_after_three_visits(
    chatbot: Any, library: Website, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "PAGE_LIMITS", FetchLimits(max_bytes=20_000))
    source = ready(crawl(chatbot, library))
    library.pages["/fees"] = answer
    monkeypatch.setattr(site.limits_of_try, "__defaults__", (site.PAGE_LIMITS,))
    for misses in (1, 2, 3):
        sync(source)
        assert source.status == "partial"
        assert says(chatbot, "lost card", "four euros") is (misses < 3)
        [warning] = source.warnings
        assert (f"now {misses}" in warning) if misses < 3 else warning.endswith("answers no more.")
    assert reconcile().is_clean


def test_what_a_page_said_goes_on_answering_while_its_server_fails(chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    library.pages["/fees"] = Answer(status=500)
    for _ in range(4):
        actions.sync_source(source=source)
        patiently(source)
        assert source.status == "partial"
        assert says(chatbot, "lost card", "four euros")
    [warning] = source.warnings
    assert warning.endswith("The server answered with the error 500. What it said before goes on answering.")


def test_pages_that_are_known_are_listed_again_by_one_statement(
    chatbot: Any, library: Website, django_assert_max_num_queries: Any
) -> None:
    source = ready(crawl(chatbot, library))
    run = actions.sync_source(source=source)
    found = [pages.Found(url, depth=4) for url in Page.objects.values_list("url", flat=True)]
    with django_assert_max_num_queries(3):
        assert pages.list_found(run, found, most=10, cutting={}) == 0
    assert set(Page.objects.values_list("listed_by", "depth")) == {(run.pk, 4)}


def test_when_the_last_page_is_gone_the_source_says_so_and_is_no_failure(chatbot: Any, library: Website) -> None:
    source = ready(single(chatbot, f"{library.url}/fees"))
    assert (source.documents_count, source.searchable) == (1, "full")
    del library.pages["/fees"]
    for _ in range(2):
        ready(sync(source))
    sync(source)
    assert (source.status, source.searchable, source.error_message) == ("partial", "none", "")
    assert (source.documents_count, source.chunks_count, source.tokens, source.bytes) == (0, 0, 0, 0)
    assert source.warnings[0].startswith("Nothing is left at this address")
    assert not any("2 of 3" in each for each in source.warnings)
    assert set(Run.objects.values_list("state", flat=True)) == {"succeeded"}
    assert set(Event.objects.values_list("type", flat=True)) == {"source.ready"}
    assert not says(chatbot, "lost card", "four euros")
    assert reconcile().is_clean

    sync(source)
    assert (source.status, "404" in source.error_message) == ("failed", True)
    assert (source.documents_count, source.chunks_count, source.searchable) == (0, 0, "none")
    library.page("/fees", FEES)
    ready(sync(source))
    assert says(chatbot, "lost card", "four euros")


def test_a_failed_visit_counts_what_answers(chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ready(crawl(chatbot, library))
    monkeypatch.setattr(web, "FAILURES_IN_A_ROW", 1)
    for path in ("/hours", "/fees", "/rooms.html"):
        library.pages[path] = Answer(status=410)
    library.pages["/"] = Answer(status=500)
    actions.sync_source(source=source)
    patiently(source)
    assert source.status == "failed"
    assert (source.documents_count, source.chunks_count, source.searchable) == (1, 1, "full")
    assert 0 < source.bytes < 500


def test_pages_of_scripts_and_pages_of_nothing_say_so(chatbot: Any, library: Website) -> None:
    script = '<script src="/app.js"></script>'
    library.page("/app", '<div id="root"></div><noscript>You need to enable JavaScript.</noscript>', head=script)
    source = done(single(chatbot, f"{library.url}/app"))
    assert (source.status, source.error_type) == ("failed", "empty")
    assert "shows its text by scripts" in source.error_message
    library.page("/shell", '<h1>Shop</h1><p>The shop is loading.</p><div id="root"></div>', head=script)
    source = done(single(chatbot, f"{library.url}/shell"))
    assert source.status == "partial"
    assert "shows its text by scripts" in source.warnings[0]
    library.page("/lost", "<h1>Not found</h1><p>404 page not found</p>")
    source = ready(single(chatbot, f"{library.url}/lost"))
    for _ in range(2):
        assert "nothing at its address" in source.warnings[0]
        ready(sync(source))


def test_a_page_that_sends_on_at_once_is_followed(chatbot: Any, library: Website) -> None:
    library.page("/moving", "moving", head='<meta http-equiv="refresh" content="0; url=/fees">')
    ready(single(chatbot, f"{library.url}/moving"))
    assert says(chatbot, "lost card", "four euros")


def test_questions_of_an_accordion_are_found(chatbot: Any, library: Website) -> None:
    pairs = (("Which cards do you take?", "Visa only."), ("Where is your head office?", "In Oslo, at the harbour."))
    items = "".join(
        f'<h2><button class="accordion-button" aria-expanded="false">{q}</button></h2><div>{a}</div>' for q, a in pairs
    )
    library.page("/faq", items)
    ready(single(chatbot, f"{library.url}/faq"))
    for question, answer in pairs:
        assert any(
            question in f"{hit.heading_path} {hit.text}" and answer in hit.text for hit in found(chatbot, question)
        )


def test_a_refresh_that_is_due_reads_the_site_again(chatbot: Any, library: Website) -> None:
    source = make_source(chatbot, source_type="crawl", name="L", uri=library.url + "/", options={}, refresh="daily")
    ready(source)
    assert timezone.now() + timedelta(hours=23) < source.next_refresh_at
    library.page("/fees", FEES.replace("four", "nine"))
    TrainingSource.objects.update(next_refresh_at=timezone.now())
    sweep.sweep()
    ready(source)
    assert says(chatbot, "lost card", "nine euros")


def test_a_moved_page_takes_its_document_along(chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    library.pages["/new-fees"] = library.pages["/fees"]
    library.pages["/fees"] = Answer(status=301, headers={"Location": "/new-fees"})
    ready(sync(source))
    assert keys(library) == {"/", "/hours", "/new-fees", "/rooms.html"}
    assert says(chatbot, "lost card", "four euros")
    assert reconcile().is_clean


def test_a_page_with_several_addresses_is_one_document(chatbot: Any, library: Website) -> None:
    head = '<link rel="canonical" href="/fees">'
    library.page("/fees", FEES, head=head)
    library.page("/fees?sort=up", FEES, head=head)
    library.page("/", "<p>Welcome to the library.</p>", links=("/fees?sort=up", "/fees", "/fees?utm_source=mail"))
    ready(crawl(chatbot, library))
    assert keys(library) == {"/", "/fees"}


def test_addresses_that_name_each_other_lose_nothing(chatbot: Any, library: Website) -> None:
    library.page("/a", FEES, head='<link rel="canonical" href="/b">')
    library.page("/b", FEES, head='<link rel="canonical" href="/a">')
    library.page("/", "<p>Welcome to the library.</p>", links=("/a", "/b"))
    ready(crawl(chatbot, library))
    assert says(chatbot, "lost card", "four euros")
    assert Document.objects.count() == 2


# --- what goes wrong ---


def test_robots_txt_is_obeyed(chatbot: Any, library: Website) -> None:
    library.pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /fees")
    ready(crawl(chatbot, library))
    assert keys(library) == {"/", "/hours", "/rooms.html"}
    assert "/fees" not in library.paths()


def test_a_page_that_robots_txt_closes_fails_with_a_sentence(chatbot: Any, library: Website) -> None:
    library.pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /")
    source = done(make_source(chatbot, source_type="url", name="F", uri=f"{library.url}/fees", options={}))
    assert (source.status, source.error_type) == ("failed", "fetch_refused")
    assert "robots.txt" in source.error_message


def test_an_address_without_a_page_fails_with_a_sentence(chatbot: Any, library: Website) -> None:
    source = done(crawl(chatbot, library, "/nothing"))
    assert source.status == "failed"
    assert "404" in source.error_message
    assert stored(chatbot) == NOTHING


@pytest.mark.parametrize(("status", "words"), [(401, "signs in"), (403, "does not let"), (418, "the answer 418")])
def test_a_closed_page_says_what_to_do(chatbot: Any, library: Website, status: int, words: str) -> None:
    library.pages["/members"] = Answer(b"no", status)
    source = done(single(chatbot, f"{library.url}/members"))
    assert source.status == "failed"
    assert words in source.error_message
    assert "as a file or text" in source.error_message


def test_a_redirect_into_our_own_network_is_refused(chatbot: Any, library: Website) -> None:
    library.pages["/in"] = Answer(status=302, headers={"Location": "http://10.0.0.1/"})
    source = done(make_source(chatbot, source_type="url", name="In", uri=f"{library.url}/in", options={}))
    assert (source.status, source.error_type) == ("failed", "fetch_refused")
    assert "private network" in source.error_message


def test_a_crawl_does_not_follow_redirects_off_the_site(chatbot: Any, library: Website) -> None:
    with serving() as other:
        other.page("/fees", "<p>The other site has other fees, which nobody asked for.</p>")
        library.pages["/fees"] = Answer(status=302, headers={"Location": f"{other.url}/fees"})
        source = ready(crawl(chatbot, library))
    assert not says(chatbot, "fees", "other fees")
    assert any("outside of the site" in warning for warning in source.warnings)


def test_one_broken_page_leaves_the_others(chatbot: Any, library: Website) -> None:
    library.pages["/fees"] = Answer(status=500)
    source = done(crawl(chatbot, library))
    run = Run.objects.get()
    assert (source.status, run.state, run.errors, run.attempt) == ("fetching", "queued", 0, 0)
    assert timedelta(seconds=1) < run.available_at - timezone.now() < timedelta(seconds=3)
    patiently(source)
    assert source.status == "partial"
    assert library.paths(500) == ["/fees"] * 3
    assert library.paths()[-2:] == ["/fees"] * 2, "it is asked again when the others are read"
    assert keys(library) == {"/", "/hours", "/rooms.html"}
    assert any("/fees" in warning and "500" in warning for warning in source.warnings)
    library.page("/fees", FEES)
    ready(sync(source))
    assert says(chatbot, "lost card", "four euros")


def test_a_page_that_comes_at_the_second_try_is_no_failure(chatbot: Any, library: Website) -> None:
    good = library.pages["/fees"]
    library.pages["/fees"] = Answer(status=503, headers={"Retry-After": "7"})
    source = done(crawl(chatbot, library))
    run = Run.objects.get()
    assert timedelta(seconds=6) < run.available_at - timezone.now() <= timedelta(seconds=7)
    library.pages["/fees"] = good
    patiently(source)
    assert (source.status, source.documents_count) == ("ready", 4)


def test_a_server_that_is_down_is_tried_again_to_the_second(
    chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints: list[float] = []
    monkeypatch.setattr(outcomes, "hint_after_commit", lambda *_, countdown, **__: hints.append(countdown))
    library.pages["/robots.txt"] = Answer(status=503, headers={"Retry-After": "40"})
    source = crawl(chatbot, library)
    for _ in range(3):
        done(source)
        Run.objects.filter(state="queued").update(available_at=timezone.now())
    assert hints
    assert 30 < hints[0] <= 40


def test_a_server_that_is_down_is_tried_again_later(chatbot: Any, library: Website) -> None:
    library.pages["/"] = Answer(status=503, headers={"Retry-After": "120"})
    source = done(crawl(chatbot, library))
    run = Run.objects.get()
    assert (source.status, run.state, run.errors) == ("queued", "queued", 1)
    assert timedelta(seconds=100) < run.available_at - timezone.now() < timedelta(seconds=121)


def test_a_server_that_stays_down_is_given_up(chatbot: Any, library: Website) -> None:
    library.pages["/"] = Answer(status=500)
    source = patiently(crawl(chatbot, library))
    assert (source.status, source.error_message) == ("failed", "The server answered with the error 500.")
    assert 5 <= len(library.paths()) <= 10


def test_a_site_that_goes_down_costs_no_visit_of_each_page(chatbot: Any, library: Website) -> None:
    many = tuple(f"/p{number}" for number in range(40))
    library.page("/", "<p>Welcome to the library of Lindenau.</p>", links=many)
    for path in many:
        library.pages[path] = Answer(status=502)
    source = patiently(crawl(chatbot, library))
    assert (source.status, Run.objects.get().errors) == ("failed", 2)
    assert len(library.paths(502)) <= 15
    assert says(chatbot, "library", "Lindenau"), "what was read goes on answering"


def test_files_of_unknown_kinds_are_named_and_left_out(chatbot: Any, library: Website) -> None:
    library.pages["/film"] = Answer(b"x" * 1000, headers={"Content-Type": "video/mp4"})
    library.page("/", "<p>Welcome to the library of Lindenau.</p>", links=("/film", "/fees"))
    source = ready(crawl(chatbot, library))
    assert keys(library) == {"/", "/fees"}
    assert any("video/mp4" in warning for warning in source.warnings)


# --- durable ---


def test_a_killed_worker_is_continued_without_fetching_twice(
    chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = crawl(chatbot, library)
    visit = web.WebTraining._visit
    visits: list[str] = []

    def die_at_the_third(self: Any, page: Page) -> None:
        visits.append(page.url)
        if len(visits) == 3:
            raise KeyboardInterrupt
        visit(self, page)

    monkeypatch.setattr(web.WebTraining, "_visit", die_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        work()
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep.sweep()
    ready(source)
    assert sorted(library.paths()) == ["/", "/fees", "/hours", "/rooms.html"]
    assert Run.objects.get().crashes == 0
    assert reconcile().is_clean


def test_a_long_crawl_makes_room_and_goes_on(chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SLICE_SECONDS", -1.0)
    source = crawl(chatbot, library)
    single = make_source(chatbot)
    order: list[str] = []
    do = worker.do
    monkeypatch.setattr(worker, "do", lambda run: (order.append(run.source.source_type), do(run)))
    work()
    assert order == ["text", *["crawl"] * 5]
    ready(source)
    single.refresh_from_db()
    assert single.status == "ready"
    assert sorted(library.paths()) == ["/", "/fees", "/hours", "/rooms.html"]


def test_a_deleted_source_stops_being_visited(chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    source = crawl(chatbot, library)
    take = web.WebTraining._take

    def delete_then_take(self: Any, *arguments: Any) -> None:
        actions.delete_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source_ids=[source.pk])
        take(self, *arguments)

    monkeypatch.setattr(web.WebTraining, "_take", delete_then_take)
    work()
    assert library.paths() == ["/"]
    assert stored(chatbot) == NOTHING
    assert not Page.objects.exists()


# --- over HTTP ---


@pytest.fixture
def client(alice: Any, client_of: Any) -> Any:
    return client_of(alice)


def create(client: Any, chatbot: Any, **body: Any) -> Any:
    return client.post(f"/api/v1/chatbots/{chatbot.pk}/sources/", body)


def test_web_sources_are_accepted(client: Any, chatbot: Any, library: Website) -> None:
    answer = create(client, chatbot, source_type="crawl", url=f"{library.url}/#top", max_pages=3, include=["/*"])
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert body["uri"] == f"{library.url}/"
    assert body["name"] == library.url.removeprefix("http://")
    assert body["progress"] == {"done": 0, "total": 0, "unit": "pages"}
    detail = client.get(f"/api/v1/sources/{body['id']}/").json()
    assert detail["limits"] == {"max_pages": 3, "max_depth": None, "include": ["/*"], "exclude": None}
    for kind in ("url", "sitemap"):
        assert create(client, chatbot, source_type=kind, url=f"{library.url}/fees").status_code == 202


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, "url"),
        ({"url": "ftp://shop.example/"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "https://me:secret@shop.example/"}, "url"),
        ({"url": "not an address"}, "url"),
        ({"url": "https://shop.example/", "content": "x"}, "content"),
        ({"url": "https://shop.example/", "max_pages": 0}, "max_pages"),
        ({"url": "https://shop.example/", "max_pages": 10_001}, "max_pages"),
        ({"url": "https://shop.example/", "exclude": ["x" * 201]}, "exclude.0"),
    ],
)
def test_bad_addresses_are_422_with_a_sentence(client: Any, chatbot: Any, more: dict[str, Any], field: str) -> None:
    answer = create(client, chatbot, source_type="crawl", **more)
    assert answer.status_code == 422, answer.content
    assert field in answer.json()["error"]["fields"]
    assert not TrainingSource.objects.exists()


def test_a_single_page_has_no_limits(client: Any, chatbot: Any) -> None:
    answer = create(client, chatbot, source_type="url", url="https://shop.example/", max_pages=3)
    assert answer.status_code == 422
    assert "max_pages" in answer.json()["error"]["fields"]


def dry_run(client: Any, source: TrainingSource) -> Any:
    answer = client.post(f"/api/v1/sources/{source.pk}/sync/?dry_run=true")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_dry_run_tells_of_changed_and_lost_pages(client: Any, chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    before = stored(chatbot)
    nothing = {"would_change": False, "added": 0, "changed": 0, "unchanged": 4, "removed": 0, "unchecked": 0}
    assert dry_run(client, source) == nothing
    library.page("/fees", FEES.replace("four", "nine"))
    library.pages["/rooms.html"] = Answer(status=410)
    assert dry_run(client, source) == nothing | {
        "would_change": True, "changed": 1, "unchanged": 2, "removed": 1,
    }  # fmt: skip
    assert stored(chatbot) == before


def test_a_dry_run_of_a_sitemap_tells_of_new_pages(client: Any, chatbot: Any, library: Website) -> None:
    write_sitemap(library, hours="1", fees="1")
    source = ready(sitemap(chatbot, library))
    write_sitemap(library, hours="1", fees="2", rooms_html="1")
    library.page("/fees", FEES.replace("four", "nine"))
    answer = dry_run(client, source)
    assert (answer["added"], answer["changed"], answer["unchanged"]) == (1, 1, 1)


def test_a_dry_run_of_a_sitemap_obeys_its_limit_and_robots_txt(client: Any, chatbot: Any, library: Website) -> None:
    rows = {f"p{number}": "1" for number in range(8)}
    for path in rows:
        library.page(f"/{path}", f"<p>The page {path} of the library speaks of {path} alone.</p>")
    write_sitemap(library, **rows)
    library.pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /p7")
    fresh = sitemap(chatbot, library)
    assert (dry_run(client, fresh)["added"], dry_run(client, fresh)["removed"]) == (7, 0)
    actions.cancel_source(source=fresh)
    limited = sitemap(chatbot, library, max_pages=5)
    assert dry_run(client, limited)["added"] == 5
    ready(limited)
    told = dry_run(client, limited)
    assert (told["would_change"], told["added"], told["unchanged"]) == (False, 0, 5)


def test_a_dry_run_of_a_sitemap_adds_no_pages_that_are_gone_and_misses_closed_ones(
    client: Any, chatbot: Any, library: Website
) -> None:
    write_sitemap(library, hours="1", fees="1", gone="1")
    source = ready(sitemap(chatbot, library))
    told = dry_run(client, source)
    assert (told["would_change"], told["added"], told["unchanged"]) == (False, 0, 2)
    write_sitemap(library, hours="1", fees="2", gone="1")
    library.pages["/fees"] = Answer(b"closed", 403)
    told = dry_run(client, source)
    assert (told["would_change"], told["added"], told["changed"], told["unchanged"]) == (False, 0, 0, 2)


def test_a_dry_run_of_a_page_that_is_not_there_adds_nothing(client: Any, chatbot: Any, library: Website) -> None:
    assert dry_run(client, single(chatbot, f"{library.url}/fees"))["added"] == 1
    assert not dry_run(client, single(chatbot, f"{library.url}/none"))["would_change"]


def test_links_that_a_dry_run_could_not_visit_in_its_time_are_unchecked(
    client: Any, chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ready(crawl(chatbot, library))
    library.page("/", "<p>Welcome.</p>", links=("/hours", "/fees", "/n1", "/n2"), seconds=0.3)
    monkeypatch.setattr(dry_run_module, "WEB_SECONDS", 0.2)
    told = dry_run(client, source)
    assert (told["added"], told["changed"], told["unchecked"]) == (0, 1, 5)


def test_a_dry_run_of_a_crawl_finds_new_pages(client: Any, chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    nothing = {"would_change": False, "added": 0, "changed": 0, "unchanged": 4, "removed": 0, "unchecked": 0}
    library.page("/fees", FEES, links=("/new",))
    library.page("/new", "<h1>New</h1><p>A new page about the garden of the library.</p>", links=("/newer",))
    library.page("/newer", "<h1>Newer</h1><p>An even newer page about its cafe.</p>")
    before = stored(chatbot)
    told = dry_run(client, source)
    assert told == nothing | {
        "would_change": True,
        "added": 2,
        "unchanged": told["unchanged"],
        "changed": told["changed"],
    }
    assert told["changed"] + told["unchanged"] == 4
    assert stored(chatbot) == before
    library.pages["/newer"] = Answer(b"", 404)
    assert dry_run(client, source)["added"] == 1, "a link to nothing adds nothing"
    assert not Document.objects.filter(key__endswith="/new").exists()


# --- editing what is read ---


def change(client: Any, source: TrainingSource, **body: Any) -> Any:
    return client.patch(f"/api/v1/sources/{source.pk}/", body, format="json")


def test_other_patterns_let_pages_go_and_come(client: Any, chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    before = keys(library)
    assert "/fees" in before
    answer = change(client, source, exclude=["/fees*"])
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert answer.json()["limits"]["exclude"] == ["/fees*"]
    ready(source)
    assert keys(library) == before - {"/fees"}
    change(client, source, exclude=[])
    ready(source)
    assert keys(library) == before


def test_fewer_pages_keep_those_near_the_start(client: Any, chatbot: Any, library: Website) -> None:
    source = ready(crawl(chatbot, library))
    assert change(client, source, max_pages=1).status_code == 200
    done(source)
    assert (keys(library), source.documents_count) == ({"/"}, 1)


def test_another_address_replaces_the_page(client: Any, chatbot: Any, library: Website) -> None:
    source = ready(make_source(chatbot, source_type="url", name="Fees", uri=f"{library.url}/fees", options={}))
    assert keys(library) == {"/fees"}
    answer = change(client, source, url=f"{library.url}/hours")
    assert answer.json()["uri"] == f"{library.url}/hours"
    ready(source)
    assert keys(library) == {"/hours"}


def test_an_edit_in_the_middle_of_a_crawl_begins_afresh(client: Any, chatbot: Any, library: Website) -> None:
    source = crawl(chatbot, library)
    assert change(client, source, max_depth=0).status_code == 200
    ready(source)
    assert keys(library) == {"/"}
    assert [run.state for run in source.runs.order_by("created_at")] == ["cancelled", "succeeded"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"url": "http://10.0.0.1/"}, "url"), ({"max_pages": 0}, "max_pages"), ({"content": "x"}, "content")],
)
def test_bad_edits_are_422(client: Any, chatbot: Any, library: Website, body: dict[str, Any], field: str) -> None:
    source = crawl(chatbot, library)
    answer = change(client, source, **body)
    assert (answer.status_code, field in answer.json()["error"]["fields"]) == (422, True)


def test_a_text_has_no_address(client: Any, chatbot: Any) -> None:
    answer = change(client, make_source(chatbot), url="https://shop.example/")
    assert (answer.status_code, "url" in answer.json()["error"]["fields"]) == (422, True)


def test_a_visit_pauses_while_crawling_is_off_and_goes_on_at_the_next_page(
    chatbot: Any, library: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = crawl(chatbot, library)
    visit, flag = web.WebTraining._visit, Flag.objects.create(name="crawling", everyone=True)

    def visit_and_switch_off(self: Any, page: Page) -> None:
        visit(self, page)
        Flag.objects.filter(pk=flag.pk).update(everyone=False)
        flags.forget()

    monkeypatch.setattr(web.WebTraining, "_visit", visit_and_switch_off)
    work()
    run = Run.objects.get()
    assert (run.state, run.errors, Document.objects.count()) == ("queued", 0, 1)
    assert run.available_at > timezone.now() + timedelta(seconds=10)

    monkeypatch.setattr(web.WebTraining, "_visit", visit)
    flag.delete()
    flags.forget()
    Run.objects.update(available_at=timezone.now())
    assert ready(source).documents_count == 4
