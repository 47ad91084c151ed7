"""The web application for ASGI servers."""

from __future__ import annotations

from django.conf import settings
from django.core.asgi import get_asgi_application

from chatsphere.config import choose_settings
from chatsphere.core.lifespan import Lifespan
from chatsphere.core.middleware.body_limit import BodyLimit

ROOM_FOR_FIELDS = 1024 * 1024  # of a multipart body, beside its files


def body_limits() -> tuple[int, int]:
    """The largest multipart body and the largest other body, in bytes."""
    return settings.MAX_UPLOAD_BYTES * settings.MAX_UPLOAD_FILES + ROOM_FOR_FIELDS, settings.MAX_JSON_BYTES


choose_settings()
application = Lifespan(BodyLimit(get_asgi_application(), body_limits))
