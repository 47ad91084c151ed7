"""What reading a source again would change, without changing anything."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from chatsphere.apps.training import pages, site
from chatsphere.apps.training.material import open_material
from chatsphere.apps.training.models import Document, TrainingSource
from chatsphere.apps.training.models.source import WEB_TYPES
from chatsphere.core.exceptions import Conflict
from chatsphere.services.content.crawl import page_links, tidy
from chatsphere.services.content.fetch import Fetched, FetchLimits
from chatsphere.services.content.polite import Known
from chatsphere.services.errors import ContentError, EngineError, FetchFailed

WEB_SECONDS: Final = 10.0  # a person waits for the answer
_PATIENCE: Final = FetchLimits(total_seconds=WEB_SECONDS)  # for one page
_KINDS: Final = ("added", "changed", "unchanged", "removed", "unchecked")


def what_would_change(source: TrainingSource) -> dict[str, Any]:
    """Counts of documents, by the bytes they have now. Raises Conflict when the source cannot be opened.

    Reads the whole file. Of a web source it asks for the known pages, each as a conditional request, for ten seconds; those that had
    no turn are ``unchecked``. A crawl is walked from its first page on, so that new pages are found as far as the time lasts.
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
    if not known:
        return Counter(added=1)
    if source.source_type == TrainingSource.Type.CRAWL:
        return _Walk(source, known, ends_at).counts()
    if source.source_type != TrainingSource.Type.SITEMAP:
        return _look(known.values(), ends_at)
    stored = dict(pages.of_source(source).values_list("url", "modified"))
    listed = {found.url: found.modified for found in site.pages_of_sitemap(source, site.polite_fetcher())}
    doubtful = [known[url] for url in listed if url in known and not (listed[url] and stored.get(url) == listed[url])]
    counts = _look(doubtful, ends_at)
    counts["added"] += sum(url not in stored for url in listed)
    counts["unchanged"] += sum(url in listed for url in known) - len(doubtful)
    counts["removed"] += sum(url not in listed and _is_last_miss(document) for url, document in known.items())
    return counts


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
        self._counts["added"] += len(self._found - self._stored - self._known.keys())
        is_over = not self._waiting
        for document in self._left.values():
            self._counts[_lost(document) if is_over else "unchecked"] += 1
        return self._counts

    def _visit(self, url: str, depth: int) -> None:
        document = self._left.pop(url, None)
        try:
            answer = self._fetcher.get(url, limits=_PATIENCE, tries=1)
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
        answer = site.polite_fetcher().get(document.key, known=known, limits=_PATIENCE, tries=1)
    except EngineError:
        return "unchecked"
    return _compared(document, answer)


def _compared(document: Document, answer: Fetched) -> str:
    if answer.status in (404, 410):
        return "removed" if answer.status == 410 else _lost(document)
    if answer.status == 304:
        return "unchanged"
    version = document.current_version
    digest = hashlib.sha256(answer.body).hexdigest()
    return "unchanged" if version is not None and version.report.get("digest") == digest else "changed"


def _lost(document: Document) -> str:
    return "removed" if _is_last_miss(document) else "unchanged"


def _is_last_miss(document: Document) -> bool:
    return document.misses + 1 >= pages.MISSES_UNTIL_REMOVED
