"""Everything in this app that writes or causes."""

from chatsphere.apps.users.actions.accounts import Registration, change_profile, register, sign_in
from chatsphere.apps.users.actions.keys import NewKey, create_key, revoke_key, rotate_key
from chatsphere.apps.users.actions.sessions import (
    SessionTokens,
    end_session,
    end_sessions,
    open_session,
    refresh_session,
    sign_out,
)
from chatsphere.apps.users.actions.workspaces import change_workspace, create_workspace

__all__ = [
    "NewKey",
    "Registration",
    "SessionTokens",
    "change_profile",
    "change_workspace",
    "create_key",
    "create_workspace",
    "end_session",
    "end_sessions",
    "open_session",
    "refresh_session",
    "register",
    "revoke_key",
    "rotate_key",
    "sign_in",
    "sign_out",
]
