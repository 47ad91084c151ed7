"""For customers: refuses to start with a missing, short or well-known secret, a wildcard host or debug pages."""

from chatsphere.config.settings.base import *  # noqa: F403
from chatsphere.config.settings.base import ALLOWED_HOSTS, ENCRYPTION_KEYS, JWT_SIGNING_KEY, SECRET_KEY, env
from chatsphere.config.strictness import refuse_weak_settings

DEBUG = env.boolean("DEBUG", False, help="Django's debug pages; refused in production.")
refuse_weak_settings(
    env,
    secret_key=SECRET_KEY,
    jwt_signing_key=JWT_SIGNING_KEY,
    encryption_keys=ENCRYPTION_KEYS,
    allowed_hosts=ALLOWED_HOSTS,
    debug=DEBUG,
)

env.check()
