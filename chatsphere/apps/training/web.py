"""A training run of a web source: list its pages, visit each that is due, keep what changed, let go what vanished.

Each visited page is a document that becomes knowledge by itself; what has been visited is written down with it. So a worker that is
killed, or makes room for others, leaves the next one to go on at the page where it stopped.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final

from django.db import transaction
from django.db.models import F

from chatsphere.apps.training import knowledge, outcomes, pages, site, visits
from chatsphere.apps.training.knowledge import EmbeddedChunk
from chatsphere.apps.training.listing import SitemapListing
from chatsphere.apps.training.material import Material
from chatsphere.apps.training.models import Document, DocumentVersion, Page, Run, TrainingSource
from chatsphere.apps.training.pages import MISSES_UNTIL_REMOVED, Found
from chatsphere.apps.training.pipeline import RECIPE, MakeRoom, Target, Training
from chatsphere.apps.training.recipe import Cutting
from chatsphere.apps.users.flags import CRAWLING
from chatsphere.apps.users.quota import Metric, require_room
from chatsphere.core import durable
from chatsphere.core.exceptions import QuotaExceeded
from chatsphere.services.content.crawl import page_links, tidy
from chatsphere.services.content.extract.sandbox import extract_in_child
from chatsphere.services.content.fetch import Fetched
from chatsphere.services.content.links import PageLinks
from chatsphere.services.content.polite import LONGEST_WAIT, Known, is_readable
from chatsphere.services.errors import ContentError, EmptyDocument, FetchFailed, FetchRefused, UnsupportedFormat
from chatsphere.services.types import ExtractedDocument

Type = TrainingSource.Type
Outcome = Page.Outcome
SLICE_SECONDS: Final = 10.0  # visits are slow: others are let in soon
SWITCHED_OFF_SECONDS: Final = 30.0  # between two looks whether crawling is on again
FAILURES_IN_A_ROW: Final = 5  # then the server is taken to be down
ERRORS_OF_A_PAGE: Final = 2  # attempts of the run that one page may spoil
SHORT_SECONDS: Final = 0.3  # for less a run is not given back
_IN_A_ROW: Final = "failed_in_a_row"
_GONE = "This page is gone; it answers no more."
_MISSING = "This page could not be found ({misses} of {most} times); it answers until then."
_UNREADABLE = "What it said before answers until that was so {most} times (now {misses})."
_ANSWERS_ON = "What it said before goes on answering."
_ALL_GONE = "Nothing is left at this address, so this source answers nothing until a page is found here again."
_OTHER_HOST = "{number} addresses of this sitemap lie on another host ({host}) and were left out. Add the sitemap of that host as a source of its own."
_CLOSED = {
    401: "Only who signs in may read this page (401). Add what it says as a file or text.",
    403: "The server does not let ChatSphere read this page (403). Ask its owner to, or add what it says as a file or text.",
    451: "The server may not show this page for legal reasons (451).",
}
_ODD = "The server gave no page but the answer {status}. Look at the address in a browser, and add what it shows as a file or text."
_ELSEWHERE = "This address leads to {url}, which lies outside of the site. Add that address instead."


class StorageFull(ContentError):
    """The workspace's storage has no room for this page."""

    type = "quota_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMaterial(Material):
    """A page as it was sent. ``hint`` is its Content-Type."""

    hint: str = ""

    def read(self) -> ExtractedDocument:
        """The main text of a web page, or all of a short one; any other file as it is."""
        try:
            document = self._extract(main_text_only=True)
        except EmptyDocument:
            document = self._extract(main_text_only=False)
        return replace(
            document, report={**document.report, "bytes": self.size, "digest": self.digest.hex(), "recipe": RECIPE}
        )

    def _extract(self, *, main_text_only: bool) -> ExtractedDocument:
        assert isinstance(self.content, Path)  # noqa: S101 - for the type checker
        return extract_in_child(
            self.content, name=self.name, media_type_hint=self.hint or None, main_text_only=main_text_only
        )


def train(run: Run, lost: Event) -> None:
    """Do the claimed run of a web source. Raises LostLease, MakeRoom, or what fetching, reading, embedding and the database raise."""
    WebTraining(run, lost).work()


class WebTraining(Training):
    """``pages_done`` and ``pages_total`` are the progress that people see."""

    def __init__(self, run: Run, lost: Event) -> None:
        super().__init__(run, lost)
        self.ends_at = time.monotonic() + SLICE_SECONDS
        self.fetcher = site.polite_fetcher()
        self.scope = site.scope_of(self.source)
        self.pages_done, self.pages_total = run.progress_done, run.progress_total

    def work(self) -> None:
        self.prepare()
        if "items" not in self.run.steps.get("list", {}):
            self._list()
        while (page := pages.next_page(self.run)) is not None:
            if not CRAWLING.is_on(self.run.workspace_id):
                raise MakeRoom(seconds=SWITCHED_OFF_SECONDS)
            self._visit(page)
            if self.lost.is_set():
                raise durable.LostLease
            if self.is_over:
                raise self.room()
        self._end()

    def room(self) -> MakeRoom:
        """One step behind, also beside other workspaces: a site of thousands of pages is patient."""
        return MakeRoom(patience=1)

    def must_read_again(self, document: Document, usable: DocumentVersion) -> bool:
        return False  # the server says what changed, and the bytes prove it

    # --- list ---

    def _list(self) -> None:
        with self._held():
            pages.forget_outside(self.source, self._belongs, most=site.most_pages(self.source))
        with self.steps.timed("list"):
            if self.source.source_type == Type.SITEMAP:
                self._list_sitemap()
            else:
                with self._held():
                    pages.list_known(self.run)
                self._list_found([Found(str(self.source.uri))])
        self.pages_done, self.pages_total = pages.progress(self.run)
        self.steps.add("list", items=self.pages_total)
        with self._held():
            self._tell(TrainingSource.Status.FETCHING)

    def _belongs(self, url: str) -> bool:
        return url == self.scope.start if self.source.source_type == Type.URL else self.scope.holds(url)

    def _list_sitemap(self) -> None:
        listing = SitemapListing(
            self.run,
            self.steps,
            fetcher=self.fetcher,
            cutting=self.cutting,
            begin=self._begin,
            held=self._held,
            lost=self.lost,
        )
        listing.work(lambda: self.is_over)

    def _list_found(self, found: Sequence[Found]) -> None:
        with self._held():
            self._list_links(found)

    @contextmanager
    def _held(self) -> Iterator[None]:
        with transaction.atomic():
            durable.hold(self.run)
            yield

    # --- visit ---

    def _begin(self, host: str, seconds: float) -> None:
        """Take the host's turn. The run waits for it in the queue, so that the worker is free for others."""
        while left := site.pace().turn(host, seconds, str(self.run.pk)):
            if left > SHORT_SECONDS:
                raise MakeRoom(seconds=left)
            time.sleep(left)

    def _visit(self, page: Page) -> None:
        document = self._document(page.url)
        try:
            with self.steps.timed("fetch"):
                answer = self._answer(page, document)
            self.steps.add("fetch", items=1, bytes=len(answer.body))
            self.steps.take("fetch", _IN_A_ROW)
            self._take(page, document, answer)
        except FetchFailed as error:
            self._failed(page, error)
        except ContentError as error:
            if self._is_vital(page):
                raise
            self._not_read(page, document, error)

    def _answer(self, page: Page, document: Document | None) -> Fetched:
        known, limits = _state_of(document, self.cutting), site.limits_of_try(page.errors)
        get = partial(self.fetcher.get, page.url, known=known, limits=limits, begin=self._begin)
        return visits.answer_of(self.run, page.url, get, lost=self.lost)

    def _take(self, page: Page, document: Document | None, answer: Fetched) -> None:
        if answer.status == 304 and document is not None:
            self._unchanged(page, document)
        elif answer.status in (404, 410):
            self._vanished(page, document, is_for_good=answer.status == 410)
        elif answer.status != 200:
            raise FetchRefused(_CLOSED.get(answer.status, _ODD).format(status=answer.status))
        elif not is_readable(answer.status, answer.headers):
            raise UnsupportedFormat(f"Files of the type {answer.headers['content-type']} cannot be read yet.")
        else:
            self._read(page, answer)

    def _not_read(self, page: Page, document: Document | None, error: ContentError) -> None:
        """A page that says something else now, or nothing: what it said before is missed like a page that is not there."""
        if document is None or isinstance(error, StorageFull):
            return self._not_new(page, document, _outcome_of(error), error.message)
        with self._alone():
            self._settle(page, _outcome_of(error), f"{error.message} {self._miss(document, _UNREADABLE)}")
        return None

    def _not_new(self, page: Page, document: Document | None, outcome: str, message: str) -> None:
        """Nobody knows what the page says now."""
        self._note(page, outcome, f"{message} {_ANSWERS_ON}" if document is not None else message)

    def _document(self, key: str) -> Document | None:
        rows = Document.objects.filter(source_id=self.source.pk, key=key).select_related("current_version")
        document: Document | None = rows.defer("current_version__text").first()
        return document

    def _is_vital(self, page: Page) -> bool:
        """The page that was asked for by name, while there is nothing that could answer instead."""
        return page.url == self.scope.start and not self.source.documents.exists()

    def _failed(self, page: Page, error: FetchFailed) -> None:
        """A page whose server fails is tried again after the others, and after a wait in the queue; one page may fail for good. A server
        that is down, or that asks us to wait long, ends this attempt of the run."""
        wait = error.retry_after or 0.0
        errors, in_a_row = self._count_failure(page)
        asks_to_wait = wait > LONGEST_WAIT and errors <= ERRORS_OF_A_PAGE
        if in_a_row >= FAILURES_IN_A_ROW or asks_to_wait:
            raise error
        if errors % site.TRIES and wait <= LONGEST_WAIT:
            raise MakeRoom(seconds=wait or site.backoff(errors))
        if self._is_vital(page):
            raise error
        self._not_new(page, self._document(page.url), Outcome.FAILED, error.message)

    def _count_failure(self, page: Page) -> tuple[int, int]:
        """Failures of this page, and of all pages in a row since one came or the run was given back for them."""
        in_a_row = (self.steps.take("fetch", _IN_A_ROW) or 0) + 1
        if in_a_row < FAILURES_IN_A_ROW:
            self.steps.put("fetch", **{_IN_A_ROW: in_a_row})
        with self._held():
            errors = pages.count_error(self.run, page)
            pages.write_down(self.run, self.steps.as_json())
        return errors, in_a_row

    def _note(self, page: Page, outcome: str, message: str) -> None:
        with self._held():
            self._settle(page, outcome, message)

    def _settle(self, page: Page, outcome: str, message: str = "") -> None:
        pages.visited(self.run, page, outcome, message)
        self._show()

    def _show(self) -> None:
        self.pages_done, self.pages_total = pages.progress(self.run)
        self._tell(TrainingSource.Status.FETCHING)

    def _unchanged(self, page: Page, document: Document) -> None:
        with self._held():
            Document.objects.filter(pk=document.pk).update(misses=0)
            self.steps.add("fetch", unchanged=1)
            self._settle(page, Outcome.KEPT, _remark(document.current_version))

    def _vanished(self, page: Page, document: Document | None, *, is_for_good: bool) -> None:
        if document is None:
            if self._is_vital(page):
                raise FetchRefused("There is no page at this address (404). Check it and try again.")
            return self._note(page, Outcome.GONE, "")
        with self._alone():
            message = self._miss(document, _MISSING, is_for_good=is_for_good)
            self._settle(page, Outcome.GONE, message)
        return None

    # --- read ---

    def _read(self, page: Page, answer: Fetched) -> None:
        links = page_links(answer)
        key = self._key(page, answer, links)
        if key is None:
            return self._alias(page)
        self._take_room(key, len(answer.body))
        with _as_file(key, answer) as material:
            target = self._target(material)
        self._finish_page(page, target, self._embed(target), answer, links)
        return None

    def _take_room(self, key: str, size: int) -> None:
        """A page counts before it is read, so that crawls at the same time share what is left; the end of the run counts anew."""
        document = self._document(key)
        version = document.current_version if document is not None else None
        more = size - (version.report.get("bytes", 0) if version is not None else 0)
        if more <= 0:
            return
        try:
            with self._held():
                TrainingSource.objects.filter(pk=self.source.pk).update(bytes=F("bytes") + more)
                require_room(workspace_id=self.run.workspace_id, metric=Metric.STORAGE)
        except QuotaExceeded as error:
            raise StorageFull(str(error.message)) from error

    def _key(self, page: Page, answer: Fetched, links: PageLinks) -> str | None:
        """The address under which the page is kept; None when it is kept, or will be, under another one."""
        if self.source.source_type == Type.URL:
            return page.url
        final = tidy(answer.url)
        if not self.scope.holds(final):
            raise FetchRefused(_ELSEWHERE.format(url=final))
        if final != page.url:
            other = pages.page_at(self.source, final)
            if other is not None and other.visited_by == self.run.pk and other.outcome == Outcome.KEPT:
                return None
        return None if self._has_canonical(page, final, links) else final

    def _has_canonical(self, page: Page, final: str, links: PageLinks) -> bool:
        """Whether another address of the site stands for this page; it is listed then, too."""
        for canonical in self.scope.of([links.canonical] if links.canonical else []):
            if canonical == final or not self.fetcher.allows(canonical):
                continue
            self._list_found([Found(canonical, page.depth)])
            other = pages.page_at(self.source, canonical)
            return other is not None and not pages.is_alias_of_ours(self.run, other)
        return False

    def _alias(self, page: Page) -> None:
        document = self._document(page.url)
        if document is None:
            return self._note(page, Outcome.ALIAS, "")
        with self._alone():
            self._remove(document)
            self._settle(page, Outcome.ALIAS)
        return None

    def _finish_page(
        self,
        page: Page,
        target: Target,
        vectors: Sequence[EmbeddedChunk],
        answer: Fetched,
        links: PageLinks,
    ) -> None:
        found = self._followed(page, links)
        with self.steps.timed("store"), transaction.atomic():
            knowledge.hold(self.run, alone=target.is_switch or target.document.key != page.url)
            knowledge.add_vectors(chatbot=self.chatbot, model=self.embedder.model, vectors=vectors)
            if target.is_switch:
                self._switch(target)
            Document.objects.filter(pk=target.document.pk).update(uri=answer.url, misses=0, **_state_in(answer))
            self._list_links(found)
            self._settle_read(page, target)
            knowledge.changed(self.chatbot)

    def _settle_read(self, page: Page, target: Target) -> None:
        key, version = target.document.key, target.version
        if key != page.url:
            pages.visited_elsewhere(self.run, key, depth=page.depth)
            moved = self._document(page.url)
            if moved is not None:
                self._remove(moved)
        self._settle(page, Outcome.KEPT if key == page.url else Outcome.ALIAS, _remark(version))

    def _followed(self, page: Page, links: PageLinks) -> list[Found]:
        depth = page.depth + 1
        most = int(self.source.options.get("max_depth", site.DEFAULT_DEPTH))
        if self.source.source_type != Type.CRAWL or depth > most:
            return []
        return [Found(url, depth) for url in self.scope.of(links.links) if self.fetcher.allows(url)]

    def _list_links(self, found: Sequence[Found]) -> None:
        if found:
            most = site.most_pages(self.source)
            left = pages.list_found(self.run, found, most=most, cutting=self.cutting)
            self.steps.add("list", left_out=left)

    # --- let go ---

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with transaction.atomic():
            knowledge.hold(self.run, alone=True)
            yield
            knowledge.changed(self.chatbot)

    def _miss(self, document: Document, sentence: str = "", *, is_for_good: bool = False) -> str:
        """One miss more, or the end of the document; a sentence about it. Needs the knowledge alone."""
        misses = document.misses + 1
        if is_for_good or misses >= MISSES_UNTIL_REMOVED:
            self._remove(document)
            return _GONE
        Document.objects.filter(pk=document.pk).update(misses=F("misses") + 1)
        return sentence.format(misses=misses, most=MISSES_UNTIL_REMOVED)

    def _remove(self, document: Document) -> None:
        knowledge.drop_versions(self.chatbot, list(document.versions.values_list("pk", flat=True)))
        Document.objects.filter(pk=document.pk).delete()
        self.steps.add("fetch", removed=1)

    # --- end ---

    def _end(self) -> None:
        with transaction.atomic():
            knowledge.hold(self.run, alone=True)
            for document in pages.vanished(self.run):
                if pages.is_known(self.source, document.key):
                    self._miss(document)
                else:
                    self._remove(document)  # its editor left it out
            warnings = self._warnings()
            pages.forget_lost(self.run)
            documents = self.source.documents.exclude(current_version=None)
            is_empty = not documents.exists()
            has_lost = bool(self.steps.figure("fetch", "removed"))
            if not is_empty or has_lost:
                self._succeed([_ALL_GONE, *warnings] if is_empty else warnings)
            knowledge.changed(self.chatbot)
        if is_empty and not has_lost:
            reasons = warnings[-1:] if self.steps.figure("list", "elsewhere") else warnings[:1]
            raise EmptyDocument(" ".join(["No page with text was found at this address.", *reasons]))

    def _succeed(self, warnings: list[str]) -> None:
        """Also when the last page is gone: that is no failure, and it is told."""
        current = DocumentVersion.objects.filter(pk__in=self.source.documents.values("current_version"))
        sizes = [report.get("bytes", 0) for report in current.values_list("report", flat=True)]
        has_failures = pages.has_failures(self.run) or bool(self.steps.figure("list", "failed"))
        is_partial = has_failures or not sizes or current.filter(is_partial=True).exists()
        outcomes.ended_well(
            self.run,
            self.source,
            outcomes.Result(is_partial=is_partial, warnings=warnings, media_type="", size=sum(sizes), digest=None),
            self.report(),
        )

    def _warnings(self) -> list[str]:
        listed = self.steps.as_json().get("list", {})
        warnings = [*listed.get("messages", []), *pages.warnings_of(self.run)]
        if listed.get("left_out"):
            most = site.most_pages(self.source)
            warnings.append(
                f"There are more pages than the {most} that this source may have; the others were left out."
            )
        if listed.get("elsewhere"):
            warnings.append(_OTHER_HOST.format(number=listed["elsewhere"], host=listed["host"]))
        return warnings

    def report(self) -> dict[str, Any]:
        return super().report() | {"done": self.pages_done, "total": self.pages_total}


@contextmanager
def _as_file(key: str, answer: Fetched) -> Iterator[PageMaterial]:
    """The readers' child process opens files, so the page becomes one for as long as it is read."""
    digest = hashlib.sha256(answer.body).digest()
    with tempfile.NamedTemporaryFile(prefix="chatsphere-page-") as file:
        file.write(answer.body)
        file.flush()
        yield PageMaterial(
            key=key,
            name=key,
            uri=answer.url,
            digest=digest,
            size=len(answer.body),
            content=Path(file.name),
            hint=answer.headers.get("content-type", ""),
        )


def _state_of(document: Document | None, cutting: Cutting) -> Known:
    """What the server may compare with, if what we made of that state still holds."""
    version = document.current_version if document is not None else None
    if document is None or version is None or not version.is_complete:
        return Known()
    if version.report.get("recipe") != RECIPE or version.report.get("chunking") != cutting:
        return Known()
    return Known(document.uri, document.etag, document.last_modified)


def _remark(version: DocumentVersion | None) -> str:
    """What is odd about a page that was read."""
    return " ".join(version.warnings) if version is not None else ""


def _state_in(answer: Fetched) -> dict[str, str]:
    etag, modified = answer.headers.get("etag", ""), answer.headers.get("last-modified", "")
    return {
        "etag": etag if len(etag) <= 300 else "",
        "last_modified": modified if len(modified) <= 100 else "",
    }


def _outcome_of(error: ContentError) -> str:
    is_no_failure = isinstance(error, FetchRefused | UnsupportedFormat | EmptyDocument)
    return Outcome.SKIPPED if is_no_failure else Outcome.FAILED
