"""From the client's exceptions to the engines' errors, and how long to wait before another attempt."""

from __future__ import annotations

import random
from datetime import datetime
from email.utils import parsedate_to_datetime
from time import time

import httpx2
import openai

from chatsphere.services.errors import (
    EngineError,
    RetryableError,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0  # a longer Retry-After is left to the caller

CLIENT_ERRORS = (openai.OpenAIError, httpx2.HTTPError)


def engine_error(error: Exception) -> EngineError:
    """The engines' error for one that the client raised."""
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return UpstreamTimeout("The model provider did not answer in time.")
    if isinstance(error, openai.APIStatusError):
        return _status_error(error)
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError):
        cause = error.__cause__ or error
        return UpstreamUnavailable(f"The model provider cannot be reached ({type(cause).__name__}).")
    return UpstreamInvalid("The model provider's answer cannot be understood.")


def pause_before_retry(error: EngineError, attempt: int) -> float | None:
    """Seconds to wait before attempt number ``attempt`` + 1, counted from 1; None when trying again now makes no sense."""
    if not isinstance(error, RetryableError):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_PAUSE else None
    backoff = min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE)
    return backoff * (0.5 + random.random() / 2)  # noqa: S311 - jitter, no secret


def _status_error(error: openai.APIStatusError) -> EngineError:
    status = error.status_code
    reason = f"The model provider answered {status}: {_reason(error)}"
    if status == 429 and error.code != "insufficient_quota":
        return UpstreamRateLimited(reason, retry_after=_retry_after(error.response.headers))
    if status == 408:
        return UpstreamTimeout(reason)
    if status >= 500 or status == 409:
        return UpstreamUnavailable(reason, retry_after=_retry_after(error.response.headers))
    return UpstreamRejected(reason)


def _reason(error: openai.APIStatusError) -> str:
    body = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or error.message)[:300]


def _retry_after(headers: httpx2.Headers) -> float | None:
    milliseconds = str(headers.get("retry-after-ms", ""))
    if milliseconds.isdigit():
        return int(milliseconds) / 1000
    value = str(headers.get("retry-after", ""))
    try:
        return max(0.0, float(value))
    except ValueError:
        return _seconds_until(value)


def _seconds_until(date: str) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(date)
        return max(0.0, moment.timestamp() - time())
    except (ValueError, TypeError):
        return None
