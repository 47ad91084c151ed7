"""Which pages a sitemap gives a run to visit: sitemap by sitemap, each in its host's turn, so that a worker never waits for the next one.

How far it is stands in the run's steps until all are read. One that cannot be had is left out with a sentence; the pages that
the source knows are then visited, so that none counts as missing because its sitemap is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice
from threading import Event
from typing import Final
from urllib.parse import urlsplit

from chatsphere.apps.training import pages, site, visits
from chatsphere.apps.training.models import Run
from chatsphere.apps.training.pages import Found
from chatsphere.apps.training.pipeline import MakeRoom
from chatsphere.apps.training.recipe import Cutting
from chatsphere.apps.training.steps import Steps
from chatsphere.services.content.polite import LONGEST_WAIT, Begin, PoliteFetcher
from chatsphere.services.content.sitemaps import SitemapEntry, SitemapWalk, Waiting
from chatsphere.services.errors import ContentError, FetchFailed

_BATCH: Final = 500
_STATE: Final = "sitemaps"


class SitemapListing:
    """``held``: a transaction in which the run is ours."""

    def __init__(
        self,
        run: Run,
        steps: Steps,
        *,
        fetcher: PoliteFetcher,
        cutting: Cutting,
        begin: Begin,
        held: Callable[[], AbstractContextManager[None]],
        lost: Event,
    ) -> None:
        self._run = run
        self._steps = steps
        self._fetcher = fetcher
        self._cutting = cutting
        self._begin = begin
        self._held = held
        self._lost = lost
        self._scope = site.scope_of(run.source)
        self._most = site.most_pages(run.source)

    def work(self, is_over: Callable[[], bool]) -> None:
        """List all, or raise MakeRoom when the slice ``is_over`` and when the next sitemap is to be waited for. Raises ContentError when
        the first sitemap cannot be had, FetchFailed when its server fails again and again."""
        state = self._run.steps.get("list", {}).get(_STATE)
        walk = SitemapWalk.gone_on_with(state) if state else SitemapWalk(self._beginnings())
        try:
            while (here := walk.next) is not None and not self._is_full:
                self._read(walk, here)
                if walk.next is not None and is_over():
                    raise MakeRoom(patience=1)
        except (MakeRoom, FetchFailed):
            self._write_down(walk)
            raise
        self._steps.take("list", _STATE)
        if self._steps.figure("list", "failed"):
            with self._held():
                pages.list_known(self._run)

    def _beginnings(self) -> list[str]:
        named = partial(site.sitemaps_of, self._run.source, self._fetcher)
        return visits.answer_of(self._run, "sitemaps", named, lost=self._lost)

    @property
    def _is_full(self) -> bool:
        return (self._steps.figure("list", "left_out") or 0) > _BATCH

    def _read(self, walk: SitemapWalk, here: Waiting) -> None:
        limits = site.limits_of_try(here.tries, site.SITEMAP_LIMITS)
        try:
            read = partial(site.read_sitemap, here.url, self._fetcher, limits=limits, begin=self._begin)
            data = visits.answer_of(self._run, here.url, read, lost=self._lost)
            self._list(walk.read(data))
        except FetchFailed as error:
            self._failed(walk, here, error)
        except ContentError as error:
            if not here.level:
                raise
            self._leave_out(walk, here, error.message)

    def _failed(self, walk: SitemapWalk, here: Waiting, error: FetchFailed) -> None:
        wait = error.retry_after or 0.0
        tries = walk.put_back()
        if tries % site.TRIES and wait <= LONGEST_WAIT:
            raise MakeRoom(seconds=wait or site.backoff(tries))
        if not here.level:
            raise error
        self._leave_out(walk, here, error.message)

    def _leave_out(self, walk: SitemapWalk, here: Waiting, message: str) -> None:
        walk.drop(here)
        if not self._steps.figure("list", "failed"):
            self._steps.note("list", f"{here.url}: {message}")
        self._steps.add("list", failed=1)

    def _list(self, entries: Iterable[SitemapEntry]) -> None:
        found = self._found(entries)
        while batch := list(islice(found, _BATCH)):
            with self._held():
                left = pages.list_found(self._run, batch, most=self._most, cutting=self._cutting)
            self._steps.add("list", left_out=left)
            if self._is_full:
                return

    def _found(self, entries: Iterable[SitemapEntry]) -> Iterator[Found]:
        for entry in entries:
            found = site.listed(entry, self._scope)
            if found is not None:
                yield found
            elif self._scope.is_elsewhere(entry.url):
                self._steps.add("list", elsewhere=1)
                self._steps.put("list", host=urlsplit(entry.url).hostname or "")

    def _write_down(self, walk: SitemapWalk) -> None:
        self._steps.put("list", **{_STATE: walk.state})
        with self._held():
            pages.write_down(self._run, self._steps.as_json())
