"""What production refuses to start with."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet

from chatsphere.config.env import Environment

KNOWN_EXAMPLES = ("development-only", "changeme", "change-me", "secret", "password", "example", "insecure")
SHORTEST = 32


def refuse_weak_settings(
    env: Environment,
    *,
    secret_key: str,
    jwt_signing_key: str,
    encryption_keys: Sequence[str],
    allowed_hosts: Sequence[str],
    debug: bool,
) -> None:
    """Note a problem on ``env`` for every weak value; ``env.check()`` then raises with all of them."""
    for name, value in (("SECRET_KEY", secret_key), ("JWT_SIGNING_KEY", jwt_signing_key)):
        if len(value) < SHORTEST or value.lower().startswith(KNOWN_EXAMPLES):
            env.problem(name, f"production needs an own random value of at least {SHORTEST} characters")
    if secret_key == jwt_signing_key:
        env.problem("JWT_SIGNING_KEY", "it must differ from SECRET_KEY")
    for key in encryption_keys:
        if not _is_own_fernet_key(key):
            env.problem("ENCRYPTION_KEYS", "production needs own Fernet keys; make one with `chatsphere createkey`")
    if "*" in allowed_hosts:
        env.problem("ALLOWED_HOSTS", "name the hosts instead of *")
    if debug:
        env.problem("DEBUG", "debug pages show secrets; switch them off")


def _is_own_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return key != "ZGV2ZWxvcG1lbnQtb25seS1lbmNyeXB0aW9uLWtleS4="
