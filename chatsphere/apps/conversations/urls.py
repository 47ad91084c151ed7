"""Paths of this app."""

from __future__ import annotations

from django.urls import path

from chatsphere.apps.conversations import mcp_door, streaming, views

urlpatterns = [
    path("chatbots/<uuid:chatbot_id>/chat/", streaming.chat),
    path("chatbots/<uuid:chatbot_id>/search/", streaming.find),
    path("chatbots/<uuid:chatbot_id>/mcp/", mcp_door.mcp),
    path("messages/<uuid:message_id>/events/", streaming.events),
    path("messages/<uuid:message_id>/cancel/", streaming.cancel),
    path("messages/<uuid:message_id>/regenerate/", streaming.regenerate),
    path("messages/<uuid:message_id>/feedback/", views.MessageFeedback.as_view()),
    path("messages/<uuid:message_id>/trace/", views.MessageTrace.as_view()),
    path("conversations/", views.ConversationList.as_view()),
    path("conversations/<uuid:conversation_id>/", views.ConversationDetail.as_view()),
    path("conversations/<uuid:conversation_id>/messages/", views.ConversationMessages.as_view()),
    path("conversations/<uuid:conversation_id>/handoff/", views.ConversationHandoff.as_view()),
    path("conversations/<uuid:conversation_id>/return/", views.ConversationReturn.as_view()),
]
