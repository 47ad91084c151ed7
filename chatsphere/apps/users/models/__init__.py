"""People, their workspaces, keys, plan, quota, usage ledger and audit trail."""

from chatsphere.apps.users.models.api_key import APIKey, APIKeyChatbot
from chatsphere.apps.users.models.audit import AuditEvent
from chatsphere.apps.users.models.file_key import FileKey
from chatsphere.apps.users.models.flag import Flag
from chatsphere.apps.users.models.invitation import Invitation
from chatsphere.apps.users.models.mail import OutgoingMail
from chatsphere.apps.users.models.second_factor import RecoveryCode, SecondFactor
from chatsphere.apps.users.models.session import AttemptLimit, Session
from chatsphere.apps.users.models.usage import QuotaCounter, QuotaReservation, UsageRecord
from chatsphere.apps.users.models.user import User
from chatsphere.apps.users.models.workspace import Membership, Plan, Role, Workspace

__all__ = [
    "APIKey",
    "APIKeyChatbot",
    "AttemptLimit",
    "AuditEvent",
    "FileKey",
    "Flag",
    "Invitation",
    "Membership",
    "OutgoingMail",
    "Plan",
    "QuotaCounter",
    "QuotaReservation",
    "RecoveryCode",
    "Role",
    "SecondFactor",
    "Session",
    "UsageRecord",
    "User",
    "Workspace",
]
