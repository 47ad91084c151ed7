"""Paths of this app."""

from __future__ import annotations

from django.urls import path

from chatsphere.apps.analytics import views

urlpatterns = [
    path("analytics/overview/", views.Overview.as_view()),
    path("analytics/usage/", views.Usage.as_view()),
    path("analytics/sources/", views.Sources.as_view()),
]
