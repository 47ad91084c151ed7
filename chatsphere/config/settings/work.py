"""Background work: JSON only, late acknowledgement, one hint at a time; the rows in PostgreSQL are the truth."""

from __future__ import annotations

from chatsphere.config.settings.processes import WORKER_CONCURRENCY
from chatsphere.config.settings.servers import REDIS_URL
from chatsphere.core import connections

CELERY_BROKER_URL = connections.broker(REDIS_URL)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = WORKER_CONCURRENCY
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"chatsphere.apps.training.tasks.run_training": {"queue": "ingest"}}
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TASK_SOFT_TIME_LIMIT = 3540
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7200,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    **connections.broker_options(REDIS_URL),
    "max_retries": 0,  # of a publisher: a request does not wait for Redis, the sweep finds its work
}

CELERY_DB_REUSE_MAX = 1_000_000  # tasks until Celery closes the connection pool; it gives up idle connections by itself
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
