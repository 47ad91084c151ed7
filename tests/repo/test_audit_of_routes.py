"""Every route that changes something leaves a line in the audit trail, or stands here with the reason why it need not.

Whoever adds a route names it in WRITTEN, with a request that works and the action that is then in the trail, or in EXPLAINED.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from chatsphere.apps.users.models import AuditEvent, Membership, Role, User
from tests.repo.test_routes import World, _filled, _operations
from tests.repo.test_routes import world as world

pytestmark = pytest.mark.django_db
Body = dict[str, Any] | Callable[[World], dict[str, Any]]
PASSWORD = "alice-Pass-42"
A, B, S, W = "/api/v1/auth", "/api/v1/chatbots", "/api/v1/sources", "/api/v1/workspaces/{workspace_id}"
T = "/api/v1/test-sets/{test_set_id}"
HOOKS = "/api/v1/webhooks"

WRITTEN: dict[str, tuple[Body, str]] = {
    f"post {A}/token/": ({"email": "alice@example.com", "password": PASSWORD}, "session.opened"),
    f"post {A}/register/": ({"email": "new@example.com", "password": "a-Long-one-42"}, "user.registered"),
    f"delete {A}/sessions/{{session_id}}/": ({}, "session.ended"),
    f"post {A}/password/change/": ({"current_password": PASSWORD, "new_password": "a-Long-one-42"}, "password.changed"),
    f"post {A}/password/reset/": ({"email": "alice@example.com"}, "password.reset_requested"),
    "patch /api/v1/users/me/": ({"name": "Alice A."}, "profile.changed"),
    "post /api/v1/workspaces/": ({"name": "Second"}, "workspace.created"),
    f"patch {W}/": ({"name": "Renamed"}, "workspace.changed"),
    f"post {W}/invitations/": ({"email": "x@example.com", "role": "viewer"}, "invitation.sent"),
    f"delete {W}/invitations/{{invitation_id}}/": ({}, "invitation.withdrawn"),
    f"post {W}/transfer/": (
        lambda _world: {"user": str(User.objects.get(email="mate@example.com").pk)},
        "ownership.transferred",
    ),
    "post /api/v1/privacy/visitors/{external_id}/export/": ({}, "privacy.export_requested"),
    "post /api/v1/privacy/visitors/{external_id}/erase/": ({}, "privacy.erase_requested"),
    "post /api/v1/api-keys/": ({"name": "server", "scopes": ["chat"]}, "api_key.created"),
    "delete /api/v1/api-keys/{key_id}/": ({}, "api_key.revoked"),
    "post /api/v1/api-keys/{key_id}/rotate/": ({}, "api_key.rotated"),
    f"post {B}/": ({"name": "New"}, "chatbot.created"),
    f"patch {B}/{{chatbot_id}}/": ({"name": "Other"}, "chatbot.changed"),
    f"put {B}/{{chatbot_id}}/": ({"name": "Other"}, "chatbot.changed"),
    f"delete {B}/{{chatbot_id}}/": ({}, "chatbot.deleted"),
    f"post {B}/{{chatbot_id}}/versions/": ({}, "chatbot.version_created"),
    f"post {B}/{{chatbot_id}}/versions/{{number}}/publish/": ({}, "chatbot.published"),
    f"post {B}/{{chatbot_id}}/versions/{{number}}/rollback/": ({}, "chatbot.published"),
    f"post {B}/{{chatbot_id}}/identity-secrets/": ({}, "identity_secret.created"),
    f"delete {B}/{{chatbot_id}}/identity-secrets/{{secret_id}}/": ({}, "identity_secret.revoked"),
    f"post {B}/{{chatbot_id}}/sources/": (
        {"source_type": "text", "name": "n", "content": "Some text."},
        "source.added",
    ),
    f"post {B}/{{chatbot_id}}/sources/batch/": (
        {"sources": [{"source_type": "text", "name": "n", "content": "Some text."}]},
        "source.added",
    ),
    f"post {B}/{{chatbot_id}}/sources/batch-delete/": (lambda world: {"ids": [str(world.source.pk)]}, "source.deleted"),
    f"patch {S}/{{source_id}}/": ({"name": "Other"}, "source.changed"),
    f"delete {S}/{{source_id}}/": ({}, "source.deleted"),
    "delete /api/v1/conversations/{conversation_id}/": ({}, "conversation.deleted"),
    "post /api/v1/conversations/{conversation_id}/handoff/": ({}, "conversation.handed_off"),
    f"post {HOOKS}/endpoints/": ({"url": "https://example.com/h", "events": ["*"]}, "webhook.created"),
    f"patch {HOOKS}/endpoints/{{endpoint_id}}/": ({"description": "x"}, "webhook.changed"),
    f"delete {HOOKS}/endpoints/{{endpoint_id}}/": ({}, "webhook.deleted"),
    f"post {HOOKS}/endpoints/{{endpoint_id}}/rotate-secret/": ({}, "webhook.secret_rotated"),
}

OTHER_TEST = "written; its own test looks at the trail"
ASKING = "asks, answers or rates: the conversation itself is the record"
TRAINING = "trains again or stops: nothing is lost, and the runs are the record"
INBOX = "marks a question as seen; it can be opened again"
TESTS = "a tool of the editors: it changes no answer, and what decides on publishing is written with the publishing"
EXPLAINED = {
    f"post {A}/token/refresh/": "goes on with a session whose opening and end are written",
    f"post {A}/logout/": OTHER_TEST,
    f"post {A}/password/reset/confirm/": OTHER_TEST,
    f"post {A}/email/verify/": OTHER_TEST,
    f"post {A}/second-factor/": "begins what is written when it is confirmed",
    f"post {A}/second-factor/confirm/": OTHER_TEST,
    f"post {A}/second-factor/disable/": OTHER_TEST,
    f"post {A}/second-factor/recovery-codes/": OTHER_TEST,
    "post /api/v1/users/me/delete/": OTHER_TEST,
    "post /api/v1/invitations/accept/": OTHER_TEST,
    f"patch {W}/members/{{user_id}}/": OTHER_TEST,
    f"delete {W}/members/{{user_id}}/": OTHER_TEST,
    f"delete {W}/": OTHER_TEST,
    f"post {B}/{{chatbot_id}}/retrain/": OTHER_TEST,
    "post /api/v1/retrainings/{retraining_id}/cancel/": OTHER_TEST,
    f"post {B}/{{chatbot_id}}/mcp/": ASKING,
    "post /api/v1/analytics/questions/{cluster_id}/answer/": "adds a source, whose line says so",
    "post /api/v1/analytics/questions/{cluster_id}/dismiss/": INBOX,
    "post /api/v1/analytics/questions/{cluster_id}/reopen/": INBOX,
    "put /api/v1/analytics/digest/": "a wish for one's own mail",
    "delete /api/v1/analytics/digest/": "a wish for one's own mail",
    "patch /api/v1/quarantine/{quarantine_id}/": "decides on one passage; the row keeps who decided",
    f"post {B}/{{chatbot_id}}/test-sets/": TESTS,
    f"patch {T}/": TESTS,
    f"delete {T}/": TESTS,
    f"post {T}/evaluations/": TESTS,
    f"post {T}/generate/": TESTS,
    f"post {T}/import/": TESTS,
    f"post {T}/questions/": TESTS,
    f"patch {T}/questions/{{question_id}}/": TESTS,
    f"delete {T}/questions/{{question_id}}/": TESTS,
    "post /api/v1/evaluations/{evaluation_id}/cancel/": TESTS,
    "post /api/v1/evaluations/{evaluation_id}/calibration/": TESTS,
    f"post {B}/{{chatbot_id}}/chat/": ASKING,
    f"post {B}/{{chatbot_id}}/search/": ASKING,
    "post /v1/chat/completions": ASKING,
    "post /api/v1/messages/{message_id}/cancel/": ASKING,
    "post /api/v1/messages/{message_id}/regenerate/": ASKING,
    "post /api/v1/messages/{message_id}/feedback/": ASKING,
    "post /api/v1/messages/{message_id}/edit/": ASKING,
    "post /api/v1/messages/{message_id}/replay/": ASKING,
    "post /api/v1/conversations/{conversation_id}/messages/": ASKING,
    f"put {B}/{{chatbot_id}}/publish-gate/": TESTS,
    "post /api/v1/conversations/{conversation_id}/return/": OTHER_TEST,
    f"post {S}/{{source_id}}/sync/": TRAINING,
    f"post {S}/{{source_id}}/cancel/": TRAINING,
    f"post {HOOKS}/endpoints/{{endpoint_id}}/test/": "sends a message without content; the delivery log is the record",
    f"post {HOOKS}/deliveries/{{delivery_id}}/redeliver/": OTHER_TEST,
    f"post {HOOKS}/endpoints/{{endpoint_id}}/redeliver/": OTHER_TEST,
}


def _changing() -> set[str]:
    return {f"{method} {path}" for method, path, _operation in _operations() if method != "get"}


def test_every_changing_route_is_written_down_or_explained() -> None:
    lacking = sorted(_changing() - WRITTEN.keys() - EXPLAINED.keys())

    assert lacking == [], (
        "write an audit line in the action, and name the route in WRITTEN (or say in EXPLAINED why not)"
    )
    assert sorted((WRITTEN.keys() | EXPLAINED.keys()) - _changing()) == [], "these routes are gone"


def test_each_of_them_leaves_its_line_with_who_did_it(world: World, client_of: Any) -> None:
    mate = User.objects.create_user(email="mate@example.com", password=PASSWORD)
    Membership.objects.create(workspace_id=world.workspace_id, user=mate, role=Role.ADMIN)
    client, wrong = client_of(world.alice), {}
    for route, (body, action) in WRITTEN.items():
        method, path = route.split(" ", 1)
        with transaction.atomic():
            given = body(world) if callable(body) else body
            answer = client.generic(
                method.upper(), _filled(path, world), json.dumps(given), content_type="application/json"
            )
            lines = AuditEvent.objects.filter(action=action, request_id=answer["X-Request-Id"])
            found = lines.exclude(actor_kind="system").exists()
            transaction.set_rollback(True)
        if answer.status_code >= 300 or not found:
            wrong[route] = (answer.status_code, found)

    assert wrong == {}
