"""Paths of this app."""

from __future__ import annotations

from django.urls import path

from chatsphere.apps.analytics import chart_views, coverage_views, digest_views, inbox_views, views

urlpatterns = [
    path("analytics/overview/", views.Overview.as_view()),
    path("analytics/overview/chart.svg", chart_views.OverviewChart.as_view()),
    path("analytics/usage/chart.svg", chart_views.UsageChart.as_view()),
    path("analytics/questions/chart.svg", chart_views.QuestionsChart.as_view()),
    path("analytics/coverage/", coverage_views.Coverage.as_view()),
    path("analytics/digest/", digest_views.Digest.as_view()),
    path("analytics/digest/unsubscribe/", digest_views.unsubscribe),
    path("analytics/usage/", views.Usage.as_view()),
    path("analytics/sources/", views.Sources.as_view()),
    path("analytics/questions/", inbox_views.QuestionList.as_view()),
    path("analytics/questions/<uuid:cluster_id>/", inbox_views.QuestionDetail.as_view()),
    path("analytics/questions/<uuid:cluster_id>/answer/", inbox_views.QuestionAnswer.as_view()),
    path("analytics/questions/<uuid:cluster_id>/dismiss/", inbox_views.QuestionDismiss.as_view()),
    path("analytics/questions/<uuid:cluster_id>/reopen/", inbox_views.QuestionReopen.as_view()),
]
