"""Paths of the OpenAI-compatible door."""

from __future__ import annotations

from django.urls import path

from chatsphere.apps.conversations import openai_door

urlpatterns = [
    path("v1/models", openai_door.models),
    path("v1/models/<str:name>", openai_door.model),
    path("v1/chat/completions", openai_door.completions),
]
