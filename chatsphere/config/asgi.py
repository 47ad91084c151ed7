"""The web application for ASGI servers."""

from __future__ import annotations

import re

import django
from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string

from chatsphere.config import choose_settings
from chatsphere.core.exceptions import Unauthenticated, answer_to
from chatsphere.core.garbage import spare_what_stays
from chatsphere.core.lifespan import Lifespan
from chatsphere.core.middleware.body_limit import BodyLimit
from chatsphere.core.middleware.request_log import RequestLog

ROOM_FOR_FIELDS = 1024 * 1024  # of a multipart body, beside its files
UPLOADS = re.compile(
    r"/sources/(?:[0-9a-f-]{36}/)?\Z"
)  # how the path of an upload ends: new files, and one in another's place


def body_limits() -> tuple[int, int]:
    """The largest multipart body and the largest other body, in bytes."""
    return settings.MAX_UPLOAD_BYTES * settings.MAX_UPLOAD_FILES + ROOM_FOR_FIELDS, settings.MAX_JSON_BYTES


async def may_upload(path: str, authorization: str | None) -> bool:
    """Large bodies are taken in where sources are sent only, and only from somebody who is known. Raises ApiError for a bad credential.

    Costs a large upload one more look at its credential; the view asks again, for role and scope, too.
    """
    if not UPLOADS.search(path):
        return False
    authenticate = import_string("chatsphere.apps.users.credentials.authenticate_async")  # it needs the settings
    try:
        principal = await authenticate(authorization)
    except Exception as error:
        raise answer_to(error, f"an upload to {path}") from error
    if principal is None:
        raise Unauthenticated
    return True


choose_settings()
django.setup(set_prefix=False)
handler = import_string("chatsphere.core.asgi_handler.Handler")()  # it needs the settings
application = Lifespan(RequestLog(BodyLimit(handler, body_limits, may_upload)))
list(get_resolver().reverse_dict)  # imports every view and compiles every route now, not in the first request
import_string("chatsphere.core.engines.make_all")()
spare_what_stays()
