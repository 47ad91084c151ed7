"""Paths of this app."""

from __future__ import annotations

from django.urls import path

from chatsphere.apps.conversations import again, mcp_door, privacy_views, streaming, views, visitor_stream

urlpatterns = [
    path("privacy/visitors/<path:external_id>/export/", privacy_views.ExportVisitor.as_view()),
    path("privacy/visitors/<path:external_id>/erase/", privacy_views.EraseVisitor.as_view()),
    path("privacy/requests/", privacy_views.PrivacyRequestList.as_view()),
    path("privacy/requests/<uuid:request_id>/", privacy_views.PrivacyRequestDetail.as_view()),
    path("privacy/requests/<uuid:request_id>/download/", privacy_views.PrivacyDownload.as_view()),
    path("chatbots/<uuid:chatbot_id>/chat/", streaming.chat),
    path("chatbots/<uuid:chatbot_id>/search/", streaming.find),
    path("chatbots/<uuid:chatbot_id>/mcp/", mcp_door.mcp),
    path("messages/<uuid:message_id>/events/", streaming.events),
    path("messages/<uuid:message_id>/cancel/", streaming.cancel),
    path("messages/<uuid:message_id>/regenerate/", streaming.regenerate),
    path("messages/<uuid:message_id>/edit/", again.edit),
    path("messages/<uuid:message_id>/replay/", again.replay),
    path("messages/<uuid:message_id>/feedback/", views.MessageFeedback.as_view()),
    path("messages/<uuid:message_id>/trace/", views.MessageTrace.as_view()),
    path("conversations/", views.ConversationList.as_view()),
    path("conversations/<uuid:conversation_id>/", views.ConversationDetail.as_view()),
    path("conversations/<uuid:conversation_id>/messages/", views.ConversationMessages.as_view()),
    path("conversations/<uuid:conversation_id>/events/", visitor_stream.events),
    path("conversations/<uuid:conversation_id>/handoff/", views.ConversationHandoff.as_view()),
    path("conversations/<uuid:conversation_id>/return/", views.ConversationReturn.as_view()),
]
