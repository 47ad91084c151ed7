"""Async views know people and keys exactly as DRF does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from chatsphere.apps.users import actions
from chatsphere.apps.users.credentials import authenticate, authenticate_async, is_still_good
from chatsphere.apps.users.models import APIKey, Session
from chatsphere.core.async_database import close_pool
from chatsphere.core.exceptions import ApiError

pytestmark = pytest.mark.django_db(transaction=True)


def _run(make: Callable[[], Any]) -> Any:
    async def outcome() -> Any:
        try:
            return await make()
        except ApiError as error:
            return error.type
        finally:
            await close_pool()

    return asyncio.run(outcome())


def _sync(*args: Any, **kwargs: Any) -> Any:
    try:
        return authenticate(*args, **kwargs)
    except ApiError as error:
        return error.type


def test_both_doors_give_the_same_answer_in_every_case(alice: Any, bob: Any, charlie: Any) -> None:
    person = f"Bearer {actions.open_session(user=bob).access}"
    ended = actions.open_session(user=bob)
    Session.objects.filter(pk=ended.session_id).update(ended_at=timezone.now())
    workspace = alice.default_workspace
    key = actions.create_key(workspace_id=workspace.pk, created_by=None, name="k", scopes=["chat"])
    dead = actions.create_key(workspace_id=workspace.pk, created_by=None, name="k", scopes=["chat"])
    actions.revoke_key(workspace_id=workspace.pk, key_id=dead.key.pk)
    cases = [
        (None, None),
        ("Bearer nonsense", None),
        ("Basic x", None),
        (person, None),
        (person, str(workspace.pk)),
        (person, str(charlie.default_workspace.pk)),
        (person, "nonsense"),
        (f"Bearer {ended.access}", None),
        (f"Bearer {key.secret}", None),
        (f"Bearer {key.secret}", str(charlie.default_workspace.pk)),
        (f"Bearer {dead.secret}", None),
    ]

    answers = [(_sync(a, workspace=w), _run(lambda a=a, w=w: authenticate_async(a, workspace=w))) for a, w in cases]

    assert all(sync == async_ for sync, async_ in answers)
    kinds = [getattr(sync, "kind", sync) for sync, _async in answers]
    assert kinds == [
        None,
        "unauthenticated",
        "unauthenticated",
        "person",
        "person",
        "not_found",
        "not_found",
        "session_ended",
        "secret_key",
        "not_found",
        "invalid_api_key",
    ]


def test_the_async_door_notes_the_use_of_a_key(alice: Any) -> None:
    key = actions.create_key(workspace_id=alice.default_workspace.pk, created_by=None, name="k", scopes=["chat"])

    _run(lambda: authenticate_async(f"Bearer {key.secret}"))

    assert APIKey.objects.get().last_used_at is not None


def test_a_long_stream_learns_that_its_credential_is_no_longer_good(alice: Any) -> None:
    workspace = alice.default_workspace
    key = actions.create_key(workspace_id=workspace.pk, created_by=None, name="k", scopes=["chat"])
    session = actions.open_session(user=alice)
    by_key = authenticate(f"Bearer {key.secret}")
    by_person = authenticate(f"Bearer {session.access}")
    assert by_key is not None
    assert by_person is not None
    assert _run(lambda: is_still_good(by_key)) is True
    assert _run(lambda: is_still_good(by_person)) is True

    actions.revoke_key(workspace_id=workspace.pk, key_id=key.key.pk)
    actions.sign_out(refresh=session.refresh)

    assert _run(lambda: is_still_good(by_key)) is False
    assert _run(lambda: is_still_good(by_person)) is False


def test_a_long_stream_ends_with_its_workspace(alice: Any) -> None:
    principal = authenticate(f"Bearer {actions.open_session(user=alice).access}")
    assert principal is not None
    workspace = alice.default_workspace
    workspace.is_suspended = True
    workspace.save()

    assert _run(lambda: is_still_good(principal)) is False
