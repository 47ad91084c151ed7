"""kill -9 of a worker in the middle of a crawl: the next one goes on at that page, and what changed at the site answers from one moment on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chatsphere.apps.training import actions, site
from chatsphere.apps.training.models import Document, Page, TrainingSource
from tests.apps.training.deadly import (
    BOTH,
    CLAIM,
    COUNT,
    EMBED,
    END,
    HOLD,
    STORE,
    SWITCH,
    TRAINING,
    VECTORS,
    assert_whole,
    done_again,
    killed_at,
)
from tests.apps.training.world import make_source, says, work
from tests.stubs.website import Answer, Website, serving

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

LIST = f"{TRAINING}.pages:list_found"
FETCH = "chatsphere.services.content.polite:PoliteFetcher.get"
READ = f"{TRAINING}.web:PageMaterial.read"
ROOM = f"{TRAINING}.web:WebTraining._take_room"
FINISH = f"{TRAINING}.web:WebTraining._finish_page"
VISITED = f"{TRAINING}.pages:visited"
ELSEWHERE = f"{TRAINING}.pages:visited_elsewhere"
REMOVE = f"{TRAINING}.web:WebTraining._remove"
MISS = f"{TRAINING}.web:WebTraining._miss"
FORGET = f"{TRAINING}.pages:forget_lost"

FIRST = (CLAIM, LIST, FETCH, ROOM, READ, HOLD, STORE, EMBED, VECTORS, VISITED, FINISH, FORGET, END, COUNT)
AGAIN = (CLAIM, LIST, FETCH, READ, HOLD, STORE, EMBED, VECTORS, SWITCH, ELSEWHERE, REMOVE, MISS, FINISH, FORGET, END)


@pytest.fixture
def library() -> Iterator[Website]:
    site._polite_fetcher.cache_clear()
    with serving() as website:
        website.page("/", text("Library", "welcomes"), links=("/hours", "/fees", "/rooms", "/none"))
        website.page("/hours", text("Hours", "opensatten"))
        website.page("/fees", text("Fees", "costsfour"))
        website.page("/rooms", text("Rooms", "holdsforty"))
        website.pages["/sitemap.xml"] = Answer(sitemap(website, "/hours", "/fees", "/rooms"))
        yield website


def text(title: str, word: str) -> str:
    more = " ".join(f"{title.lower()}{number}" for number in range(30))
    return f"<h1>{title}</h1><p>What this page says is {word}, and nothing that the other pages say: {more}.</p>"


def sitemap(website: Website, *paths: str) -> bytes:
    rows = "".join(f"<url><loc>{website.url}{path}</loc></url>" for path in paths)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'.encode()


def source_of(chatbot: Any, library: Website, kind: str) -> TrainingSource:
    uri = library.url + ("/sitemap.xml" if kind == "sitemap" else "/")
    return make_source(chatbot, source_type=kind, name="Library", uri=uri, options={})


def keys(library: Website) -> set[str]:
    return {key.removeprefix(library.url) for key in Document.objects.values_list("key", flat=True)}


def in_the_middle(place: str) -> int:
    return 2 if place in (FETCH, ROOM, READ, STORE, EMBED, VECTORS, VISITED, FINISH) else 1


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", FIRST)
@pytest.mark.parametrize("kind", ["crawl", "sitemap"])
def test_the_first_visit_of_a_site(chatbot: Any, library: Website, kind: str, place: str, moment: str) -> None:
    source_of(chatbot, library, kind)
    killed_at(place, moment, call=in_the_middle(place))
    done_again()
    pages = {"/hours", "/fees", "/rooms"} | ({"/"} if kind == "crawl" else set())
    assert keys(library) == pages
    assert_whole(chatbot, documents=len(pages), ready=1)
    for word in ("opensatten", "costsfour", "holdsforty"):
        assert says(chatbot, word, word)
    visits = Counter(path for path in library.paths() if path != "/sitemap.xml")
    assert sum(visits.values()) - len(visits) <= 1, "only the page that was in hand is fetched again"


@pytest.mark.parametrize("moment", BOTH)
@pytest.mark.parametrize("place", AGAIN)
def test_a_site_that_has_changed(chatbot: Any, library: Website, place: str, moment: str) -> None:
    """One page has another text, one is gone for good, one has moved, and one is linked no more."""
    source = source_of(chatbot, library, "crawl")
    library.page("/notes", text("Notes", "staysthree"))
    library.page("/", text("Library", "welcomes"), links=("/hours", "/fees", "/rooms", "/notes"))
    work()
    assert keys(library) == {"/", "/hours", "/fees", "/rooms", "/notes"}
    library.page("/hours", text("Hours", "opensateleven"))
    library.pages["/fees"] = Answer(b"", 410)
    library.pages["/rooms"] = Answer(b"", 301, {"Location": "/halls"})
    library.page("/halls", text("Rooms", "holdsforty"))
    library.pages["/notes"] = Answer(b"", 404)
    actions.sync_source(source=source)
    killed_at(place, moment, call=2 if place == FETCH else 1)
    assert says(chatbot, "opensatten", "opensatten") is not says(chatbot, "opensateleven", "opensateleven")
    assert says(chatbot, "holdsforty", "holdsforty")
    done_again()
    assert keys(library) == {"/", "/hours", "/halls", "/notes"}
    assert_whole(chatbot, documents=4, ready=2)
    assert says(chatbot, "opensateleven", "opensateleven")
    assert not says(chatbot, "opensatten", "opensatten")
    assert not says(chatbot, "costsfour", "costsfour")
    assert says(chatbot, "staysthree", "staysthree"), "one miss is not enough"
    assert Document.objects.get(key=f"{library.url}/notes").misses == 1
    assert not Page.objects.filter(url=f"{library.url}/fees").exists()
