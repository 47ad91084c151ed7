"""How the OpenAPI document describes what all endpoints share: the error envelope and the bearer token."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers


class ErrorBody(serializers.Serializer[Any]):
    """What went wrong."""

    code = serializers.IntegerField(help_text="The HTTP status.")
    type = serializers.CharField(help_text="A stable word to branch on.")
    message = serializers.CharField(help_text="A sentence for people.")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Only for validation errors: messages by field.",
    )
    request_id = serializers.CharField()


class ErrorEnvelope(serializers.Serializer[Any]):
    """The shape of every error."""

    success = serializers.BooleanField(default=False)
    error = ErrorBody()


class Schema(AutoSchema):
    """Adds the error answers that any endpoint may give."""

    def get_response_serializers(self) -> Any:
        responses = super().get_response_serializers()
        if not isinstance(responses, dict):
            status = {"POST": 201, "DELETE": 204}.get(self.method, 200)
            responses = {status: responses}
        for status in self._error_statuses():
            responses.setdefault(status, OpenApiResponse(ErrorEnvelope))
        return responses

    def _error_statuses(self) -> list[int]:
        statuses = [400, 401, 403, 404, 429]
        return [*statuses, 409, 413, 415, 422] if self.method in ("POST", "PUT", "PATCH") else statuses
