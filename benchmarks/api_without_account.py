"""The development settings, but nobody is asked who they are and nothing is counted: what authentication and limits cost is the difference."""

import os
from uuid import UUID

from chatsphere.config.settings.development import *  # noqa: F403
from chatsphere.config.settings.development import REST_FRAMEWORK

RATE_LIMITS_ENABLED = False
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_AUTHENTICATION_CLASSES": ["benchmarks.api_known.Known"]}
BENCH_WORKSPACE = UUID(os.environ.get("BENCH_WORKSPACE", "0" * 32))
BENCH_USER = UUID(os.environ.get("BENCH_USER", "0" * 32))
