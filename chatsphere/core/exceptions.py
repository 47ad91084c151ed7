"""One tree of errors, one place that turns them into answers.

    ApiError                     status, type, message; the HTTP shape is made by ``envelope``
    ├── Malformed        400     ├── Conflict            409
    ├── Unauthenticated  401     ├── PreconditionFailed  412
    ├── QuotaExceeded    402     ├── TooLarge            413
    ├── Forbidden        403     ├── UnsupportedMedia    415
    ├── NotFound         404     ├── Invalid             422  (fields)
    ├── MethodNotAllowed 405     ├── Throttled           429  (retry_after)
    ├── NotAcceptable    406     ├── UpstreamFailed      502
    ├── TooSlow          408     ├── Unavailable         503  (retry_after)
    │                            │   └── ReadOnly, StorageFull
    └──                          └── GatewayTimeout      504

Views, actions and async handlers raise these; Django's and DRF's own exceptions are mapped to the same shape.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext_lazy as _
from psycopg import OperationalError as PsycopgOperationalError
from redis import RedisError
from rest_framework import exceptions as drf
from rest_framework.response import Response

from chatsphere.core.context import request_id
from chatsphere.core.outages import Outage, outage_of
from chatsphere.services.errors import EngineError, RetryableError, UpstreamTimeout

logger = logging.getLogger("chatsphere.errors")
Fields = Mapping[str, Sequence[str]]

RETRY_SECONDS = 5.0  # what Retry-After says where nobody knows better


class ApiError(Exception):
    """An error with an HTTP status, a stable type to branch on and a message for people."""

    status: ClassVar[int] = 500
    type: str = "server_error"
    message: Any = _("Something went wrong on our side. Please try again; if it stays, send us the request id.")

    def __init__(
        self,
        message: Any = None,
        *,
        type: str | None = None,  # noqa: A002 - the word of the HTTP contract
        fields: Fields | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.message = message or self.message
        self.type = type or self.type
        self.fields = fields
        self.retry_after = retry_after
        self.details = details  # JSON for programs, where the type alone does not say enough
        super().__init__(str(self.message))


class Malformed(ApiError):
    status = 400
    type = "malformed"
    message = _("The request cannot be understood.")


class Unauthenticated(ApiError):
    status = 401
    type = "unauthenticated"
    message = _("Send a valid token in the header `Authorization: Bearer <token>`.")


class QuotaExceeded(ApiError):
    status = 402
    type = "quota_exceeded"
    message = _("The quota of this workspace is used up. Raise the plan or wait for the next period.")


class Forbidden(ApiError):
    status = 403
    type = "forbidden"
    message = _("Your role or key does not allow this.")


class NotFound(ApiError):
    status = 404
    type = "not_found"
    message = _("There is nothing here.")


class MethodNotAllowed(ApiError):
    status = 405
    type = "method_not_allowed"
    message = _("This method is not allowed here.")

    def __init__(self, message: Any = None, *, allowed: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.allowed = allowed  # the methods that are, separated by commas


class NotAcceptable(ApiError):
    status = 406
    type = "not_acceptable"
    message = _("None of the formats you accept can be given.")


class TooSlow(ApiError):
    status = 408
    type = "too_slow"
    message = _("The body came in too slowly. Send it again over a better connection, or in smaller parts.")


class Conflict(ApiError):
    status = 409
    type = "conflict"
    message = _("This is in conflict with the present state.")


class PreconditionFailed(ApiError):
    status = 412
    type = "precondition_failed"
    message = _("This has changed since you read it. Read it again and repeat your change.")


class TooLarge(ApiError):
    status = 413
    type = "too_large"
    message = _("The request is too large.")


class UnsupportedMedia(ApiError):
    status = 415
    type = "unsupported_media_type"
    message = _("This content type is not accepted here.")


class Invalid(ApiError):
    status = 422
    type = "validation_error"
    message = _("Some fields are not right.")


class Throttled(ApiError):
    status = 429
    type = "rate_limited"
    message = _("Too many requests. Wait a moment and try again.")


class UpstreamFailed(ApiError):
    status = 502
    type = "upstream_failed"
    message = _("The model provider could not answer.")


class Unavailable(ApiError):
    status = 503
    type = "unavailable"
    message = _("This is not available for the moment. Try again shortly.")

    def __init__(self, message: Any = None, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(message, retry_after=RETRY_SECONDS if retry_after is None else retry_after, **more)


class ReadOnly(Unavailable):
    type = "read_only"
    message = _("Nothing can be changed for the moment; what is there can be read. Try again shortly.")


class StorageFull(Unavailable):
    type = "storage_full"
    message = _("There is no room to store this for the moment; nothing of it was kept. Try again later.")


class GatewayTimeout(ApiError):
    status = 504
    type = "upstream_timeout"
    message = _("The model provider did not answer in time.")


def from_engine(error: EngineError) -> ApiError:
    """The answer for an engine's error; its own ``type`` is kept."""
    if isinstance(error, UpstreamTimeout):
        return GatewayTimeout(type=error.type)
    if isinstance(error, RetryableError):
        return Unavailable(error.message, type=error.type, retry_after=error.retry_after)
    return UpstreamFailed(error.message, type=error.type)


def envelope(error: ApiError) -> dict[str, Any]:
    """The JSON body of an error, the same everywhere outside ``/v1/``."""
    body: dict[str, Any] = {"code": error.status, "type": error.type, "message": str(error.message)}
    if error.fields is not None:
        body["fields"] = {name: [str(text) for text in texts] for name, texts in error.fields.items()}
    if error.details is not None:
        body["details"] = dict(error.details)
    body["request_id"] = request_id.get()
    return {"success": False, "error": body}


OPENAI_PATHS = "/v1/"
_OPENAI_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


def openai_status(error: ApiError) -> int:
    """The status below ``/v1/``: OpenAI's clients know 400 for what cannot be used."""
    return 400 if error.status == 422 else error.status


def openai_envelope(error: ApiError) -> dict[str, Any]:
    """The JSON body of an error below ``/v1/``, as OpenAI's clients read it."""
    kind = _OPENAI_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    message = str(error.message)
    if error.fields:
        message = "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in error.fields.items())
    param = next(iter(error.fields), None) if error.fields else None
    return {"error": {"message": message, "type": kind, "param": param, "code": error.type}}


def headers(error: ApiError) -> dict[str, str]:
    """Headers that belong to an error."""
    result = {}
    if error.retry_after is not None:
        result["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, MethodNotAllowed) and error.allowed:
        result["Allow"] = error.allowed
    if error.status == 401:
        result["WWW-Authenticate"] = "Bearer"
    return result


def as_api_error(exc: BaseException) -> ApiError | None:
    """The ApiError that stands for an exception of Django, DRF or an engine; None when it is a bug."""
    if isinstance(exc, ApiError):
        return exc
    outage = outage_of(exc)
    if outage is not None:
        return _OF_OUTAGES[outage]()
    if isinstance(exc, EngineError):
        return from_engine(exc)
    if isinstance(exc, drf.APIException):
        return _from_drf(exc)
    return next((error() for kind, error in _OTHERS if isinstance(exc, kind)), None)


def answer_to(exc: BaseException, where: str) -> ApiError:
    """The same for whoever must answer: a bug becomes a plain 500, and whatever people cannot mend themselves is logged with its cause."""
    error = as_api_error(exc)
    if error is None:
        logger.error("Unhandled error at %s", where, exc_info=exc)
        return ApiError()
    if isinstance(exc, _OUTAGES) or outage_of(exc) is not None:
        logger.error("Out of service at %s: %s", where, exc)
    return error


def handle(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER."""
    request = context.get("request")
    error = answer_to(exc, f"{request.method} {request.path}" if request is not None else "a view")
    return Response(envelope(error), status=error.status, headers=headers(error))


_OF_OUTAGES = {Outage.AWAY: Unavailable, Outage.READ_ONLY: ReadOnly, Outage.FULL: StorageFull}
_OUTAGES = (OperationalError, InterfaceError, PsycopgOperationalError, RedisError)
# The first that fits counts, so special kinds stand before general ones.
_OTHERS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], type[ApiError]], ...] = (
    (Http404, NotFound),
    (PermissionDenied, Forbidden),
    ((RequestDataTooBig, TooManyFilesSent), TooLarge),
    ((SuspiciousOperation, BadRequest, MultiPartParserError, UnreadablePostError), Malformed),
    (_OUTAGES, Unavailable),
)
_BY_STATUS = {
    kind.status: kind
    for kind in (
        *(Malformed, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, Conflict),
        *(TooLarge, UnsupportedMedia, Throttled),
    )
}
_WITHOUT_DETAIL = (drf.NotAuthenticated, drf.NotFound, drf.NotAcceptable, drf.PermissionDenied)


def _from_drf(exc: drf.APIException) -> ApiError:
    if isinstance(exc, drf.ValidationError):
        return Invalid(fields=_fields(exc.detail))
    if isinstance(exc, drf.Throttled):
        return Throttled(retry_after=getattr(exc, "wait", None))
    kind = _BY_STATUS.get(exc.status_code, ApiError)
    return kind() if isinstance(exc, _WITHOUT_DETAIL) else kind(exc.detail)


def _fields(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Nested validation details as a flat ``{"a.0.b": [messages]}``."""
    if isinstance(detail, dict):
        parts = [_fields(value, f"{path}.{key}" if path else str(key)) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        parts = [
            _fields(value, f"{path}.{index}" if path else str(index)) for index, value in enumerate(detail) if value
        ]
    else:
        return {path or "non_field_errors": [str(item) for item in (detail if isinstance(detail, list) else [detail])]}
    return {name: texts for part in parts for name, texts in part.items()}
