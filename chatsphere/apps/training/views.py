"""Sources, documents, chunks and runs over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadhandler import load_handler
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.training import actions, dry_run, uploads
from chatsphere.apps.training.actions import NewSource
from chatsphere.apps.training.models import Document, Placement, Run, TrainingSource
from chatsphere.apps.training.quality import duplicates_of
from chatsphere.apps.training.queue import Positions
from chatsphere.apps.training.replacing import replace_file
from chatsphere.apps.training.serializers import (
    BatchDeleteAnswer,
    BatchDeleteInput,
    BatchInput,
    ChunkSerializer,
    DocumentDetailSerializer,
    DocumentSerializer,
    DryRunAnswer,
    FilePatch,
    RunSerializer,
    SourceDetailSerializer,
    SourceFilters,
    SourceInput,
    SourcePatch,
    SourceSerializer,
    SyncFilters,
    UploadInput,
)
from chatsphere.core.conditional import if_match_of, with_etag
from chatsphere.core.exceptions import NotFound
from chatsphere.core.parsers import StrictJSONParser, StrictMultiPartParser
from chatsphere.core.principal import Principal, principal_of
from chatsphere.core.query import FIELDS, read_filters

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag that you read; 412 when it has changed since."
)
TAGS = ["training"]


class TakesFiles(GenericAPIView[TrainingSource]):
    """JSON, or a form with files, which are counted from their first byte."""

    parser_classes = (StrictJSONParser, StrictMultiPartParser)

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        if request.method in ("POST", "PATCH"):
            handlers = (load_handler(path, request) for path in settings.FILE_UPLOAD_HANDLERS)
            request.upload_handlers = [uploads.CappedUploads(request), *handlers]
        return super().initialize_request(request, *args, **kwargs)


class SourceList(TakesFiles):
    """The sources of a chatbot."""

    scope = "sources"
    serializer_class = SourceSerializer
    ordering_fields = ("created_at", "updated_at", "name")

    @extend_schema(
        operation_id="sources_list",
        parameters=[SourceFilters, FIELDS],
        responses={200: SourceSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request, chatbot_id: UUID) -> Response:
        """Newest first."""
        workspace_id = _workspace_of(chatbot_id, principal_of(request))
        sources = TrainingSource.objects.in_workspace(workspace_id).filter(chatbot_id=chatbot_id)
        sources = sources.filter(**read_filters(request, SourceFilters))
        page = self.paginate_queryset(sources.defer("options")) or []
        context = {"request": request, "positions": Positions(page)}
        return self.get_paginated_response(SourceSerializer(page, many=True, context=context).data)

    @extend_schema(
        operation_id="sources_create",
        request={"application/json": SourceInput, "multipart/form-data": UploadInput},
        responses={
            202: PolymorphicProxySerializer(
                component_name="CreatedSources",
                serializers=[SourceSerializer, SourceSerializer(many=True)],
                resource_type_field_name=None,
                many=False,
            )
        },
        tags=TAGS,
    )
    def post(self, request: Request, chatbot_id: UUID) -> Response:
        """Add a source. It is trained in the background; several files make several sources, and a list is the answer."""
        principal = principal_of(request)
        workspace_id = _workspace_of(chatbot_id, principal)
        new = _uploaded(request) if _is_upload(request) else [_new_source(_validated(SourceInput, request.data))]
        sources = _add(principal, workspace_id, chatbot_id, new)
        return Response(_shown(sources) if len(new) > 1 else _shown(sources)[0], status=202)


class SourceBatch(GenericAPIView[TrainingSource]):
    """Several sources at once."""

    scope = "sources"
    serializer_class = SourceSerializer
    pagination_class = None

    @extend_schema(
        operation_id="sources_batch_create",
        request=BatchInput,
        responses={202: SourceSerializer(many=True)},
        tags=TAGS,
    )
    def post(self, request: Request, chatbot_id: UUID) -> Response:
        """Add up to 100 sources; all of them or none."""
        principal = principal_of(request)
        workspace_id = _workspace_of(chatbot_id, principal)
        new = [_new_source(each) for each in _validated(BatchInput, request.data)["sources"]]
        return Response(_shown(_add(principal, workspace_id, chatbot_id, new)), status=202)


class SourceBatchDelete(GenericAPIView[TrainingSource]):
    """Several sources less."""

    scope = "sources"
    serializer_class = BatchDeleteAnswer

    @extend_schema(
        operation_id="sources_batch_delete",
        request=BatchDeleteInput,
        responses={200: BatchDeleteAnswer},
        tags=TAGS,
    )
    def post(self, request: Request, chatbot_id: UUID) -> Response:
        """Delete up to 100 sources of this chatbot at once. Nothing of them is found from this answer on."""
        workspace_id = _workspace_of(chatbot_id, principal_of(request))
        ids = _validated(BatchDeleteInput, request.data)["ids"]
        deleted = actions.delete_sources(workspace_id=workspace_id, chatbot_id=chatbot_id, source_ids=ids)
        missing = [each for each in dict.fromkeys(ids) if each not in set(deleted)]
        return Response({"deleted": deleted, "not_found": missing})


class SourceDetail(TakesFiles):
    """One source."""

    scope = "sources"
    serializer_class = SourceDetailSerializer

    @extend_schema(
        operation_id="sources_retrieve", parameters=[FIELDS], responses={200: SourceDetailSerializer}, tags=TAGS
    )
    def get(self, request: Request, source_id: UUID) -> Response:
        """The source, with its ETag."""
        return _detail(request, _source(principal_of(request), source_id))

    @extend_schema(
        operation_id="sources_partial_update",
        parameters=[IF_MATCH],
        request={"application/json": SourcePatch, "multipart/form-data": FilePatch},
        responses={200: SourceDetailSerializer},
        tags=TAGS,
    )
    def patch(self, request: Request, source_id: UUID) -> Response:
        """Change what you name. New `content`, `pairs` or, as a form, a new `file` are trained, and replace the old ones when they are ready."""
        source = _source(principal_of(request), source_id)
        if _is_upload(request):
            return _detail(request, _replaced(request, source))
        body = SourcePatch(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        changed = actions.update_source(source=source, changes=body.validated_data, if_match=if_match_of(request))
        return _detail(request, changed)

    @extend_schema(operation_id="sources_destroy", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, source_id: UUID) -> Response:
        """Nothing of the source is found or cited from this answer on."""
        source = _source(principal_of(request), source_id)
        actions.delete_sources(workspace_id=source.workspace_id, chatbot_id=source.chatbot_id, source_ids=[source.pk])
        return Response(status=204)


class SourceSync(GenericAPIView[TrainingSource]):
    """Reading a source again."""

    scope = "sources"
    serializer_class = SourceSerializer

    @extend_schema(
        operation_id="sources_sync",
        parameters=[SyncFilters],
        request=None,
        responses={202: SourceSerializer, 200: DryRunAnswer},
        tags=TAGS,
    )
    def post(self, request: Request, source_id: UUID) -> Response:
        """Read the source again; only what changed is embedded. `?dry_run=true` says what would change, with 200. 409 while it is trained."""
        source = _source(principal_of(request), source_id)
        if read_filters(request, SyncFilters).get("dry_run"):
            return Response(dry_run.what_would_change(source))
        actions.sync_source(source=source)
        source.refresh_from_db()
        return Response(_shown([source])[0], status=202)


class SourceCancel(GenericAPIView[TrainingSource]):
    """Ending a run early."""

    scope = "sources"
    serializer_class = SourceSerializer

    @extend_schema(operation_id="sources_cancel", request=None, responses={200: SourceSerializer}, tags=TAGS)
    def post(self, request: Request, source_id: UUID) -> Response:
        """Stop the training; what answered before goes on. 409 when nothing is running."""
        source = _source(principal_of(request), source_id)
        return Response(_shown([actions.cancel_source(source=source)])[0])


class SourceDocuments(GenericAPIView[Document]):
    """The documents of a source."""

    scope = "sources"
    serializer_class = DocumentSerializer

    @extend_schema(
        operation_id="sources_documents_list",
        parameters=[FIELDS],
        responses={200: DocumentSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request, source_id: UUID) -> Response:
        """Newest first, without their texts."""
        source = _source(principal_of(request), source_id)
        documents = source.documents.select_related("current_version").defer("current_version__text")
        page = self.paginate_queryset(documents) or []
        context = {"request": request, "duplicates": duplicates_of(page)}
        return self.get_paginated_response(DocumentSerializer(page, many=True, context=context).data)


class SourceChunks(GenericAPIView[Placement]):
    """The chunks of a source."""

    scope = "sources"
    serializer_class = ChunkSerializer
    ordering = "id"  # places are numbered as they are written: document by document, in the order of the text

    @extend_schema(
        operation_id="sources_chunks_list",
        parameters=[FIELDS],
        responses={200: ChunkSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request, source_id: UUID) -> Response:
        """Document by document, in the order of their texts."""
        source = _source(principal_of(request), source_id)
        current = source.documents.exclude(current_version=None).values("current_version")
        chunks = Placement.objects.in_workspace(source.workspace_id).filter(document_version__in=current)
        page = self.paginate_queryset(
            chunks.select_related("chunk", "document_version").defer("document_version__text")
        )
        return self.get_paginated_response(ChunkSerializer(page, many=True, context={"request": request}).data)


class SourceRuns(GenericAPIView[Run]):
    """The training runs of a source."""

    scope = "sources"
    serializer_class = RunSerializer

    @extend_schema(
        operation_id="sources_runs_list", parameters=[FIELDS], responses={200: RunSerializer(many=True)}, tags=TAGS
    )
    def get(self, request: Request, source_id: UUID) -> Response:
        """Newest first."""
        source = _source(principal_of(request), source_id)
        page = self.paginate_queryset(source.runs.all())
        return self.get_paginated_response(RunSerializer(page, many=True, context={"request": request}).data)


class RunDetail(GenericAPIView[Run]):
    """One training run."""

    scope = "sources"
    serializer_class = RunSerializer

    @extend_schema(operation_id="runs_retrieve", parameters=[FIELDS], responses={200: RunSerializer}, tags=TAGS)
    def get(self, request: Request, run_id: UUID) -> Response:
        """What it did, step by step."""
        run = _of_visible_source(Run.objects, principal_of(request)).filter(pk=run_id).first()
        if run is None:
            raise NotFound
        return Response(RunSerializer(run, context={"request": request}).data)


class DocumentDetail(GenericAPIView[Document]):
    """One document."""

    scope = "sources"
    serializer_class = DocumentDetailSerializer

    @extend_schema(
        operation_id="documents_retrieve", parameters=[FIELDS], responses={200: DocumentDetailSerializer}, tags=TAGS
    )
    def get(self, request: Request, document_id: UUID) -> Response:
        """The document with its text, in which chunks and citations have their places."""
        documents = _of_visible_source(Document.objects.select_related("current_version"), principal_of(request))
        document = documents.filter(pk=document_id).first()
        if document is None:
            raise NotFound
        context = {"request": request, "duplicates": duplicates_of([document])}
        return Response(DocumentDetailSerializer(document, context=context).data)


def _workspace_of(chatbot_id: UUID, principal: Principal) -> UUID:
    """The workspace of a chatbot that the principal sees, as ``visible_to`` has it; NotFound for others."""
    if not principal.may_use_chatbot(chatbot_id):
        raise NotFound
    actions.require_chatbot(workspace_id=principal.workspace_id, chatbot_id=chatbot_id)
    return principal.workspace_id


def _source(principal: Principal, source_id: UUID) -> TrainingSource:
    source: TrainingSource | None = TrainingSource.objects.visible_to(principal).filter(pk=source_id).first()
    if source is None:
        raise NotFound
    return source


def _of_visible_source(rows: Any, principal: Principal) -> QuerySet[Any]:
    """Runs or documents whose source the principal sees."""
    visible: QuerySet[Any] = rows.filter(workspace_id=principal.workspace_id, source__chatbot__deleted_at=None)
    return visible if principal.chatbot_ids is None else visible.filter(chatbot_id__in=principal.chatbot_ids)


def _validated(kind: Any, data: Any) -> dict[str, Any]:
    body = kind(data=data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _new_source(body: Mapping[str, Any]) -> NewSource:
    kind = body["source_type"]
    options = {name: body[name] for name in actions.OPTIONS if name in body}
    return NewSource(
        source_type=kind,
        name=body.get("name") or _name_of(body),
        uri=body.get("url", ""),
        options=options,
        access_tags=body.get("access_tags", ()),
        refresh=body.get("refresh", TrainingSource.Refresh.NEVER),
    )


def _name_of(body: Mapping[str, Any]) -> str:
    """A name for what was given none."""
    if "url" in body:
        return str(body["url"]).partition("://")[2].removesuffix("/")[:300]
    return _first_line(body.get("content") or body["pairs"][0]["question"])


def _first_line(text: str) -> str:
    """A name for what has none."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return line.strip("#* \t")[:100] or "Untitled"


def _is_upload(request: Request) -> bool:
    return (request.content_type or "").startswith("multipart/")


def _form(request: Request, *lists: str) -> dict[str, Any]:
    form: Any = request.data  # of a form: Django's QueryDict
    return {name: form.getlist(name) if name in lists else form[name] for name in form}


def _replaced(request: Request, source: TrainingSource) -> TrainingSource:
    changes = _validated(FilePatch, _form(request, "access_tags"))
    file = changes.pop("file")
    media_type = uploads.media_type_of(file)
    return replace_file(source=source, file=file, media_type=media_type, changes=changes, if_match=if_match_of(request))


def _uploaded(request: Request) -> list[NewSource]:
    body = _validated(UploadInput, _form(request, "file", "access_tags"))
    return [
        NewSource(
            source_type=TrainingSource.Type.FILE,
            name=body.get("name") or uploads.display_name(file),
            file=file,
            media_type=uploads.media_type_of(file),
            access_tags=body.get("access_tags", ()),
        )
        for file in body["file"]
    ]


def _add(principal: Principal, workspace_id: UUID, chatbot_id: UUID, new: Sequence[NewSource]) -> list[TrainingSource]:
    return actions.add_sources(workspace_id=workspace_id, chatbot_id=chatbot_id, new=new, created_by=principal.user_id)


def _shown(sources: Sequence[TrainingSource]) -> Any:
    return SourceSerializer(sources, many=True, context={"positions": Positions(sources)}).data


def _detail(request: Request, source: TrainingSource) -> Response:
    context = {"request": request, "positions": Positions([source])}
    return with_etag(Response(SourceDetailSerializer(source, context=context).data), source)
