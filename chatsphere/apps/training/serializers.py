"""What sources, documents, chunks and runs look like over HTTP."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from chatsphere.apps.training import site
from chatsphere.apps.training.actions import OWN_FIELDS
from chatsphere.apps.training.models import Document, Run, TrainingSource
from chatsphere.apps.training.models.source import WEB_TYPES
from chatsphere.apps.training.quality import Duplicate, remarks
from chatsphere.apps.training.queue import Positions
from chatsphere.core.durable import DurableState
from chatsphere.core.query import SparseFields
from chatsphere.core.serializers import LineField, StrictSerializer
from chatsphere.services.content.crawl import tidy
from chatsphere.services.errors import FetchRefused

MOST_SOURCES_A_CALL: Final = 100
MOST_PAIRS: Final = 1_000
MOST_PATTERNS: Final = 50
_PATTERNS: Final = "patterns of path and query, in which `*` stands for anything, as in `/docs/*`."
_PROGRESS = inline_serializer(
    "Progress",
    {"done": serializers.IntegerField(), "total": serializers.IntegerField(), "unit": serializers.CharField()},
)

_LIMITS = inline_serializer(
    "SourceLimits",
    {
        "max_pages": serializers.IntegerField(allow_null=True),
        "max_depth": serializers.IntegerField(allow_null=True),
        "include": serializers.ListField(child=serializers.CharField(), allow_null=True),
        "exclude": serializers.ListField(child=serializers.CharField(), allow_null=True),
    },
    allow_null=True,
)


class ErrorField(serializers.Serializer[Any]):
    """Why it failed, and what to do."""

    type = serializers.CharField(help_text="A stable word to branch on.")
    message = serializers.CharField(help_text="A sentence for people.")


def error_of(row: TrainingSource | Run) -> dict[str, str] | None:
    """The error of a row, None while all is well."""
    return {"type": row.error_type, "message": row.error_message} if row.error_type else None


class SourceSerializer(SparseFields):
    """A training source. Counts describe what answers now."""

    id = serializers.UUIDField()
    chatbot = serializers.UUIDField(source="chatbot_id")
    source_type = serializers.ChoiceField(TrainingSource.Type.choices)
    name = serializers.CharField()
    uri = serializers.CharField()
    status = serializers.ChoiceField(TrainingSource.Status.choices)
    processed = serializers.BooleanField(help_text='The status is "ready".')
    progress = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What was left out, as sentences.")
    attempt = serializers.IntegerField()
    queue_position = serializers.SerializerMethodField(
        help_text="Place in the queue of your workspace, 1 being next; null when it is not queued, and in live events."
    )
    searchable = serializers.ChoiceField(
        TrainingSource.Searchable.choices, help_text="Found by nothing, by words, or by words and meaning."
    )
    documents_count = serializers.IntegerField()
    chunks_count = serializers.IntegerField()
    bytes = serializers.IntegerField()
    tokens = serializers.IntegerField()
    media_type = serializers.CharField()
    access_tags = serializers.ListField(child=serializers.CharField())
    refresh = serializers.ChoiceField(TrainingSource.Refresh.choices)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    last_synced_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(_PROGRESS)
    def get_progress(self, source: TrainingSource) -> dict[str, Any]:
        return {"done": source.progress_done, "total": source.progress_total, "unit": source.progress_unit}

    def get_queue_position(self, source: TrainingSource) -> int | None:
        positions: Positions | None = self.context.get("positions")
        return positions.of(source) if positions else None

    @extend_schema_field(ErrorField(allow_null=True))
    def get_error(self, source: TrainingSource) -> dict[str, str] | None:
        return error_of(source)


class PairInput(StrictSerializer):
    """A question and its answer."""

    question = serializers.CharField(max_length=1_000)
    answer = serializers.CharField(max_length=10_000)


class SourceDetailSerializer(SourceSerializer):
    """A source with what can be edited of it."""

    content = serializers.SerializerMethodField(help_text="Of a text.")
    pairs = serializers.SerializerMethodField(help_text="Of questions and answers.")
    limits = serializers.SerializerMethodField(
        help_text="Of a sitemap or crawl: what was given of pages, depth and patterns."
    )

    def get_content(self, source: TrainingSource) -> str | None:
        content: str | None = source.options.get("content")
        return content

    @extend_schema_field(PairInput(many=True, allow_null=True))
    def get_pairs(self, source: TrainingSource) -> list[dict[str, str]] | None:
        pairs: list[dict[str, str]] | None = source.options.get("pairs")
        return pairs

    @extend_schema_field(_LIMITS)
    def get_limits(self, source: TrainingSource) -> dict[str, Any] | None:
        names = ("max_pages", "max_depth", "include", "exclude")
        return {name: source.options.get(name) for name in names} if source.source_type in WEB_TYPES else None


class _Editable(StrictSerializer):
    """What a person may say about a source; which fields a call must have is decided below."""

    name = LineField(max_length=300)
    access_tags = serializers.ListField(child=LineField(max_length=100), max_length=50, help_text="Empty: open to all.")
    refresh = serializers.ChoiceField(TrainingSource.Refresh.choices)
    content = serializers.CharField(trim_whitespace=False, help_text="Markdown or plain text.")
    pairs = PairInput(many=True, max_length=MOST_PAIRS)  # type: ignore[call-arg]  # of the list

    url = serializers.CharField(max_length=2_000)
    max_pages = serializers.IntegerField(min_value=1, max_value=10_000, help_text="200 of a crawl, 1,000 of a sitemap.")
    max_depth = serializers.IntegerField(min_value=0, max_value=20, help_text="Links from the first page on: 5.")
    include = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=MOST_PATTERNS, help_text=f"Only these: {_PATTERNS}"
    )
    exclude = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=MOST_PATTERNS, help_text=f"None of these: {_PATTERNS}"
    )

    def validate_access_tags(self, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))

    def validate_content(self, value: str) -> str:
        if not value.strip():
            raise serializers.ValidationError(_("This text is empty. Send what the chatbot shall know."))
        return value

    def validate_pairs(self, value: list[dict[str, str]]) -> list[dict[str, str]]:
        if not value:
            raise serializers.ValidationError(_("Give at least one question with its answer."))
        return value

    def validate_url(self, value: str) -> str:
        try:
            return tidy(site.guarded_fetcher().check(value).url)
        except FetchRefused as error:
            raise serializers.ValidationError(error.message) from error


class SourcePatch(_Editable):
    """What can be changed. New content replaces the old one as soon as it is trained."""


class SourceInput(_Editable):
    """A new source: `text` with `content`, `qa` with `pairs`, a web page (`url`), all pages of a `sitemap`, or a `crawl` of a site from
    `url` on, within its folder. Files are sent as multipart."""

    source_type = serializers.ChoiceField(TrainingSource.Type.choices)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for name, field in fields.items():
            field.required = name == "source_type"
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = attrs["source_type"]
        if kind == TrainingSource.Type.FILE:
            raise serializers.ValidationError({"file": _("Send files as multipart/form-data, in parts named `file`.")})
        own = OWN_FIELDS[kind]
        foreign = {name for names in OWN_FIELDS.values() for name in names} & attrs.keys() - set(own)
        if foreign:
            raise serializers.ValidationError(
                {name: _("A source of this type does not have this.") for name in foreign}
            )
        if own[0] not in attrs:
            raise serializers.ValidationError({own[0]: _("This field is required.")})
        return attrs


class UploadInput(StrictSerializer):
    """Files, each of which becomes a source."""

    source_type = serializers.ChoiceField([TrainingSource.Type.FILE.value], default=TrainingSource.Type.FILE.value)
    file = serializers.ListField(child=serializers.FileField(allow_empty_file=False, max_length=300), allow_empty=False)
    name = LineField(max_length=300, required=False, help_text="Of one file; else its file name is taken.")
    access_tags = serializers.ListField(child=LineField(max_length=100), max_length=50, required=False)

    def validate_file(self, value: list[Any]) -> list[Any]:
        if len(value) > settings.MAX_UPLOAD_FILES:
            raise serializers.ValidationError(
                _("Send at most %(most)s files at once.") % {"most": settings.MAX_UPLOAD_FILES}
            )
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "name" in attrs and len(attrs["file"]) > 1:
            raise serializers.ValidationError({"name": _("A name can be given to one file only.")})
        return attrs


class FilePatch(StrictSerializer):
    """Another file in the place of a source's file."""

    file = serializers.FileField(allow_empty_file=False, max_length=300)
    name = LineField(max_length=300, required=False, help_text="Another name, too; else the source keeps its own.")
    access_tags = serializers.ListField(child=LineField(max_length=100), max_length=50, required=False)


class BatchInput(StrictSerializer):
    """Up to 100 new sources."""

    sources = SourceInput(many=True, allow_empty=False, max_length=MOST_SOURCES_A_CALL)  # type: ignore[call-arg]  # of the list


class BatchDeleteInput(StrictSerializer):
    """Up to 100 sources of this chatbot."""

    ids = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=MOST_SOURCES_A_CALL)


class BatchDeleteAnswer(serializers.Serializer[Any]):
    """Which were deleted, and which were not there."""

    deleted = serializers.ListField(child=serializers.UUIDField())
    not_found = serializers.ListField(child=serializers.UUIDField())


class SourceFilters(serializers.Serializer[Any]):
    """Filters of the list."""

    status = serializers.ChoiceField(TrainingSource.Status.choices, required=False)
    source_type = serializers.ChoiceField(TrainingSource.Type.choices, required=False)


class SyncFilters(serializers.Serializer[Any]):
    """Options of a sync."""

    dry_run = serializers.BooleanField(required=False, help_text="Only say what would change.")


class DryRunAnswer(serializers.Serializer[Any]):
    """What a sync would do."""

    would_change = serializers.BooleanField()
    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    removed = serializers.IntegerField()
    unchecked = serializers.IntegerField(
        help_text="Pages that there was no time to ask for; a dry run visits web sites for ten seconds at most."
    )


class DuplicateSerializer(serializers.Serializer[Any]):
    """Another document that says nearly the same."""

    document = serializers.UUIDField()
    source = serializers.UUIDField()  # type: ignore[assignment]  # a field, taken off the class
    title = serializers.CharField()
    similarity = serializers.FloatField(help_text="The share of text in common; 1: the same text.")


class DocumentSerializer(SparseFields):
    """A document of a source: one file or page."""

    id = serializers.UUIDField()
    source = serializers.UUIDField(source="source_id")  # type: ignore[assignment]  # a field, taken off the class
    chatbot = serializers.UUIDField(source="chatbot_id")
    title = serializers.CharField()
    uri = serializers.CharField()
    media_type = serializers.CharField()
    language = serializers.CharField(source="current_version.language", default="")
    version = serializers.IntegerField(source="current_version.number", default=None, allow_null=True)
    pages_count = serializers.SerializerMethodField()
    warnings = serializers.ListField(source="current_version.warnings", child=serializers.CharField(), default=list)
    report = serializers.DictField(source="current_version.report", default=dict, help_text="Ingest quality figures.")
    duplicates = serializers.SerializerMethodField(help_text="Other documents of the chatbot that say nearly the same.")
    remarks = serializers.SerializerMethodField(help_text="What is suspicious, as sentences; empty when all is well.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @extend_schema_field(DuplicateSerializer(many=True))
    def get_duplicates(self, document: Document) -> Any:
        return DuplicateSerializer(self._duplicates(document), many=True).data

    def get_remarks(self, document: Document) -> list[str]:
        version = document.current_version
        return remarks(version.report, self._duplicates(document)) if version else []

    def _duplicates(self, document: Document) -> list[Duplicate]:
        duplicates: list[Duplicate] = self.context.get("duplicates", {}).get(document.pk, [])
        return duplicates

    def get_pages_count(self, document: Document) -> int:
        return len(document.current_version.page_starts) if document.current_version else 0


class DocumentDetailSerializer(DocumentSerializer):
    """A document with its text; `char_start` and `char_end` of chunks and citations count its characters."""

    text = serializers.CharField(source="current_version.text", default="")
    page_starts = serializers.ListField(
        source="current_version.page_starts", child=serializers.IntegerField(), default=list
    )
    links = serializers.ListField(
        source="current_version.links", child=serializers.DictField(child=serializers.CharField()), default=list
    )


class ChunkSerializer(SparseFields):
    """A chunk where it stands in a document."""

    id = serializers.UUIDField(source="chunk_id")
    document = serializers.UUIDField(source="document_version.document_id")
    ordinal = serializers.IntegerField()
    text = serializers.CharField(source="chunk.text")
    context = serializers.CharField(  # type: ignore[assignment]  # a field, taken off the class
        source="chunk.context", help_text="Title and headings, searched with the text."
    )
    heading_path = serializers.ListField(child=serializers.CharField())
    page = serializers.IntegerField(allow_null=True)
    char_start = serializers.IntegerField()
    char_end = serializers.IntegerField()
    token_count = serializers.IntegerField(source="chunk.token_count")
    kind = serializers.CharField(source="chunk.kind")
    language = serializers.CharField(source="chunk.language")


class RunSerializer(SparseFields):
    """A training run. `steps` tells items and seconds of each step, and of `embed` tokens and cost by the operator's price list."""

    id = serializers.UUIDField()
    source = serializers.UUIDField(source="source_id")  # type: ignore[assignment]  # a field, taken off the class
    chatbot = serializers.UUIDField(source="chatbot_id")
    kind = serializers.ChoiceField(Run.Kind.choices)
    state = serializers.ChoiceField(DurableState.choices)
    attempt = serializers.IntegerField()
    error = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    chunks_embedded = serializers.IntegerField()
    chunks_reused = serializers.IntegerField()
    tokens = serializers.IntegerField()
    cost_micros = serializers.IntegerField()
    steps = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.DictField(child=serializers.DictField()))
    def get_steps(self, run: Run) -> dict[str, dict[str, Any]]:
        steps: dict[str, dict[str, Any]] = {name: figures for name, figures in run.steps.items() if name[0] != "_"}
        return steps | ({"embed": steps["embed"] | {"cost_micros": run.cost_micros}} if "embed" in steps else {})

    @extend_schema_field(ErrorField(allow_null=True))
    def get_error(self, run: Run) -> dict[str, str] | None:
        return error_of(run)

    @extend_schema_field(_PROGRESS)
    def get_progress(self, run: Run) -> dict[str, Any]:
        return {"done": run.progress_done, "total": run.progress_total, "unit": run.progress_unit}
