"""The operators' admin shows people, plans and trails, and never a hash."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from chatsphere.apps.users import actions
from chatsphere.apps.users.models import APIKey, AuditEvent, Plan, User, Workspace
from chatsphere.apps.users.quota import current_use
from chatsphere.apps.users.tasks import forget_old_rows, release_expired_quota

pytestmark = pytest.mark.django_db
MODELS = [model for model in admin.site._registry if model._meta.app_label == "users"]


@pytest.fixture
def operator(alice: Any) -> Client:
    root = User.objects.create_superuser(email="root@example.com", password="root-Pass-42")
    actions.create_key(workspace_id=alice.default_workspace.pk, created_by=alice.pk, name="k", scopes=["chat"])
    actions.open_session(user=alice)
    client = Client()
    client.force_login(root)
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_and_page_opens(operator: Client, model: Any) -> None:
    base = f"/admin/users/{model._meta.model_name}/"
    assert operator.get(base).status_code == 200
    row = model._base_manager.first()
    if row is not None:
        assert operator.get(f"{base}{row.pk}/change/").status_code == 200


def test_a_keys_hash_is_not_shown(operator: Client) -> None:
    key = APIKey.objects.get()

    page = operator.get(f"/admin/users/apikey/{key.pk}/change/").content.decode()

    assert "secret_hash" not in page
    assert bytes(key.secret_hash).hex() not in page


def test_the_trail_cannot_be_changed_here(operator: Client) -> None:
    event = AuditEvent.objects.first()
    assert event is not None

    assert operator.post(f"/admin/users/auditevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403


def test_an_operator_suspends_a_workspace(operator: Client, alice: Any, client_of: Any) -> None:
    url = f"/admin/users/workspace/{alice.default_workspace.pk}/change/"
    inlines = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    body = {"name": "A", "plan": "pro", "usage_limit": "", "time_zone": "UTC", "is_suspended": "on", **inlines}

    answer = operator.post(url, {**body, "deleted_at_0": "", "deleted_at_1": ""})

    assert answer.status_code == 302
    assert Workspace.objects.get(pk=alice.default_workspace.pk).plan_id == "pro"
    assert client_of(alice).get("/api/v1/users/me/").status_code == 403


def test_the_tidying_tasks_run_on_an_empty_and_on_a_full_database(operator: Client) -> None:
    release_expired_quota()
    forget_old_rows()

    assert actions.open_session(user=User.objects.get(email="alice@example.com"))


def test_guessing_an_operators_password_is_limited(operator: Client) -> None:
    stranger, url = Client(), "/admin/login/"
    wrong = {"username": "root@example.com", "password": "guess"}

    pages = [stranger.post(url, wrong).content.decode() for _guess in range(12)]

    assert "Please enter the correct" in pages[0]
    assert "Too many" in pages[-1]
    assert "Too many" in stranger.post(url, {**wrong, "password": "root-Pass-42"}).content.decode()


def test_an_operator_signs_in_here(operator: Client) -> None:
    right = {"username": "root@example.com", "password": "root-Pass-42"}

    assert Client().post("/admin/login/?next=/admin/", right).status_code == 302


def test_signing_in_here_is_written_down(operator: Client) -> None:
    for password in ("guess", "root-Pass-42"):
        Client().post("/admin/login/?next=/admin/", {"username": "root@example.com", "password": password})

    lines = AuditEvent.objects.filter(action__startswith="operator.").order_by("occurred_at")
    assert [(line.action, line.actor_label) for line in lines] == [
        ("operator.sign_in_failed", ""),
        ("operator.signed_in", "root@example.com"),
    ]


def test_a_password_that_an_operator_sets_ends_the_persons_sessions(
    operator: Client, alice: Any, client_of: Any
) -> None:
    signed_in, url = client_of(alice), f"/admin/users/user/{alice.pk}/password/"
    body = {"usable_password": "true", "password1": "other-Pass-42", "password2": "mistyped"}

    assert operator.post(url, body).status_code == 200
    assert signed_in.get("/api/v1/users/me/").status_code == 200
    assert operator.post(url, {**body, "password2": "other-Pass-42"}).status_code == 302
    assert signed_in.get("/api/v1/users/me/").status_code == 401
    line = AuditEvent.objects.get(action="password.set_by_operator")
    assert (line.actor_label, line.object_id) == ("root@example.com", str(alice.pk))


def test_an_operator_adds_a_plan_and_edits_it(operator: Client, alice: Any) -> None:
    limits = {"messages_per_month": "7", "tokens_per_month": "", "storage_bytes": "1000", "chatbots": "2"}
    body = {"code": "school", "name": "School", **limits, "messages_per_chatbot_per_day": ""}

    assert operator.post("/admin/users/plan/add/", body).status_code == 302
    Workspace.objects.filter(pk=alice.default_workspace.pk).update(plan_id="school")
    assert {row["metric"]: row["limit"] for row in current_use(alice.default_workspace.pk)} == {
        "messages": 7,
        "tokens": None,
        "storage": 1000,
        "chatbots": 2,
    }
    assert operator.post("/admin/users/plan/school/change/", {**body, "messages_per_month": "8"}).status_code == 302
    assert current_use(alice.default_workspace.pk)[0]["limit"] == 8


def test_a_second_default_plan_and_a_plan_in_use_are_refused_with_a_page(operator: Client) -> None:
    second = operator.post("/admin/users/plan/add/", {"code": "other", "name": "Other", "is_default": "on"})
    gone = operator.post("/admin/users/plan/free/delete/", {"post": "yes"})

    assert (second.status_code, gone.status_code) == (200, 200)
    assert list(Plan.objects.order_by("code").values_list("code", flat=True)) == ["enterprise", "free", "pro"]


def test_new_workspaces_have_the_plan_that_operators_made_the_default_one() -> None:
    assert Workspace.objects.create(name="Before").plan_id == "free"
    Plan.objects.filter(code="free").update(is_default=False)
    Plan.objects.filter(code="pro").update(is_default=True)
    assert Workspace.objects.create(name="After").plan_id == "pro"
    Plan.objects.filter(code="pro").update(is_default=False)
    assert Workspace.objects.create(name="None").plan_id == "free"
