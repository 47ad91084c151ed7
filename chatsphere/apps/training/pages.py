"""Which pages of a web source a run has to visit, and what came of it: the list that a killed worker's successor goes on with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, F, Q, QuerySet, Value, When

from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.models import Document, Page, Run, TrainingSource
from chatsphere.apps.training.pipeline import RECIPE
from chatsphere.apps.training.recipe import Cutting

Outcome = Page.Outcome
MOST_WARNINGS: Final = 20
MISSES_UNTIL_REMOVED: Final = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A page to be listed. ``modified`` is what a sitemap says."""

    url: str
    depth: int = 0
    modified: str = ""


def of_source(source: TrainingSource) -> QuerySet[Any]:
    """All pages of a source."""
    pages: QuerySet[Any] = Page.objects.in_workspace(source.workspace_id).filter(source_id=source.pk)
    return pages


def list_known(run: Run) -> None:
    """A crawl visits again what earlier runs have found. One update, harmless when repeated."""
    of_source(run.source).exclude(listed_by=run.pk).update(listed_by=run.pk)


def forget_outside(source: TrainingSource, holds: Callable[[str], bool], *, most: int) -> None:
    """Forget pages that the source's address, patterns and limits leave out now; their documents go when the run ends."""
    rows = of_source(source).order_by("depth", "id").values_list("pk", "url")
    inside = [pk for pk, url in rows if holds(url)][:most]
    of_source(source).exclude(pk__in=inside).delete()


def is_known(source: TrainingSource, url: str) -> bool:
    """Whether the address is still one of the source's pages."""
    return bool(of_source(source).filter(url=url).exists())


def list_found(run: Run, found: Iterable[Found], *, most: int, cutting: Cutting) -> int:
    """List pages that are new, as long as the source has at most ``most``; known ones are listed again. Returns how many found no room.

    A page whose lastmod is the one that was read already counts as visited, if it is read and cut (``cutting``) as it would be
    now, and unless the run is forced.
    """
    by_url = {each.url: each for each in found}
    known = set(of_source(run.source).filter(url__in=list(by_url)).values_list("url", flat=True))
    again = [each for url, each in by_url.items() if url in known]
    dated = [] if run.is_forced else [each.url for each in again if each.modified]
    _list_again(run, again, _current(run.source, dated, cutting))
    new = [each for url, each in by_url.items() if url not in known]
    room = max(most - of_source(run.source).filter(listed_by=run.pk).count(), 0) if new else 0
    Page.objects.bulk_create([_page(run, each) for each in new[:room]], ignore_conflicts=True)
    return len(new) - min(room, len(new))


def _list_again(run: Run, found: Sequence[Found], current: Collection[str]) -> None:
    if found:
        columns = {
            "urls": [each.url for each in found],
            "depths": [each.depth for each in found],
            "dates": [each.modified for each in found],
            "current": [each.url in current for each in found],
        }
        sql("list_again", {"source": run.source_id, "run": run.pk, "kept": Outcome.KEPT.value, **columns})


def _current(source: TrainingSource, urls: Collection[str], cutting: Cutting) -> set[str]:
    """Those of the addresses whose documents would be read and cut the same way now."""
    if not urls:
        return set()
    documents = Document.objects.filter(source_id=source.pk, key__in=urls, current_version__is_complete=True)
    made = {"current_version__report__recipe": RECIPE, "current_version__report__chunking": cutting}
    return set(documents.filter(**made).values_list("key", flat=True))


def _page(run: Run, found: Found) -> Page:
    return Page(
        workspace_id=run.workspace_id,
        chatbot_id=run.chatbot_id,
        source_id=run.source_id,
        url=found.url,
        depth=found.depth,
        modified=found.modified,
        listed_by=run.pk,
    )


def next_page(run: Run) -> Page | None:
    """The next page that the run has listed and not visited: near the start first, those whose server failed last."""
    waiting = of_source(run.source).filter(listed_by=run.pk).exclude(visited_by=run.pk)
    page: Page | None = waiting.order_by("errors", "depth", "id").first()
    return page


def write_down(run: Run, steps: Mapping[str, Any]) -> None:
    """Keep what the run's steps say although nothing came of them yet. Part of a transaction that holds the run."""
    Run.objects.filter(pk=run.pk).update(steps=steps)


def progress(run: Run) -> tuple[int, int]:
    """How many pages are visited, how many are listed."""
    counts = (
        of_source(run.source)
        .filter(listed_by=run.pk)
        .aggregate(total=Count("pk"), done=Count("pk", filter=Q(visited_by=run.pk)))
    )
    return counts["done"], counts["total"]


def visited(run: Run, page: Page, outcome: str, message: str = "") -> None:
    """Note what came of a page. Part of the transaction that writes what came."""
    changes = {"visited_by": run.pk, "outcome": outcome, "message": message, "errors": 0}
    of_source(run.source).filter(pk=page.pk).update(**changes)


def visited_elsewhere(run: Run, url: str, *, depth: int) -> None:
    """A page that was found under another address needs no visit of its own."""
    page = _page(run, Found(url, depth))
    page.visited_by, page.outcome = run.pk, Outcome.KEPT
    Page.objects.bulk_create(
        [page],
        update_conflicts=True,
        unique_fields=["source", "url"],
        update_fields=["listed_by", "visited_by", "outcome"],
    )


def count_error(run: Run, page: Page) -> int:
    """One more failure of this page; how many in a row it has now."""
    of_source(run.source).filter(pk=page.pk).update(errors=F("errors") + 1)
    return page.errors + 1


def vanished(run: Run) -> QuerySet[Any]:
    """Documents whose page the run has not visited, as nothing leads there any more."""
    seen = of_source(run.source).filter(visited_by=run.pk).values("url")
    documents: QuerySet[Any] = Document.objects.filter(source_id=run.source_id).exclude(key__in=seen)
    return documents


def forget_lost(run: Run) -> None:
    """Pages without a document that are gone, or that nothing lists any more, make room for others."""
    kept = Document.objects.filter(source_id=run.source_id).values("key")
    is_lost = Q(outcome=Outcome.GONE) | ~Q(listed_by=run.pk) | Q(listed_by=None)
    of_source(run.source).filter(is_lost).exclude(url__in=kept).delete()


def warnings_of(run: Run) -> list[str]:
    """Sentences on the first pages that failed, are missing or were left out; failures first."""
    told = of_source(run.source).filter(listed_by=run.pk).exclude(message="")
    order = Case(When(outcome=Outcome.FAILED, then=Value(0)), default=Value(1))
    rows = told.order_by(order, "depth", "id").values_list("url", "message")
    sentences = [f"{url}: {message}" for url, message in rows[:MOST_WARNINGS]]
    more = told.count() - len(sentences)
    return [*sentences, f"And {more} more pages."] if more > 0 else sentences


def has_failures(run: Run) -> bool:
    """Whether a page could not be read."""
    return of_source(run.source).filter(listed_by=run.pk, outcome=Outcome.FAILED).exists()


def page_at(source: TrainingSource, url: str) -> Page | None:
    """The page of this address."""
    page: Page | None = of_source(source).filter(url=url).first()
    return page


def is_alias_of_ours(run: Run, page: Page) -> bool:
    """Whether this run has found that the page only stands for another, or is not to be had: then nothing can stand for it."""
    visited_by: UUID | None = page.visited_by
    return visited_by == run.pk and page.outcome != Outcome.KEPT
