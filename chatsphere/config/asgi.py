"""The web application for ASGI servers."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from chatsphere.config import choose_settings

choose_settings()
application = get_asgi_application()
