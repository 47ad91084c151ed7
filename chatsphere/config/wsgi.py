"""The web application for WSGI servers; streams need ASGI."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from chatsphere.config import choose_settings

choose_settings()
application = get_wsgi_application()
