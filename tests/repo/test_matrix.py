"""The authorisation matrix: every route, asked by everybody, answers as the table of docs/permissions.md says.

One request a cell, with an empty body: who may not gets 401, 403 or 404; who may gets past all three. Each kind of caller has objects of
its own, so that what it deletes is missed by nobody. The answer's content is looked at by ``test_routes``.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient, override_settings
from django.utils import timezone

from chatsphere.apps.conversations.models import Message, Trace
from chatsphere.apps.users.actions import create_key, open_session
from chatsphere.apps.users.models import APIKey, Membership, Plan, Session, User, Workspace
from chatsphere.apps.users.scopes import SCOPES
from chatsphere.core.async_database import close_pool
from chatsphere.core.identifiers import new_id
from chatsphere.core.principal import ROLE_RANK
from chatsphere.core.redis_clients import close_async_client
from tests.repo.test_routes import FILL, READ_FIRST, World, _operations, _parameters

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
EVERYBODY = "everybody"
NO_KEY = "no key"
BELOW_A_CHATBOT = {
    *("chatbot_id", "source_id", "document_id", "run_id", "retraining_id", "conversation_id", "message_id", "name"),
    *("quarantine_id", "test_set_id", "question_id", "cluster_id", "evaluation_id", "secret_id", "request_id"),
}
# A credential that is bad is not looked at here: probes come from machines that have none.
PROBES = ("/healthz", "/readyz", "/metrics")
# The last ones of a caller: what comes after them would find nothing.
FAREWELLS = ("DELETE /api/v1/chatbots/{chatbot_id}/", "DELETE /api/v1/workspaces/{workspace_id}/")
# These show what comes of two objects, and there is one of each kind here: "nothing to compare with" is a way in.
LACKING = ("GET /api/v1/evaluations/{evaluation_id}/comparison/",)
OBJECTS = FILL | {"user_id": lambda world: world.colleague.pk}
Wanted = int | bool  # a status, or True for "gets in"


@dataclass(frozen=True)
class Route:
    """A row of the table: who may ask. A key needs one of the scopes."""

    method: str
    path: str
    role: str
    scopes: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_public(self) -> bool:
        return self.role == EVERYBODY

    @property
    def is_below_a_chatbot(self) -> bool:
        return bool(BELOW_A_CHATBOT & set(_parameters(self.path)))


@dataclass
class Actor:
    """A caller: whose objects it asks for, what it carries, and what each route shall answer."""

    name: str
    world: World
    credential: Callable[[Route], str | None]
    wanted: Callable[[Route], Wanted]
    outcomes: dict[str, int] = field(default_factory=dict)


def routes_of_the_page() -> dict[str, Route]:
    """The table of docs/permissions.md: route, least role of a person, scope of a key."""
    lines = re.findall(r"^\| `([A-Z]+) (/\S*)` \| ([a-z]+) \| ([a-z:` ]+) \|$", PAGE.read_text(), re.MULTILINE)
    return {
        f"{method} {path}": Route(method, path, role, tuple(scopes.replace("`", "").split(" or ")))
        for method, path, role, scopes in lines
    }


def routes_of_the_code() -> list[str]:
    return [f"{method.upper()} {path}" for method, path, _operation in _operations()]


def test_every_route_has_a_line_on_the_page_and_every_line_a_route() -> None:
    documented, existing = set(routes_of_the_page()), set(routes_of_the_code())

    lacking = [f"| `{name}` | <least role> | `<scope of keys>` |" for name in sorted(existing - documented)]
    assert lacking == [], "add these lines to the table of routes in docs/permissions.md"
    assert sorted(documented - existing) == [], "these routes are gone: take their lines out of docs/permissions.md"


def test_scopes_and_roles_of_the_table_exist() -> None:
    for route in routes_of_the_page().values():
        assert route.role in (EVERYBODY, *ROLE_RANK), route.name
        assert set(route.scopes) <= {EVERYBODY, NO_KEY, *SCOPES}, route.name


@pytest.mark.timeout(600)
def test_every_route_answers_every_caller_as_the_page_says(charlie: Any, settings: Any) -> None:
    settings.RATE_LIMITS_ENABLED = False
    Plan.objects.update(chatbots=None)
    routes = sorted(routes_of_the_page().values(), key=_late)
    actors = list(_actors(charlie))

    asyncio.run(_walk(actors, routes))

    wrong = [
        f"{actor.name}: {route.name} gave {actor.outcomes[route.name]}, not {actor.wanted(route)}"
        for actor in actors
        for route in routes
        if not _is_right(actor.outcomes[route.name], actor.wanted(route))
        and not (route.name in LACKING and actor.outcomes[route.name] == 404)
    ]
    print(f"\n{len(routes)} routes x {len(actors)} callers = {len(routes) * len(actors)} cells")
    assert not wrong, "\n".join(wrong[:60])


def _late(route: Route) -> tuple[int, int, int]:
    """Reading first, then changing, then deleting, from the leaves to the root."""
    order = {"GET": 0, "DELETE": 2}.get(route.method, 1)
    farewell = FAREWELLS.index(route.name) + 1 if route.name in FAREWELLS else 0
    return (farewell, order, -route.path.count("/"))


def _is_right(status: int, wanted: Wanted) -> bool:
    if wanted is True:
        return status < 500 and status not in (401, 403, 404, 405)
    return status == wanted


async def _walk(actors: list[Actor], routes: list[Route]) -> None:
    try:
        for actor in actors:
            for route in routes:
                actor.outcomes[route.name] = await _ask(AsyncClient(), actor, route)
    finally:
        await close_async_client()
        await close_pool()
        await sync_to_async(connections.close_all)()


async def _ask(client: AsyncClient, actor: Actor, route: Route) -> int:
    path = re.sub(r"{(\w+)}", lambda match: str(OBJECTS[match[1]](actor.world)), route.path)
    refused_late = {} if actor.wanted(route) is True else READ_FIRST
    body = next((body for end, body in refused_late.items() if path.endswith(end)), {})
    token = actor.credential(route)
    answer: Any = await client.generic(
        route.method,
        path,
        b"" if route.method == "GET" else json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    answer.close()
    status: int = answer.status_code
    return status


# --- the callers -------------------------------------------------------------------------------------------------------


def _actors(charlie: Any) -> Iterator[Actor]:
    """Who asks, and what they shall be told. Who gets in has a workspace of its own, so that it disturbs nobody."""
    yield from _strangers(_world(), charlie)
    yield from (_person_with(role) for role in ROLE_RANK)
    yield from _bad_keys(_world())
    yield from _good_keys()


def _strangers(world: World, charlie: Any) -> Iterator[Actor]:
    yield Actor("nobody", world, _always(None), lambda route: route.is_public or 401)
    yield Actor("bad token", world, _always("not.a.token"), _refused)
    yield Actor("expired token", world, _always(_expired_access(world.alice)), _refused)
    yield Actor("ended session", world, _always(_ended_access(world.alice)), _refused)
    yield Actor("other tenant", world, _always(open_session(user=charlie).access), _outside)
    yield Actor("suspended person", world, _always(_suspended_access(world)), _refused)
    yield Actor("suspended workspace", world, _always(_access_to_suspended()), lambda route: _is_probe(route) or 403)


def _person_with(role: str) -> Actor:
    world = _world()
    person = world.alice if role == "owner" else _member(world, role)
    world.session = _session(person)
    return Actor(
        role,
        world,
        _always(open_session(user=person).access),
        lambda route: route.is_public or ROLE_RANK[role] >= ROLE_RANK[route.role] or 403,
    )


def _bad_keys(world: World) -> Iterator[Actor]:
    expired, revoked = _key(world, list(SCOPES)), _key(world, list(SCOPES))
    APIKey.objects.filter(pk=expired.key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    APIKey.objects.filter(pk=revoked.key.pk).update(revoked_at=timezone.now())
    yield Actor("expired key", world, _always(expired.secret), _refused)
    yield Actor("revoked key", world, _always(revoked.secret), _refused)


def _good_keys() -> Iterator[Actor]:
    world = _world()
    wanted = {route.scopes for route in routes_of_the_page().values()}
    lacking = {scopes: _key(world, [name for name in SCOPES if name not in scopes]).secret for scopes in wanted}
    yield Actor(
        "key without the scope",
        world,
        lambda route: lacking[route.scopes],
        lambda route: route.is_public or 403,
    )
    world = _world()
    yield _key_with_only("the first of the scopes", world, 0)
    yield _key_with_only("the last of the scopes", _world(), -1)
    yield _bound_key(_world(), "key of another chatbot", list(SCOPES), kind="secret")
    yield _bound_key(_world(), "publishable key of another chatbot", ["chat"], kind="publishable")
    world = _world()
    own = _key(world, ["chat"], kind="publishable", chatbot_ids=[world.chatbot.pk])
    yield Actor("publishable key", world, _always(own.secret), _of_a_page)


def _key_with_only(name: str, world: World, place: int) -> Actor:
    having = {scope: _key(world, [scope]).secret for scope in SCOPES}
    return Actor(
        f"key with only {name}",
        world,
        lambda route: having.get(route.scopes[place], having["chat"]),
        lambda route: 403 if NO_KEY in route.scopes else True,
    )


def _bound_key(world: World, name: str, scopes: list[str], *, kind: str) -> Actor:
    """A key that is bound to the other one of the two chatbots."""
    key = _key(world, scopes, kind=kind, chatbot_ids=[world.other_chatbot.pk])

    def wanted(route: Route) -> Wanted:
        if not route.is_public and (not set(route.scopes) & set(scopes) or _is_for_the_whole_workspace(route)):
            return 403
        return 404 if route.is_below_a_chatbot else True

    return Actor(name, world, _always(key.secret), wanted)


def _is_for_the_whole_workspace(route: Route) -> bool:
    return route.scopes[0].startswith("webhooks:") or route.name == "POST /api/v1/chatbots/"


def _always(token: str | None) -> Callable[[Route], str | None]:
    return lambda route: token


def _is_probe(route: Route) -> bool:
    return route.path in PROBES


def _refused(route: Route) -> Wanted:
    return _is_probe(route) or 401


def _outside(route: Route) -> Wanted:
    return True if route.is_public or not _parameters(route.path) else 404


def _of_a_page(route: Route) -> Wanted:
    """Conversations that no page began do not exist for pages."""
    if route.is_public:
        return True
    if "chat" not in route.scopes:
        return 403
    return 404 if {"message_id", "conversation_id"} & set(_parameters(route.path)) else True


# --- what they have ----------------------------------------------------------------------------------------------------


def _world() -> World:
    """A workspace with something of each kind in it, and a colleague whom one can do without."""
    world = World(_person("owner"))
    below: dict[str, Any] = {"workspace_id": world.workspace_id, "chatbot": world.chatbot}
    question = Message.objects.create(**below, conversation=world.conversation, role="user", content="A question?")
    world.message = Message.objects.create(
        **below, conversation=world.conversation, role="assistant", content="An answer.", parent=question
    )
    Trace.objects.create(workspace_id=world.workspace_id, message=world.message, data={})
    world.session = _session(world.alice)
    world.colleague = _member(world, "viewer")
    return world


def _person(name: str) -> User:
    unique = f"{name}-{new_id().hex[-8:]}"
    person: User = User.objects.create_user(username=unique, email=f"{unique}@example.com", password="Walks-42-all")
    return person


def _member(world: World, role: str) -> User:
    person = _person(role)
    Membership.objects.create(workspace_id=world.workspace_id, user=person, role=role)
    person.default_workspace_id = world.workspace_id
    person.save(update_fields=["default_workspace"])
    return person


def _session(person: Any) -> Session:
    return Session.objects.create(user=person, current_jti=new_id(), expires_at=timezone.now() + timedelta(days=1))


def _expired_access(person: Any) -> str:
    with override_settings(ACCESS_TOKEN_LIFETIME=timedelta(seconds=-60)):
        return str(open_session(user=person).access)


def _ended_access(person: Any) -> str:
    before = set(Session.objects.values_list("pk", flat=True))
    access = open_session(user=person).access
    Session.objects.exclude(pk__in=before).update(ended_at=timezone.now())
    return str(access)


def _suspended_access(world: World) -> str:
    person = _member(world, "editor")
    access = open_session(user=person).access
    User.objects.filter(pk=person.pk).update(is_active=False)
    return str(access)


def _access_to_suspended() -> str:
    person = _person("suspended")
    access = open_session(user=person).access
    Workspace.objects.filter(pk=person.default_workspace_id).update(is_suspended=True)
    return str(access)


def _key(world: World, scopes: list[str], **options: Any) -> Any:
    return create_key(
        workspace_id=world.workspace_id, created_by=world.alice.pk, name="walker", scopes=scopes, **options
    )
