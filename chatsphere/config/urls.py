"""Where each path leads."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.staticfiles.views import serve as serve_static
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView

from chatsphere.core import status_page
from chatsphere.core.documents import front_page, openapi_document

api = [
    path("", include("chatsphere.apps.users.urls")),
    path("", include("chatsphere.apps.chatbots.urls")),
    path("", include("chatsphere.apps.training.urls")),
    path("", include("chatsphere.apps.conversations.urls")),
    path("", include("chatsphere.apps.evaluation.urls")),
    path("", include("chatsphere.apps.webhooks.urls")),
    path("", include("chatsphere.apps.analytics.urls")),
]

urlpatterns = [
    path("", front_page, name="front"),
    path("", include("chatsphere.core.urls")),
    path("api/v1/", include(api)),
    path("", include("chatsphere.apps.conversations.openai_urls")),
    path("api/schema/", openapi_document, name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("admin/status/", admin.site.admin_view(status_page.status), name="operator-status"),
    path("admin/", admin.site.urls),
    # Files of the admin and the API docs only; a reverse proxy may serve them from STATIC_ROOT instead.
    re_path(r"^static/(?P<path>.+)$", serve_static, {"insecure": True}),
]

handler400 = "chatsphere.core.middleware.errors.bad_request"
handler403 = "chatsphere.core.middleware.errors.forbidden"
handler404 = "chatsphere.core.middleware.errors.not_found"
handler500 = "chatsphere.core.middleware.errors.server_error"
