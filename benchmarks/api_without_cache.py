"""The development settings without the cache of reads, so that every answer is made anew."""

from chatsphere.config.settings.development import *  # noqa: F403
from chatsphere.config.settings.development import MIDDLEWARE

MIDDLEWARE = [name for name in MIDDLEWARE if not name.endswith("CachedReadsMiddleware")]
