"""What is suspicious about documents, as sentences, and which others say nearly the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from chatsphere.apps.training.database import run as sql
from chatsphere.apps.training.models import Document
from chatsphere.services.content.extract import PDF
from chatsphere.services.content.sketch import NEARLY_THE_SAME, band_keys, likeness, sketch

FEW_CHARACTERS_A_PAGE: Final = 200
MUCH_BOILERPLATE: Final = 0.8
MANY_HIDDEN: Final = 20
MOST_DUPLICATES: Final = 5


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Another document of the chatbot. ``similarity`` is the share of text in common, 1 for the same text."""

    document: UUID
    source: UUID
    title: str
    similarity: float


def sketch_of(text: str, *, chatbot_id: UUID) -> dict[str, list[int]]:
    """The fields of a version by which like documents of the same chatbot are found."""
    numbers = sketch(text)
    return {"sketch": numbers, "bands": band_keys(numbers, scope=chatbot_id.bytes)}


def duplicates_of(documents: Sequence[Document]) -> dict[UUID, list[Duplicate]]:
    """Of documents of one workspace: at most five others each that answer now and say nearly the same, the likest first. One query."""
    versions = [document.current_version_id for document in documents if document.current_version_id]
    found: dict[UUID, list[Duplicate]] = {}
    for row in sql("like_documents", {"versions": versions}) if versions else []:
        similarity = likeness(row["mine"], row["other"])
        if similarity >= NEARLY_THE_SAME:
            other = Duplicate(row["other_id"], row["source_id"], row["title"], round(similarity, 2))
            found.setdefault(row["document_id"], []).append(other)
    return {pk: sorted(each, key=lambda d: -d.similarity)[:MOST_DUPLICATES] for pk, each in found.items()}


def remarks(report: Mapping[str, Any], duplicates: Sequence[Duplicate]) -> list[str]:
    """A sentence for each thing in an ingest report that its owner should look at; none when all is well."""
    checks = (_unreadable, _thin, _empty_tables, _boilerplate, _undecodable, _hidden, _encoding)
    sentences = [sentence for check in checks if (sentence := check(report))]
    return sentences + [_duplicate(each) for each in duplicates]


def _unreadable(report: Mapping[str, Any]) -> str:
    pages = report.get("unreadable_pages") or []
    if not pages:
        return ""
    return _("%(count)s of %(all)s pages are pictures without text and cannot be found.") % {
        "count": len(pages),
        "all": report.get("pages") or len(pages),
    }


def _thin(report: Mapping[str, Any]) -> str:
    a_page = report.get("characters_per_page")
    if report.get("media_type") != PDF or report.get("unreadable_pages"):
        return ""  # slides and sheets may be short
    if a_page is None or a_page >= FEW_CHARACTERS_A_PAGE:
        return ""
    return _("There are only %(count)s characters a page. Check whether the text is complete.") % {"count": a_page}


def _empty_tables(report: Mapping[str, Any]) -> str:
    count = report.get("empty_tables", 0)
    return _("%(count)s tables are empty. Their content may be pictures.") % {"count": count} if count else ""


def _boilerplate(report: Mapping[str, Any]) -> str:
    share = report.get("boilerplate_share", 0)
    if share < MUCH_BOILERPLATE:
        return ""
    return _("%(share)s %% of the page was taken for navigation and left out. Check whether text is missing.") % {
        "share": round(share * 100)
    }


def _undecodable(report: Mapping[str, Any]) -> str:
    count = report.get("undecodable_characters", 0)
    return _("%(count)s characters could not be decoded and are shown as �.") % {"count": count} if count else ""


def _hidden(report: Mapping[str, Any]) -> str:
    count = report.get("hidden_characters_removed", 0)
    if count < MANY_HIDDEN:
        return ""
    return _("%(count)s invisible characters were removed. They can hide instructions to a model.") % {"count": count}


def _encoding(report: Mapping[str, Any]) -> str:
    encoding = str(report.get("encoding", "")) or "utf-8"
    if report.get("encoding_declared") or encoding.lower().replace("_", "-") in _SURE:
        return ""
    return _("No right encoding was declared; it was read as %(encoding)s. Check accents and special characters.") % {
        "encoding": encoding
    }


_SURE: Final = {"utf-8", "ascii", "us-ascii", "utf-16", "utf-16-le", "utf-16-be", "utf-32"}


def _duplicate(other: Duplicate) -> str:
    what = {"title": other.title, "share": round(other.similarity * 100)}
    if other.similarity == 1:
        return _("It says the same as the document “%(title)s”.") % what
    return _("It says nearly the same (%(share)s %%) as the document “%(title)s”.") % what
