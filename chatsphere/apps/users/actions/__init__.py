"""Everything in this app that writes or causes."""

from chatsphere.apps.users.actions.accounts import Registration, change_profile, register, register_quietly, sign_in
from chatsphere.apps.users.actions.invitations import accept_invitation, invite, withdraw_invitation
from chatsphere.apps.users.actions.keys import NewKey, create_key, revoke_key, rotate_key
from chatsphere.apps.users.actions.leaving import delete_account, delete_workspace
from chatsphere.apps.users.actions.members import change_role, remove_member, transfer_ownership
from chatsphere.apps.users.actions.passwords import (
    change_password,
    confirm_reset,
    request_reset,
    request_verification,
    verify_email,
)
from chatsphere.apps.users.actions.second_factor import (
    begin_second_factor,
    confirm_second_factor,
    disable_second_factor,
    renew_recovery_codes,
)
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
    "accept_invitation",
    "begin_second_factor",
    "change_password",
    "change_profile",
    "change_role",
    "change_workspace",
    "confirm_reset",
    "confirm_second_factor",
    "create_key",
    "create_workspace",
    "delete_account",
    "delete_workspace",
    "disable_second_factor",
    "end_session",
    "end_sessions",
    "invite",
    "open_session",
    "refresh_session",
    "register",
    "register_quietly",
    "remove_member",
    "renew_recovery_codes",
    "request_reset",
    "request_verification",
    "revoke_key",
    "rotate_key",
    "sign_in",
    "sign_out",
    "transfer_ownership",
    "verify_email",
    "withdraw_invitation",
]
