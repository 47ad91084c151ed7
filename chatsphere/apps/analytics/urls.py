"""Paths of this app."""

from __future__ import annotations

from django.urls import path

from chatsphere.apps.analytics import inbox_views, views

urlpatterns = [
    path("analytics/overview/", views.Overview.as_view()),
    path("analytics/usage/", views.Usage.as_view()),
    path("analytics/sources/", views.Sources.as_view()),
    path("analytics/questions/", inbox_views.QuestionList.as_view()),
    path("analytics/questions/<uuid:cluster_id>/", inbox_views.QuestionDetail.as_view()),
    path("analytics/questions/<uuid:cluster_id>/answer/", inbox_views.QuestionAnswer.as_view()),
    path("analytics/questions/<uuid:cluster_id>/dismiss/", inbox_views.QuestionDismiss.as_view()),
    path("analytics/questions/<uuid:cluster_id>/reopen/", inbox_views.QuestionReopen.as_view()),
]
