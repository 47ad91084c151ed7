"""Which web pages may use a chatbot's publishable key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.utils.translation import gettext as _

from chatsphere.apps.chatbots.configuration import Configuration, read_configuration
from chatsphere.apps.conversations.question import Question
from chatsphere.core.async_database import DATABASE_AWAY, autocommit
from chatsphere.core.exceptions import Forbidden
from chatsphere.core.principal import Principal
from chatsphere.services.sql import statements

SQL = statements("chatsphere.apps.conversations")


def check_origin(question: Question, configuration: Configuration) -> None:
    """Raise Forbidden when a browser's page is not among the chatbot's ``allowed_origins``. Servers and people are not asked."""
    if question.is_trusted or not configuration.allowed_origins:
        return
    if not any(is_allowed(question.origin or "", allowed) for allowed in configuration.allowed_origins):
        raise Forbidden(
            _("This web page may not use the chatbot. Add its origin to `allowed_origins`."), type="origin_not_allowed"
        )


def may_read(key: Principal, origin: str) -> bool:
    """Whether a page of this origin may read what is answered to a publishable key. One query."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["configuration_of_page"], _ids(key))
        row = cursor.fetchone()
    return row is not None and _is_welcome(json.loads(row[0]) if isinstance(row[0], str) else row[0], origin)


async def may_read_async(key: Principal, origin: str) -> bool:
    """The same on the hot path's pool; no while the database is away."""
    try:
        async with autocommit() as own:
            row = await (await own.execute(SQL["configuration_of_page"], _ids(key))).fetchone()
    except DATABASE_AWAY:
        return False
    return row is not None and _is_welcome(row["configuration"], origin)


def _ids(key: Principal) -> dict[str, Any]:
    return {"ids": list(key.chatbot_ids or ()), "workspace_id": key.workspace_id}


def _is_welcome(stored: Mapping[str, Any], origin: str) -> bool:
    allowed_origins = read_configuration(stored).allowed_origins
    return not allowed_origins or any(is_allowed(origin, allowed) for allowed in allowed_origins)


def is_allowed(origin: str, allowed: str) -> bool:
    """``https://*.example.com`` allows each host below example.com, not example.com itself."""
    given, pattern = urlsplit(origin.lower()), urlsplit(allowed.lower())
    if given.scheme != pattern.scheme:
        return False
    if pattern.netloc.startswith("*."):
        return given.netloc.endswith(pattern.netloc[1:]) and len(given.netloc) > len(pattern.netloc) - 1
    return given.netloc == pattern.netloc
