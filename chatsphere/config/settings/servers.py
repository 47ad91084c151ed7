"""PostgreSQL, Redis and Qdrant: addresses, pools, time-outs, and what Django makes of them."""

from __future__ import annotations

from typing import Any

from chatsphere.config.settings.variables import env
from chatsphere.core import connections

DATABASE_URL = env.url(
    "DATABASE_URL",
    "postgresql://chatsphere@localhost/chatsphere",
    ("postgresql", "postgres"),
    help="PostgreSQL 15 or newer with pgvector 0.8 or newer. Unset, `chatsphere up` starts its own.",
    secret=True,
)
REDIS_URL = env.url(
    "REDIS_URL",
    "redis://localhost:6379/0",
    ("redis", "rediss", "unix", "sentinel"),
    help="Redis 6.2 or newer (or Valkey). Unset, `chatsphere up` starts its own. With sentinels: `sentinel://user:password@one:26379,two:26379,three:26379/0?service=mymaster`.",
    secret=True,
    readers=(connections.sentinels,),
)
CACHE_REDIS_URL = env.url(
    "CACHE_REDIS_URL",
    "",
    ("redis", "rediss", "unix", "sentinel", *connections.CLUSTER_SCHEMES),
    help="Another Redis for the cache and limits, which may be a Redis Cluster: `redis+cluster://user:password@one:6379,two:6379` (`rediss+cluster://` with TLS). Empty: that of REDIS_URL.",
    secret=True,
    readers=(connections.sentinels, connections.cluster),
)
DATABASE_DIRECT_URL = env.url(
    "DATABASE_DIRECT_URL",
    "",
    ("postgresql", "postgres"),
    help="The database itself, where DATABASE_URL is a pooler in transaction mode (PgBouncer): for migrations, backups and locks that a session holds. Setting it says that there is one.",
    secret=True,
)
DATABASE_REPLICA_URL = env.url(
    "DATABASE_REPLICA_URL",
    "",
    ("postgresql", "postgres"),
    help="A streaming replica, for reads of people who cannot tell the difference; empty: none.",
    secret=True,
)
DATABASE_POOL_SIZE = env.integer(
    "DATABASE_POOL_SIZE", 8, low=1, high=200, help="Connections a process keeps at most for the ORM."
)
SEARCH_POOL_SIZE = env.integer(
    "SEARCH_POOL_SIZE", 8, low=1, high=200, help="Connections a web process keeps at most for chat and search."
)
STATEMENT_TIMEOUT_MS = env.integer(
    "STATEMENT_TIMEOUT_MS",
    30_000,
    low=100,
    help="A statement that runs longer is cancelled by PostgreSQL, in milliseconds.",
)
WORKER_STATEMENT_TIMEOUT_MS = env.integer(
    "WORKER_STATEMENT_TIMEOUT_MS", 120_000, low=100, help="The same for workers, in milliseconds."
)
LOCK_TIMEOUT_MS = env.integer(
    "LOCK_TIMEOUT_MS",
    20_000,
    low=0,
    help="A statement that waits longer for a lock is cancelled, in milliseconds; 0 waits on.",
)
MIGRATION_STATEMENT_TIMEOUT_MS = env.integer(
    "MIGRATION_STATEMENT_TIMEOUT_MS", 1_800_000, low=1000, help="The longest statement of a migration, in milliseconds."
)
MIGRATION_LOCK_TIMEOUT_MS = env.integer(
    "MIGRATION_LOCK_TIMEOUT_MS",
    3_000,
    low=100,
    help="How long a migration, and every request behind it, waits for a table; then it lets them pass and tries again.",
)
SEARCH_TIMEOUT_MS = env.integer("SEARCH_TIMEOUT_MS", 10_000, low=100, help="The same for chat and search.")
VECTOR_STORE = env.text(
    "VECTOR_STORE",
    "pgvector",
    help="Which engine finds chunks: `pgvector` (PostgreSQL alone) or `qdrant` (Qdrant names candidates, PostgreSQL decides).",
)
QDRANT_URL = env.url("QDRANT_URL", "", ("http", "https"), help="Where Qdrant is, with its port: `http://qdrant:6333`.")
QDRANT_API_KEY = env.secret("QDRANT_API_KEY", "", help="Key of Qdrant.")
QDRANT_FROM_CHUNKS = env.integer(
    "QDRANT_FROM_CHUNKS",
    1_000,
    low=0,
    help="Chatbots with fewer chunks are searched in PostgreSQL alone, exactly.",
)
QDRANT_SHARDS = env.integer(
    "QDRANT_SHARDS", 1, low=1, high=1_000, help="Shards of each collection that is made in Qdrant."
)
QDRANT_REPLICAS = env.integer("QDRANT_REPLICAS", 1, low=1, high=20, help="Copies of each shard, on as many servers.")

DATABASES: dict[str, dict[str, Any]] = {}
with env.mistakes_of("DATABASE_URL"):
    DATABASES["default"] = connections.database(
        DATABASE_URL,
        pool_size=DATABASE_POOL_SIZE,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        lock_timeout_ms=LOCK_TIMEOUT_MS,
        is_pooled=connections.is_pooled(DATABASE_DIRECT_URL),
    )
if DATABASE_REPLICA_URL:
    with env.mistakes_of("DATABASE_REPLICA_URL"):
        DATABASES["replica"] = connections.database(
            DATABASE_REPLICA_URL,
            pool_size=DATABASE_POOL_SIZE,
            statement_timeout_ms=STATEMENT_TIMEOUT_MS,
            lock_timeout_ms=LOCK_TIMEOUT_MS,
        )
        DATABASES["replica"]["OPTIONS"]["pool"]["timeout"] = 2  # the primary is there
        DATABASE_ROUTERS = ["chatsphere.core.replicas.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "chatsphere.core.cache.ClusterCache"
        if connections.cluster(CACHE_REDIS_URL)
        else "django.core.cache.backends.redis.RedisCache",
        "LOCATION": [CACHE_REDIS_URL or REDIS_URL],
        "OPTIONS": {
            "serializer": "chatsphere.core.cache.JSONSerializer",
            "pool_class": "chatsphere.core.redis_clients.CachePool",
        },
        "KEY_PREFIX": "chatsphere",
    }
}
