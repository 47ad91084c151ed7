"""Who asks? The same answer for DRF and for async views: two thin shells around pure functions and two named statements.

Every request asks the database, once: a session that ended, a key that was revoked, a person who left and a workspace that was
suspended are known at once on every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from chatsphere.apps.users import tokens, visitor_tokens
from chatsphere.apps.users.named_sql import SQL, execute, fetch_all, fetch_one
from chatsphere.apps.users.tokens import Claims, GivenKey, TokenType
from chatsphere.core.async_database import AsyncRows, autocommit
from chatsphere.core.exceptions import Forbidden, NotFound, Unauthenticated
from chatsphere.core.principal import Principal, PrincipalKind
from chatsphere.core.request_record import note_principal

Row = Mapping[str, Any]
Given = Claims | GivenKey


def authenticate(
    authorization: str | None, *, workspace: str | None = None, visitor_token: str | None = None
) -> Principal | None:
    """Check an ``Authorization`` header; ``workspace`` is the header ``X-Workspace``, ``visitor_token`` is ``X-Visitor-Token``.
    None without a credential.

    Raises Unauthenticated (bad, expired, revoked), NotFound (no member of that workspace), Forbidden (workspace suspended).
    Costs one query, and one write a minute for a key; one query more for a visitor token.
    """
    given, wanted = _read(authorization), _workspace_id(workspace)
    if given is None:
        visitor_tokens.refuse_alone(visitor_token)
        return None
    row = fetch_one(*_lookup(given, wanted))
    principal = _principal(given, row, wanted)
    if isinstance(given, GivenKey) and row and row["is_stale"]:
        execute("touch_key", {"key_id": given.id, "secret_hash": tokens.hash_secret(given.secret)})
    if visitor_token is None:
        return principal
    signed = visitor_tokens.read(visitor_token, principal)
    return visitor_tokens.on_behalf_of(principal, signed, fetch_all("identity_secrets", signed.lookup))


async def authenticate_async(
    authorization: str | None,
    *,
    workspace: str | None = None,
    visitor_token: str | None = None,
    connection: AsyncRows | None = None,
) -> Principal | None:
    """The same on the hot path's pool, or on a connection that the caller holds already: one round trip."""
    given, wanted = _read(authorization), _workspace_id(workspace)
    if given is None:
        visitor_tokens.refuse_alone(visitor_token)
        return None
    if connection is not None:
        return await _authenticate_on(connection, given, wanted, visitor_token)
    async with autocommit() as own:
        return await _authenticate_on(own, given, wanted, visitor_token)


async def is_still_good(principal: Principal) -> bool:
    """Whether a long-lived stream may go on: session, key, membership and workspace are as good as at its start. One round trip."""
    name, parameters = _lookup_again(principal)
    async with autocommit() as own:
        row = await (await own.execute(SQL[name], parameters)).fetchone()
    return row is not None and row["workspace_id"] == principal.workspace_id and not row["is_suspended"]


async def _authenticate_on(
    connection: AsyncRows, given: Given, wanted: UUID | None, visitor_token: str | None
) -> Principal:
    name, parameters = _lookup(given, wanted)
    row = await (await connection.execute(SQL[name], parameters)).fetchone()
    principal = _principal(given, row, wanted)
    if isinstance(given, GivenKey) and row and row["is_stale"]:
        parameters = {"key_id": given.id, "secret_hash": tokens.hash_secret(given.secret)}
        await connection.execute(SQL["touch_key"], parameters)
    if visitor_token is None:
        return principal
    signed = visitor_tokens.read(visitor_token, principal)
    rows = await (await connection.execute(SQL["identity_secrets"], signed.lookup)).fetchall()
    return visitor_tokens.on_behalf_of(principal, signed, rows)


def _read(authorization: str | None) -> Given | None:
    token = tokens.bearer(authorization)
    if token is None:
        return None
    return tokens.read_key(token) or tokens.read(token, TokenType.ACCESS)


def _workspace_id(header: str | None) -> UUID | None:
    if not header:
        return None
    try:
        return UUID(header)
    except ValueError as error:
        raise NotFound(_("The workspace in X-Workspace is not one of yours.")) from error


def _lookup(given: Given, wanted: UUID | None) -> tuple[str, dict[str, Any]]:
    if isinstance(given, GivenKey):
        return "key_by_id", {"key_id": given.id}
    return "person_of_session", {
        "session_id": given.session_id,
        "user_id": given.user_id,
        "workspace_id": wanted,
    }


def _lookup_again(principal: Principal) -> tuple[str, dict[str, Any]]:
    if principal.api_key_id is not None:
        return "key_by_id", {"key_id": principal.api_key_id}
    return "person_of_session", {
        "session_id": principal.session_id,
        "user_id": principal.user_id,
        "workspace_id": principal.workspace_id,
    }


def _principal(given: Given, row: Row | None, wanted: UUID | None) -> Principal:
    principal = (
        _principal_of_key(given, row, wanted) if isinstance(given, GivenKey) else _principal_of_person(row, wanted)
    )
    note_principal(principal)
    return principal


def _principal_of_person(row: Row | None, wanted: UUID | None) -> Principal:
    if row is None:
        raise Unauthenticated(_("This session has ended. Sign in again."), type="session_ended")
    if row["workspace_id"] is None:
        if wanted is not None:
            raise NotFound(_("The workspace in X-Workspace is not one of yours."))
        raise Forbidden(_("You belong to no workspace. Ask for an invitation."), type="no_workspace")
    _refuse_suspended(row)
    return Principal(
        kind=PrincipalKind.PERSON,
        workspace_id=row["workspace_id"],
        role=row["role"],
        user_id=row["user_id"],
        session_id=row["session_id"],
        label=row["label"],
        catalog_version=row["catalog_version"],
        lacks_second_factor=row["lacks_second_factor"],
    )


def _principal_of_key(given: GivenKey, row: Row | None, wanted: UUID | None) -> Principal:
    # A row that is missing costs the same comparison as one whose secret differs.
    stored = bytes(row["secret_hash"]) if row else b""
    if not tokens.is_secret(given.secret, stored) or row is None or row["kind"] != given.kind:
        raise Unauthenticated(_("This API key is not valid, has expired or was revoked."), type="invalid_api_key")
    if wanted not in (None, row["workspace_id"]):
        raise NotFound(_("The workspace in X-Workspace is not the one of this key."))
    _refuse_suspended(row)
    is_secret = row["kind"] == "secret"
    return Principal(
        kind=PrincipalKind.SECRET_KEY if is_secret else PrincipalKind.PUBLISHABLE_KEY,
        workspace_id=row["workspace_id"],
        scopes=frozenset(row["scopes"]),
        chatbot_ids=None if row["all_chatbots"] else frozenset(row["chatbot_ids"]),
        api_key_id=row["api_key_id"],
        label=row["label"],
        catalog_version=row["catalog_version"],
    )


def _refuse_suspended(row: Row) -> None:
    if row["is_suspended"]:
        raise Forbidden(_("This workspace is suspended. Write to the support."), type="workspace_suspended")
