"""Keys that sign and encrypt."""

from __future__ import annotations

from chatsphere.config.settings.variables import env

SECRET_KEY = env.secret(
    "SECRET_KEY", "development-only-secret-key", help="Signs admin sessions and one-time links; at least 32 characters."
)
JWT_SIGNING_KEY = env.secret(
    "JWT_SIGNING_KEY",
    "development-only-jwt-signing-key-32b",
    help="Signs access and refresh tokens (HS256); at least 32 characters, not SECRET_KEY.",
)
ENCRYPTION_KEYS = tuple(
    env.secret(
        "ENCRYPTION_KEYS",
        "ZGV2ZWxvcG1lbnQtb25seS1lbmNyeXB0aW9uLWtleS4=",
        help="Fernet keys for stored secrets, newest first, separated by commas; make one with `chatsphere createkey`.",
    ).split(",")
)

BACKUP_KEY = env.secret(
    "BACKUP_KEY", "", help="Encrypts backups; make one with `chatsphere createkey` and keep it apart from them."
)
