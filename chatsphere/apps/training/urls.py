"""Paths of this app."""

from django.urls import path

from chatsphere.apps.training import progress, quarantine_views, retraining_views, views

urlpatterns = [
    path("chatbots/<uuid:chatbot_id>/sources/", views.SourceList.as_view()),
    path("chatbots/<uuid:chatbot_id>/sources/batch/", views.SourceBatch.as_view()),
    path("chatbots/<uuid:chatbot_id>/sources/batch-delete/", views.SourceBatchDelete.as_view()),
    path("chatbots/<uuid:chatbot_id>/retrain/", retraining_views.ChatbotRetrain.as_view()),
    path("chatbots/<uuid:chatbot_id>/retrainings/", retraining_views.ChatbotRetrainings.as_view()),
    path("retrainings/<uuid:retraining_id>/", retraining_views.RetrainingDetail.as_view()),
    path("retrainings/<uuid:retraining_id>/cancel/", retraining_views.RetrainingCancel.as_view()),
    path("chatbots/<uuid:chatbot_id>/quarantine/", quarantine_views.QuarantineList.as_view()),
    path("quarantine/<uuid:quarantine_id>/", quarantine_views.QuarantineDetail.as_view()),
    path("sources/<uuid:source_id>/", views.SourceDetail.as_view()),
    path("sources/<uuid:source_id>/sync/", views.SourceSync.as_view()),
    path("sources/<uuid:source_id>/cancel/", views.SourceCancel.as_view()),
    path("sources/<uuid:source_id>/documents/", views.SourceDocuments.as_view()),
    path("sources/<uuid:source_id>/chunks/", views.SourceChunks.as_view()),
    path("sources/<uuid:source_id>/runs/", views.SourceRuns.as_view()),
    path("sources/<uuid:source_id>/events/", progress.events),
    path("runs/<uuid:run_id>/", views.RunDetail.as_view()),
    path("documents/<uuid:document_id>/", views.DocumentDetail.as_view()),
]
