"""Without the cache of reads, and nobody is asked who they are and nothing is counted: what authentication and limits cost is the difference."""

import os
from uuid import UUID

from benchmarks.api_without_cache import *  # noqa: F403
from benchmarks.api_without_cache import REST_FRAMEWORK

RATE_LIMITS_ENABLED = False
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_AUTHENTICATION_CLASSES": ["benchmarks.api_known.Known"]}
BENCH_WORKSPACE = UUID(os.environ.get("BENCH_WORKSPACE", "0" * 32))
BENCH_USER = UUID(os.environ.get("BENCH_USER", "0" * 32))
