"""For the test suite: real PostgreSQL and Redis, cheap password hashes."""

from chatsphere.config.settings.base import *  # noqa: F403
from chatsphere.config.settings.base import LOGGING, REST_FRAMEWORK, env

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
EMAIL_VERIFICATION_REQUIRED = False
REST_FRAMEWORK = {**REST_FRAMEWORK, "TEST_REQUEST_DEFAULT_FORMAT": "json"}
FETCH_ALLOW_LOOPBACK = True
CRAWL_DELAY_SECONDS = 0.0
LOG_FORMAT = "text"
LOG_LEVEL = "WARNING"
LOGGING = {**LOGGING, "format": LOG_FORMAT, "level": LOG_LEVEL}

env.check()
