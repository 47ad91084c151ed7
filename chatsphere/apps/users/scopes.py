"""The words that say what an API key may do. ``docs/permissions.md`` shows this table; a test compares them."""

from __future__ import annotations

SCOPES: dict[str, str] = {
    "chatbots:read": "See chatbots, their configuration and versions.",
    "chatbots:write": "Make, change, publish and delete chatbots.",
    "sources:read": "See training sources, documents, chunks and runs.",
    "sources:write": "Add, change, sync and delete training sources.",
    "chat": "Ask a chatbot, search its knowledge, rate an answer; read a conversation by its id as its visitor sees it, follow it, ask for a person in it.",
    "conversations:read": "Read conversations, messages and traces.",
    "conversations:write": "Delete conversations, hand over to a person and back.",
    "evaluations:read": "See test sets, evaluations and the publish gate.",
    "evaluations:write": "Make and change test sets, evaluate, set the publish gate.",
    "analytics:read": "Read reports and usage.",
    "webhooks:read": "See webhook endpoints and deliveries.",
    "webhooks:write": "Make, change, test and delete webhook endpoints, send deliveries again.",
    "privacy:write": "Export and erase what is stored about a visitor.",
    "users:read": "See the members of the workspace.",
}
PUBLISHABLE_SCOPES = frozenset({"chat"})

# What a person may do, by the least role that may do it; owners may do all of it. The example is a request that the test makes as each role.
RIGHTS: tuple[tuple[str, str, str, str], ...] = (
    ("See everything in the workspace, ask chatbots, search", "viewer", "GET", "/api/v1/chatbots/"),
    ("Make, change, publish and delete chatbots", "editor", "POST", "/api/v1/chatbots/"),
    ("Read the names and roles of all members", "viewer", "GET", "/api/v1/workspaces/{workspace}/members/"),
    ("See quotas and what is used of them", "viewer", "GET", "/api/v1/workspaces/{workspace}/usage/"),
    ("Make, rotate and revoke API keys", "admin", "GET", "/api/v1/api-keys/"),
    ("Change the workspace's name, time zone and budgets", "admin", "PATCH", "/api/v1/workspaces/{workspace}/"),
    ("Invite people, withdraw invitations", "admin", "GET", "/api/v1/workspaces/{workspace}/invitations/"),
    ("Give members other roles, remove members", "admin", "PATCH", "/api/v1/workspaces/{workspace}/members/{member}/"),
    ("Read the audit trail", "admin", "GET", "/api/v1/workspaces/{workspace}/audit-events/"),
    ("Hand the workspace over to another owner", "owner", "POST", "/api/v1/workspaces/{workspace}/transfer/"),
    ("Delete the workspace", "owner", "DELETE", "/api/v1/workspaces/{workspace}/"),
)
