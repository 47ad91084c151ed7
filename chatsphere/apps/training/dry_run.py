"""What reading a source again would change, without changing anything."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from chatsphere.apps.training import pages, site
from chatsphere.apps.training.material import open_material
from chatsphere.apps.training.models import Document, TrainingSource
from chatsphere.apps.training.models.source import WEB_TYPES
from chatsphere.core.exceptions import Conflict
from chatsphere.services.content.crawl import page_links, tidy
from chatsphere.services.content.fetch import Fetched, FetchLimits
from chatsphere.services.content.polite import Known
from chatsphere.services.content.sitemaps import SitemapWalk
from chatsphere.services.errors import ContentError, EngineError, FetchFailed

WEB_SECONDS: Final = 10.0  # a person waits for the answer
_PATIENCE: Final = FetchLimits(total_seconds=WEB_SECONDS)  # for one page
_SITEMAP_PATIENCE: Final = replace(site.SITEMAP_LIMITS, total_seconds=WEB_SECONDS)
_KINDS: Final = ("added", "changed", "unchanged", "removed", "unchecked")


def what_would_change(source: TrainingSource) -> dict[str, Any]:
    """Counts of documents, by the bytes they have now. Raises Conflict when the source cannot be opened.

    Reads the whole file. Of a web source it asks for the known pages, each as a conditional request, for ten seconds; those that had
    no turn are ``unchecked``. A crawl is walked from its first page on, so that new pages are found as far as the time lasts; links that
    were not visited by then are ``unchecked``, too.
    """
    try:
        counts = _of_site(source) if source.source_type in WEB_TYPES else _of_document(source)
    except (ContentError, FetchFailed) as error:
        raise Conflict(error.message, type=error.type) from error
    would_change = any(counts[kind] for kind in ("added", "changed", "removed"))
    return {"would_change": would_change, **{kind: counts[kind] for kind in _KINDS}}


def _of_document(source: TrainingSource) -> Counter[str]:
    with open_material(source) as material:
        digest = material.digest
    if not source.documents_count:
        return Counter(added=1)
    is_same = source.content_hash is not None and bytes(source.content_hash) == digest
    return Counter(unchanged=1) if is_same else Counter(changed=1)


def _of_site(source: TrainingSource) -> Counter[str]:
    ends_at = time.monotonic() + WEB_SECONDS
    known = {document.key: document for document in _documents(source)}
    if source.source_type == TrainingSource.Type.CRAWL:
        return _Walk(source, known, ends_at).counts()
    if source.source_type == TrainingSource.Type.SITEMAP:
        return _of_sitemap(source, known, ends_at)
    if known:
        return _look(known.values(), ends_at)
    answer = site.polite_fetcher().get(str(source.uri), limits=_PATIENCE)
    return Counter(added=int(answer.status == 200))


def _of_sitemap(source: TrainingSource, known: Mapping[str, Document], ends_at: float) -> Counter[str]:
    """Pages whose lastmod did not change count as unchanged. What a sitemap that was not read may list is unchecked."""
    stored = dict(pages.of_source(source).values_list("url", "modified"))
    listed, is_whole = _listed(source, ends_at)
    allows = site.polite_fetcher().allows
    new = [url for url in listed if url not in stored and allows(url)]
    doubtful = [known[url] for url in listed if url in known and not (listed[url] and stored.get(url) == listed[url])]
    counts = _look(doubtful, ends_at)
    room = max(site.most_pages(source) - len(stored.keys() & listed.keys()), 0)
    counts["added"] += sum(_may_be_there(url, ends_at) for url in new[:room])
    counts["unchanged"] += len(known.keys() & listed.keys()) - len(doubtful)
    for url in known.keys() - listed.keys():
        counts[_lost(known[url]) if is_whole else "unchecked"] += 1
    return counts


def _may_be_there(url: str, ends_at: float) -> bool:
    """Whether a page is at the address, as far as can be told in time: sitemaps go on naming pages that are gone."""
    if time.monotonic() > ends_at:
        return True
    try:
        return site.polite_fetcher().get(url, limits=_PATIENCE).status == 200
    except ContentError:
        return False
    except FetchFailed:
        return True


def _listed(source: TrainingSource, ends_at: float) -> tuple[dict[str, str], bool]:
    """What the source's sitemaps list, as far as the time lasts, with lastmod; whether that is all. Raises when the first cannot be had."""
    fetcher, scope = site.polite_fetcher(), site.scope_of(source)
    walk, found, is_whole = SitemapWalk(site.sitemaps_of(source, fetcher)), dict[str, str](), True
    while (here := walk.next) is not None and time.monotonic() < ends_at:
        try:
            for entry in walk.read(site.read_sitemap(here.url, fetcher, limits=_SITEMAP_PATIENCE)):
                page = site.listed(entry, scope)
                if page is not None:
                    found.setdefault(page.url, page.modified)
        except (ContentError, FetchFailed):
            if not here.level:
                raise
            walk.drop(here)
            is_whole = False
    return found, is_whole and walk.next is None


class _Walk:
    """A crawl without consequences: each page is read for its links, from the first one on."""

    def __init__(self, source: TrainingSource, known: Mapping[str, Document], ends_at: float) -> None:
        self._known = known
        self._ends_at = ends_at
        self._fetcher, self._scope = site.polite_fetcher(), site.scope_of(source)
        self._most = site.most_pages(source)
        self._depth = int(source.options.get("max_depth", site.DEFAULT_DEPTH))
        self._stored = set(pages.of_source(source).values_list("url", flat=True))
        self._waiting = deque([(self._scope.start, 0)])
        self._found = {self._scope.start}
        self._counts: Counter[str] = Counter()
        self._left = dict(known)

    def counts(self) -> Counter[str]:
        while self._waiting and time.monotonic() < self._ends_at:
            self._visit(*self._waiting.popleft())
        is_over, unread = not self._waiting, {url for url, _ in self._waiting}
        new = self._found - self._stored - self._known.keys()
        self._counts["added"] += len(new - unread)
        self._counts["unchecked"] += len(new & unread)
        for document in self._left.values():
            self._counts[_lost(document) if is_over else "unchecked"] += 1
        return self._counts

    def _visit(self, url: str, depth: int) -> None:
        document = self._left.pop(url, None)
        try:
            answer = self._fetcher.get(url, limits=_PATIENCE)
        except EngineError:
            answer = None
        if document is not None:
            self._counts["unchecked" if answer is None else _compared(document, answer)] += 1
        if answer is None:
            return
        if answer.status == 200:
            self._moved(url, answer)
            if depth < self._depth:
                self._follow(answer, depth + 1)
        elif document is None:
            self._found.discard(url)  # a link to nothing adds nothing

    def _moved(self, url: str, answer: Fetched) -> None:
        """A page that leads to another one is no page of its own."""
        final = tidy(answer.url)
        if final != url:
            self._found.discard(url)
            if self._scope.holds(final):
                self._found.add(final)
            document = self._left.pop(final, None)
            if document is not None:
                self._counts[_compared(document, answer)] += 1

    def _follow(self, answer: Fetched, depth: int) -> None:
        for link in self._scope.of(page_links(answer).links):
            if link not in self._found and len(self._found) < self._most and self._fetcher.allows(link):
                self._found.add(link)
                self._waiting.append((link, depth))


def _documents(source: TrainingSource) -> Iterable[Document]:
    rows = Document.objects.filter(source_id=source.pk).select_related("current_version")
    found: Iterable[Document] = rows.defer("current_version__text").order_by("id")
    return found


def _look(documents: Iterable[Document], ends_at: float) -> Counter[str]:
    counts: Counter[str] = Counter()
    for document in documents:
        counts["unchecked" if time.monotonic() > ends_at else _state(document)] += 1
    return counts


def _state(document: Document) -> str:
    try:
        known = Known(document.uri, document.etag, document.last_modified)
        answer = site.polite_fetcher().get(document.key, known=known, limits=_PATIENCE)
    except EngineError:
        return "unchecked"
    return _compared(document, answer)


def _compared(document: Document, answer: Fetched) -> str:
    if answer.status in (404, 410):
        return "removed" if answer.status == 410 else _lost(document)
    if answer.status == 304:
        return "unchanged"
    if answer.status != 200:
        return _lost(document)
    version = document.current_version
    digest = hashlib.sha256(answer.body).hexdigest()
    return "unchanged" if version is not None and version.report.get("digest") == digest else "changed"


def _lost(document: Document) -> str:
    return "removed" if _is_last_miss(document) else "unchanged"


def _is_last_miss(document: Document) -> bool:
    return document.misses + 1 >= pages.MISSES_UNTIL_REMOVED
