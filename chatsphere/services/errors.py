"""Errors of the engines.

    EngineError
    ├── RetryableError            may succeed when tried again (retry_after tells when, in seconds)
    │   ├── UpstreamUnavailable   no connection, 5xx, broken stream
    │   ├── UpstreamTimeout       connect, first token or between tokens
    │   ├── UpstreamRateLimited   429
    │   └── FetchFailed           a web server that cannot be reached, is too slow or breaks the protocol
    └── PermanentError            will fail again the same way
        ├── UpstreamRejected      4xx: key, model or request is wrong
        ├── UpstreamInvalid       an answer that breaks the protocol
        ├── EngineMisconfigured   a setting names something that is not there
        └── ContentError          a document that cannot be read; the message is a sentence for its owner
            ├── UnsupportedFormat
            ├── EncryptedDocument
            ├── BrokenDocument
            ├── EmptyDocument
            ├── LimitExceeded     size, pages, time, memory, expansion, nesting
            └── FetchRefused      an address that must not be fetched, robots.txt, a wrong content type

``type`` is a stable snake_case word that the API shows and clients branch on.
"""

from __future__ import annotations

from typing import ClassVar


class EngineError(Exception):
    """An engine could not do its work."""

    type: ClassVar[str] = "engine_error"

    def __init__(self, message: str = "") -> None:
        self.message = message or (self.__doc__ or "").strip()
        super().__init__(self.message)


class RetryableError(EngineError):
    """The work may succeed when it is tried again."""

    type: ClassVar[str] = "temporarily_unavailable"

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UpstreamUnavailable(RetryableError):
    """The model provider cannot be reached or failed."""

    type: ClassVar[str] = "upstream_unavailable"


class UpstreamTimeout(RetryableError):
    """The model provider did not answer in time."""

    type: ClassVar[str] = "upstream_timeout"


class UpstreamRateLimited(RetryableError):
    """The model provider asks to slow down."""

    type: ClassVar[str] = "upstream_rate_limited"


class FetchFailed(RetryableError):
    """The server at this address could not be reached."""

    type: ClassVar[str] = "fetch_failed"


class PermanentError(EngineError):
    """The work will fail again the same way."""

    type: ClassVar[str] = "permanent_error"


class UpstreamRejected(PermanentError):
    """The model provider refused the request: check the key, the model's name and the limits."""

    type: ClassVar[str] = "upstream_rejected"


class UpstreamInvalid(PermanentError):
    """The model provider sent an answer that cannot be understood."""

    type: ClassVar[str] = "upstream_invalid"


class EngineMisconfigured(PermanentError):
    """A setting names an engine or model that is not there."""

    type: ClassVar[str] = "engine_misconfigured"


class ContentError(PermanentError):
    """This document cannot be read."""

    type: ClassVar[str] = "unreadable"


class UnsupportedFormat(ContentError):
    """This kind of file cannot be read."""

    type: ClassVar[str] = "unsupported_format"


class EncryptedDocument(ContentError):
    """This document is protected by a password. Upload it without one."""

    type: ClassVar[str] = "encrypted"


class BrokenDocument(ContentError):
    """This file is damaged and cannot be opened."""

    type: ClassVar[str] = "broken"


def damaged(what: str) -> BrokenDocument:
    """A file that its reader cannot make sense of; ``what`` is wrong with it, without a full stop. Says what its owner can do."""
    return BrokenDocument(
        f"This file is damaged: {what}. Open it in the program that made it, save it again and upload that copy."
    )


class EmptyDocument(ContentError):
    """No text was found in this document."""

    type: ClassVar[str] = "empty"


class LimitExceeded(ContentError):
    """This document is larger or more deeply nested than is allowed."""

    type: ClassVar[str] = "limit_exceeded"


class FetchRefused(ContentError):
    """This address may not be fetched."""

    type: ClassVar[str] = "fetch_refused"
