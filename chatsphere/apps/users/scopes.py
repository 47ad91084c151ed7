"""The words that say what an API key may do. ``docs/permissions.md`` shows this table; a test compares them."""

from __future__ import annotations

SCOPES: dict[str, str] = {
    "chatbots:read": "See chatbots, their configuration and versions.",
    "chatbots:write": "Make, change, publish and delete chatbots.",
    "sources:read": "See training sources, documents, chunks and runs.",
    "sources:write": "Add, change, sync and delete training sources.",
    "chat": "Ask a chatbot, search its knowledge, rate an answer.",
    "conversations:read": "Read conversations, messages and traces.",
    "conversations:write": "Delete conversations, hand over to a person and back.",
    "analytics:read": "Read reports and usage.",
    "webhooks:read": "See webhook endpoints and deliveries.",
    "webhooks:write": "Make, change, test and delete webhook endpoints, send deliveries again.",
    "users:read": "See the members of the workspace.",
}
PUBLISHABLE_SCOPES = frozenset({"chat"})
