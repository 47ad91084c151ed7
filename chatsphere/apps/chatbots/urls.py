"""Paths of this app."""

from django.urls import path

from chatsphere.apps.chatbots import identity_views, views

urlpatterns = [
    path("chatbots/", views.ChatbotList.as_view()),
    path("chatbots/<uuid:chatbot_id>/", views.ChatbotDetail.as_view()),
    path("chatbots/<uuid:chatbot_id>/versions/", views.VersionList.as_view()),
    path("chatbots/<uuid:chatbot_id>/versions/<int:number>/publish/", views.VersionPublish.as_view()),
    path("chatbots/<uuid:chatbot_id>/versions/<int:number>/rollback/", views.VersionRollback.as_view()),
    path("chatbots/<uuid:chatbot_id>/identity-secrets/", identity_views.IdentitySecretList.as_view()),
    path(
        "chatbots/<uuid:chatbot_id>/identity-secrets/<uuid:secret_id>/", identity_views.IdentitySecretDetail.as_view()
    ),
]
