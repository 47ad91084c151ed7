"""How the OpenAPI document describes what all endpoints share: the error envelope and plain views."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework.views import APIView

from chatsphere.core.exceptions import OPENAI_PATHS
from chatsphere.core.serializers import StrictSerializer

ENVELOPE = {
    "type": "object",
    "description": "The shape of every error.",
    "required": ["success", "error"],
    "properties": {
        "success": {"type": "boolean", "enum": [False]},
        "error": {
            "type": "object",
            "required": ["code", "type", "message", "request_id"],
            "properties": {
                "code": {"type": "integer", "description": "The HTTP status."},
                "type": {"type": "string", "description": "A stable word to branch on."},
                "message": {"type": "string", "description": "A sentence for people."},
                "fields": {
                    "type": "object",
                    "description": "Only for validation errors: messages by field.",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
                "details": {
                    "type": "object",
                    "description": "More for programs, where an operation says so.",
                    "additionalProperties": True,
                },
                "request_id": {"type": "string"},
            },
        },
    },
}
OPENAI_ERROR = {
    "type": "object",
    "description": "An error in OpenAI's shape.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": "string", "nullable": True},
                "code": {"type": "string", "nullable": True},
            },
        }
    },
}
FRAME = {
    "type": "object",
    "description": "One frame of the stream; `data` is JSON, or `[DONE]` at the end of an OpenAI stream.",
    "required": ["data"],
    "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string"}},
}
JSON_RPC_ERROR = {
    "type": "object",
    "description": "An error of the Model Context Protocol.",
    "required": ["jsonrpc", "error"],
    "properties": {
        "jsonrpc": {"type": "string"},
        "id": {"nullable": True},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
        },
    },
}
ERRORS = {
    "400": ("malformed", "The request cannot be understood."),
    "401": ("unauthenticated", "No valid credential."),
    "402": ("quota_exceeded", "The quota of the workspace, or a budget (`budget_exceeded`), is used up."),
    "403": ("forbidden", "The role or the key does not allow this."),
    "404": ("not_found", "There is nothing here, or it belongs to another workspace."),
    "405": ("method_not_allowed", "This method is not allowed here."),
    "406": ("not_acceptable", "None of the accepted formats can be given."),
    "408": ("too_slow", "The body came in too slowly."),
    "409": ("conflict", "In conflict with the present state, or the same request is in flight."),
    "412": ("precondition_failed", "It has changed since it was read."),
    "413": ("too_large", "The body is too large."),
    "415": ("unsupported_media_type", "This content type is not accepted."),
    "422": ("validation_error", "Some fields are not right."),
    "429": ("rate_limited", "Too many requests; `Retry-After` says when to come back."),
    "502": ("upstream_error", "The model provider answered with an error."),
    "503": (
        "unavailable",
        "Not available for the moment; `Retry-After` says when to come back. `read_only` and `storage_full` say more.",
    ),
    "504": ("upstream_timeout", "The model provider did not answer in time."),
}
OF_ANY = ("400", "401", "403", "404", "405", "406", "422", "429", "503")
OF_BODIES = ("402", "408", "409", "413", "415")
OF_MODELS = ("502", "504")
METHODS = ("get", "post", "put", "patch", "delete")
MCP = "/mcp/"  # the protocol's own errors beside ours
PROBES = ("/healthz", "/readyz", "/metrics")


class Schema(AutoSchema):
    """DRF's views in the document. Errors are added to all operations at the end, by ``add_errors``."""

    def _get_paginator(self) -> Any:
        """Only what is read comes in pages; what was just made comes as it is."""
        return super()._get_paginator() if self.method == "GET" else None  # type: ignore[no-untyped-call]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema: Any = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: every operation may give these errors, each with an example."""
    components = result.setdefault("components", {})
    own = {"ErrorEnvelope": ENVELOPE, "OpenAIError": OPENAI_ERROR, "JsonRpcError": JSON_RPC_ERROR}
    components.setdefault("schemas", {}).update(own)
    _say_any_of(components["schemas"].values())
    components["parameters"] = {"IdempotencyKey": IDEMPOTENCY_KEY}
    components["responses"] = {f"Error{status}": _error(status) for status in ERRORS}
    for path, item in result["paths"].items():
        if path.startswith(PROBES):
            continue
        for method in METHODS:
            if method in item:
                if item[method].get("operationId") == "mcp":  # drf-spectacular requires no body that is any object
                    item[method]["requestBody"]["required"] = True
                _describe_errors(item[method], method, _answer_of(path), is_openai=path.startswith(OPENAI_PATHS))
    return result


def _say_any_of(schemas: Iterable[dict[str, Any]]) -> None:
    """What a member sees of a row is, field by field, also what a visitor sees of it and more: it is both, and ``oneOf`` would forbid that."""
    for schema in schemas:
        if "oneOf" in schema and "discriminator" not in schema:
            schema["anyOf"] = schema.pop("oneOf")


def _answer_of(path: str) -> Callable[[str], dict[str, Any]]:
    """How an error of this path looks in the document, by its status."""
    if path.startswith(OPENAI_PATHS):
        return lambda status: _response(ERRORS[status][1], {"$ref": "#/components/schemas/OpenAIError"})
    if path.endswith(MCP):
        either = [{"$ref": "#/components/schemas/ErrorEnvelope"}, {"$ref": "#/components/schemas/JsonRpcError"}]
        return lambda status: _response(ERRORS[status][1], {"anyOf": either})
    return lambda status: {"$ref": f"#/components/responses/Error{status}"}


def _response(description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema, **more}}}


IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of yours: within 24 hours the same request with the same key is done once and answered the same again.",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}


def _describe_errors(
    operation: dict[str, Any], method: str, answer: Callable[[str], dict[str, Any]], *, is_openai: bool
) -> None:
    statuses = [*OF_ANY, *OF_MODELS] if is_openai else list(OF_ANY)
    if method == "post" and not is_openai:
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    if method in ("post", "put", "patch"):
        statuses += OF_BODIES
    if method in ("put", "patch"):
        statuses.append("412")
    if method == "delete":
        statuses += ["409", "412"]
    for response in operation["responses"].values():
        if "text/event-stream" in response.get("content", {}):
            response["content"]["text/event-stream"]["schema"] = FRAME
    for status in sorted(statuses):
        operation["responses"].setdefault(status, answer(status))


def _error(status: str) -> dict[str, Any]:
    kind, description = ERRORS[status]
    error: dict[str, Any] = {"code": int(status), "type": kind, "message": description}
    if status == "422":
        error["fields"] = {"name": ["This field is required."]}
    example = {"success": False, "error": {**error, "request_id": "0198c0ffee"}}
    return _response(description, {"$ref": "#/components/schemas/ErrorEnvelope"}, example=example)


def documented(view: Any, method: str, schema: Callable[[Any], Any]) -> Any:
    """The same plain view, standing in the OpenAPI document as ``schema`` (drf-spectacular's ``extend_schema``) describes it."""

    def operation(self: APIView, request: Any, *args: Any, **kwargs: Any) -> None:
        """Only described here; the plain view answers."""

    attributes = {method.lower(): schema(operation), "authentication_classes": [], "permission_classes": []}
    view.cls = type(view.__name__, (APIView,), attributes)  # where drf-spectacular looks
    view.initkwargs = {}
    return view
