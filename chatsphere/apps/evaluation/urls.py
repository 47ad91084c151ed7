"""Paths of this app."""

from __future__ import annotations

from django.urls import path

from chatsphere.apps.evaluation import evaluation_views, views

urlpatterns = [
    path("chatbots/<uuid:chatbot_id>/test-sets/", views.TestSetList.as_view()),
    path("chatbots/<uuid:chatbot_id>/publish-gate/", views.Gate.as_view()),
    path("test-sets/<uuid:test_set_id>/", views.TestSetDetail.as_view()),
    path("test-sets/<uuid:test_set_id>/questions/", views.QuestionList.as_view()),
    path("test-sets/<uuid:test_set_id>/questions/<uuid:question_id>/", views.QuestionDetail.as_view()),
    path("test-sets/<uuid:test_set_id>/import/", views.QuestionImport.as_view()),
    path("test-sets/<uuid:test_set_id>/generate/", views.QuestionGeneration.as_view()),
    path("test-sets/<uuid:test_set_id>/evaluations/", evaluation_views.EvaluationList.as_view()),
    path("evaluations/<uuid:evaluation_id>/", evaluation_views.EvaluationDetail.as_view()),
    path("evaluations/<uuid:evaluation_id>/cancel/", evaluation_views.EvaluationCancel.as_view()),
    path("evaluations/<uuid:evaluation_id>/results/", evaluation_views.EvaluationResults.as_view()),
    path("evaluations/<uuid:evaluation_id>/calibration/", evaluation_views.EvaluationCalibration.as_view()),
    path("evaluations/<uuid:evaluation_id>/comparison/", evaluation_views.EvaluationComparison.as_view()),
]
