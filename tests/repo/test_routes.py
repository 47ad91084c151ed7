"""Every route of the OpenAPI document, walked as nobody, as a stranger, and with a key of another chatbot.

Paths are filled with real objects of Alice's. A route with a parameter that FILL does not know, or one that is open to everybody and not
named in PUBLIC, fails the suite: whoever adds one says here what it is.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chatsphere.apps.analytics.models import QuestionCluster
from chatsphere.apps.chatbots.actions import create_chatbot, create_version
from chatsphere.apps.chatbots.identity import create_secret
from chatsphere.apps.conversations.models import Conversation, Message, PrivacyRequest
from chatsphere.apps.evaluation.models import Evaluation, TestQuestion, TestSet
from chatsphere.apps.training.models import ChunkText, Document, QuarantinedChunk, Retraining, Run, TrainingSource
from chatsphere.apps.users.actions import create_key, invite
from chatsphere.apps.users.audit import SYSTEM
from chatsphere.apps.users.models import Plan, Session
from chatsphere.apps.users.scopes import SCOPES
from chatsphere.apps.webhooks.actions import create_endpoint, send_test
from chatsphere.core.documents import document
from chatsphere.core.identifiers import new_id

pytestmark = pytest.mark.django_db(transaction=True)  # async views read through connections of their own
METHODS = ("get", "post", "put", "patch", "delete")
PUBLIC = {
    "get /healthz",
    "get /readyz",
    "get /metrics",  # to whoever METRICS_ALLOWED names
    "post /api/v1/auth/register/",
    "post /api/v1/auth/token/",
    "post /api/v1/auth/token/refresh/",
    "post /api/v1/auth/logout/",
    "post /api/v1/auth/password/reset/",
    "post /api/v1/auth/password/reset/confirm/",
    "post /api/v1/auth/email/verify/",
}
# Routes whose answers do not depend on a chatbot or on what lies below one.
NOT_BELOW_A_CHATBOT = (
    "session_id",
    "workspace_id",
    "key_id",
    "endpoint_id",
    "delivery_id",
    "request_id",
    "external_id",
    "secret_id",
)
# These read the body before they look for the chatbot, which the same query then finds.
READ_FIRST = {"/chat/": {"message": "Hello?"}, "/search/": {"query": "Hello?"}, "/edit/": {"message": "Hello?"}}


class World:
    """Something of each kind in Alice's workspace."""

    def __init__(self, alice: Any) -> None:
        self.alice = alice
        self.workspace_id = alice.default_workspace_id
        self.chatbot = create_chatbot(workspace_id=self.workspace_id, name="Alice's own")
        self.other_chatbot = create_chatbot(workspace_id=self.workspace_id, name="Another")
        below: dict[str, Any] = {"workspace_id": self.workspace_id, "chatbot": self.chatbot}
        self.version = create_version(workspace_id=self.workspace_id, chatbot_id=self.chatbot.pk)
        self.source = TrainingSource.objects.create(**below, source_type="text", name="secret source")
        self.document = Document.objects.create(**below, source=self.source, title="secret document")
        self.run = Run.objects.create(**below, source=self.source)
        self.retraining = Retraining.objects.create(**below, from_model="hashing:256", to_model="hashing:128")
        self.conversation = Conversation.objects.create(**below)
        self.message = Message.objects.create(
            **below, conversation=self.conversation, role="assistant", content="a secret answer"
        )
        self.chunk = ChunkText.objects.create(
            **below, content_hash=b"secret", text="secret chunk", token_count=2, language="en"
        )
        self.quarantined = QuarantinedChunk.objects.create(
            **below, chunk=self.chunk, pattern="new_role", excerpt="secret chunk"
        )
        self.privacy_request = PrivacyRequest.objects.create(
            workspace_id=self.workspace_id, kind="export", subject_hash=b"secret", state="succeeded", result='"secret"'
        )
        self.test_set = TestSet.objects.create(**below, name="secret test set")
        self.question = TestQuestion.objects.create(
            workspace_id=self.workspace_id, test_set=self.test_set, key=new_id(), question="a secret question?"
        )
        self.evaluation = Evaluation.objects.create(**below, test_set=self.test_set, revision=1, configuration={})
        self.key = create_key(
            workspace_id=self.workspace_id, created_by=alice.pk, name="secret key", scopes=["chatbots:read"]
        ).key
        self.invitation = invite(
            workspace=alice.default_workspace,
            email="secret@example.com",
            role="viewer",
            invited_by=alice.pk,
            actor=SYSTEM,
        ).invitation
        self.identity_secret = create_secret(
            workspace_id=self.workspace_id, chatbot_id=self.chatbot.pk, overlap=timedelta(0), created_by=alice.pk
        ).row
        self.endpoint = create_endpoint(
            workspace_id=self.workspace_id, url="https://example.com/secret", events=["chatbot.created"]
        )
        self.delivery = send_test(workspace_id=self.workspace_id, endpoint_id=self.endpoint.pk)
        self.cluster = QuestionCluster.objects.create(
            **below,
            question="a secret question",
            model="hashing:256",
            centroid=[0.0] * 256,
            first_asked_at=timezone.now(),
            last_asked_at=timezone.now(),
            is_stale=False,
        )
        self.session = Session.objects.create(
            user=alice, current_jti=new_id(), expires_at=timezone.now() + timedelta(days=1)
        )

    def ids(self) -> list[str]:
        """What must never be read by a stranger."""
        objects = [value for value in vars(self).values() if hasattr(value, "pk")]
        return [str(each.pk) for each in objects] + [each.pk.hex for each in objects]

    def rows(self) -> list[dict[str, Any]]:
        """All of it, as it stands in the database now."""
        objects = [value for value in vars(self).values() if hasattr(value, "pk")]
        return [type(each)._default_manager.filter(pk=each.pk).values().get() for each in objects]


FILL = {
    "chatbot_id": lambda world: world.chatbot.pk,
    "number": lambda world: world.version.number,
    "source_id": lambda world: world.source.pk,
    "document_id": lambda world: world.document.pk,
    "retraining_id": lambda world: world.retraining.pk,
    "run_id": lambda world: world.run.pk,
    "conversation_id": lambda world: world.conversation.pk,
    "message_id": lambda world: world.message.pk,
    "quarantine_id": lambda world: world.quarantined.pk,
    "test_set_id": lambda world: world.test_set.pk,
    "question_id": lambda world: world.question.key,
    "cluster_id": lambda world: world.cluster.pk,
    "evaluation_id": lambda world: world.evaluation.pk,
    "key_id": lambda world: world.key.pk,
    "session_id": lambda world: world.session.pk,
    "endpoint_id": lambda world: world.endpoint.pk,
    "delivery_id": lambda world: world.delivery.pk,
    "request_id": lambda world: world.privacy_request.pk,
    "external_id": lambda _world: "ada",
    "secret_id": lambda world: world.identity_secret.pk,
    "workspace_id": lambda world: world.workspace_id,
    "user_id": lambda world: world.alice.pk,
    "invitation_id": lambda world: world.invitation.pk,
    "name": lambda world: world.chatbot.slug,  # of a model of the OpenAI-compatible door
}


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    items = document()["paths"].items()
    return [(method, path, item[method]) for path, item in items for method in METHODS if method in item]


def _is_public(operation: dict[str, Any]) -> bool:
    return {} in operation.get("security", [{}])


def _parameters(path: str) -> list[str]:
    # A visitor's name is no object of Alice's: every workspace means its own one by it.
    return [name for name in re.findall(r"{(\w+)}", path) if name != "external_id"]


def _filled(path: str, world: World) -> str:
    return re.sub(r"{(\w+)}", lambda match: str(FILL[match[1]](world)), path)


def _ask(client: Any, method: str, path: str) -> Any:
    if method == "get":
        return client.get(path)
    body = next((body for end, body in READ_FIRST.items() if path.endswith(end)), {})
    return client.generic(method.upper(), path, json.dumps(body), content_type="application/json")


def _text(answer: Any) -> str:
    return "" if answer.streaming else answer.content.decode()


def _assert_all(outcomes: dict[str, Any], wanted: Any) -> None:
    wrong = {route: outcome for route, outcome in outcomes.items() if not wanted(outcome)}
    assert outcomes
    assert wrong == {}


@pytest.fixture
def world(alice: Any, settings: Any) -> World:
    settings.RATE_LIMITS_ENABLED = False  # refusals are counted by address, too
    Plan.objects.update(chatbots=None)
    return World(alice)


def test_every_parameter_of_a_path_is_known_here() -> None:
    unknown = {
        f"{method} {path}": name
        for method, path, _operation in _operations()
        for name in _parameters(path)
        if name not in FILL
    }

    assert unknown == {}, "say in FILL which object of Alice's belongs here"


def test_only_these_routes_are_open_to_everybody() -> None:
    public = {f"{method} {path}" for method, path, operation in _operations() if _is_public(operation)}

    assert public == PUBLIC


def test_nobody_gets_in_without_a_credential(world: World, api_client: Any) -> None:
    outcomes = {
        f"{method} {path}": _ask(api_client, method, _filled(path, world)).status_code
        for method, path, operation in _operations()
        if not _is_public(operation)
    }

    _assert_all(outcomes, lambda status: status == 401)


def test_nobody_gets_in_with_a_bad_credential(world: World, api_client: Any) -> None:
    api_client.credentials(HTTP_AUTHORIZATION="Bearer cs_sk_0198c0ff_notasecret")
    outcomes = {
        f"{method} {path}": _ask(api_client, method, _filled(path, world)).status_code
        for method, path, operation in _operations()
        if not _is_public(operation)
    }

    _assert_all(outcomes, lambda status: status == 401)


def test_a_stranger_finds_nothing_of_alices(world: World, charlie: Any, client_of: Any) -> None:
    client = client_of(charlie)
    outcomes = {
        f"{method} {path}": _ask(client, method, _filled(path, world)).status_code
        for method, path, _operation in _operations()
        if _parameters(path)
    }

    _assert_all(outcomes, lambda status: status == 404)


def test_a_strangers_lists_show_nothing_of_alices(world: World, charlie: Any, client_of: Any) -> None:
    client = client_of(charlie)
    secrets = [*world.ids(), "secret", world.alice.email]
    outcomes = {}
    for method, path, operation in _operations():
        if method == "get" and not _parameters(path) and not _is_public(operation):
            answer = client.get(path)
            outcomes[path] = (answer.status_code, [secret for secret in secrets if secret in _text(answer)])

    _assert_all(outcomes, lambda outcome: outcome == (200, []))


def test_a_stranger_who_writes_changes_nothing_of_alices(world: World, charlie: Any, client_of: Any) -> None:
    client = client_of(charlie)
    before = world.rows()
    for method, path, operation in _operations():
        if method != "get" and not _is_public(operation):
            assert _ask(client, method, _filled(path, world)).status_code < 500, f"{method} {path}"

    assert world.rows() == before


PEOPLE_ONLY = ("/api/v1/chatbots/{chatbot_id}/identity-secrets/",)  # 403 for every key, before anything is looked for


def test_a_key_of_another_chatbot_finds_nothing_of_this_one(world: World, api_client: Any) -> None:
    key = create_key(
        workspace_id=world.workspace_id,
        created_by=world.alice.pk,
        name="bound",
        scopes=list(SCOPES),
        chatbot_ids=[world.other_chatbot.pk],
    )
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")
    outcomes = {
        f"{method} {path}": _ask(api_client, method, _filled(path, world)).status_code
        for method, path, _operation in _operations()
        if _parameters(path) and not set(_parameters(path)) & set(NOT_BELOW_A_CHATBOT) and path not in PEOPLE_ONLY
    }

    _assert_all(outcomes, lambda status: status == 404)


def test_lists_of_a_bound_key_show_nothing_of_other_chatbots(world: World, api_client: Any) -> None:
    key = create_key(
        workspace_id=world.workspace_id,
        created_by=world.alice.pk,
        name="bound",
        scopes=list(SCOPES),
        chatbot_ids=[world.other_chatbot.pk],
    )
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")
    rows = (world.chatbot, world.source, world.document, world.run, world.conversation, world.message)
    seen = {}
    for method, path, _operation in _operations():
        if method == "get" and not _parameters(path):
            text = _text(api_client.get(path))
            seen[path] = [str(row.pk) for row in rows if str(row.pk) in text]

    _assert_all(seen, lambda ids: ids == [])
