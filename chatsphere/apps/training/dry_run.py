"""What reading a source again would change, without changing anything."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from chatsphere.apps.training import pages, site
from chatsphere.apps.training.material import open_material
from chatsphere.apps.training.models import Document, TrainingSource
from chatsphere.apps.training.models.source import WEB_TYPES
from chatsphere.core.exceptions import Conflict
from chatsphere.services.content.fetch import FetchLimits
from chatsphere.services.content.polite import Known
from chatsphere.services.errors import ContentError, EngineError, FetchFailed

WEB_SECONDS: Final = 10.0  # a person waits for the answer
_PATIENCE: Final = FetchLimits(total_seconds=WEB_SECONDS)  # for one page
_KINDS: Final = ("added", "changed", "unchanged", "removed", "unchecked")


def what_would_change(source: TrainingSource) -> dict[str, Any]:
    """Counts of documents, by the bytes they have now. Raises Conflict when the source cannot be opened.

    Reads the whole file. Of a web source it asks for the known pages, each as a conditional request, for ten seconds; those that had
    no turn are ``unchecked``. Pages that a crawl would newly find are not looked for.
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
    if answer.status in (404, 410):
        is_over = answer.status == 410 or _is_last_miss(document)
        return "removed" if is_over else "unchanged"
    if answer.status == 304:
        return "unchanged"
    version = document.current_version
    digest = hashlib.sha256(answer.body).hexdigest()
    return "unchanged" if version is not None and version.report.get("digest") == digest else "changed"


def _is_last_miss(document: Document) -> bool:
    return document.misses + 1 >= pages.MISSES_UNTIL_REMOVED
