"""What all environments share. Each value comes from the environment through ``env``; nothing here connects to anything."""

from __future__ import annotations

import os
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from celery.schedules import crontab

from chatsphere.config.env import Environment
from chatsphere.core import addresses, connections, origins, price_list, providers, rates

env = Environment(os.environ)
BASE_DIR = Path(__file__).resolve().parents[2]

# Where things are
DATA_DIR = env.path(
    "CHATSPHERE_DATA_DIR", Path(".chatsphere"), help="Folder of the embedded servers, secrets and uploads."
)
MEDIA_ROOT = env.path("MEDIA_ROOT", DATA_DIR / "media", help="Folder of uploaded files when they are stored locally.")
PUBLIC_URL = env.url(
    "PUBLIC_URL",
    "http://localhost:8000",
    ("http", "https"),
    help="Where people reach ChatSphere; https turns on secure cookies and HSTS.",
)
DEBUG = False
ROOT_URLCONF = "chatsphere.config.urls"
ASGI_APPLICATION = "chatsphere.config.asgi.application"
WSGI_APPLICATION = "chatsphere.config.wsgi.application"
ALLOWED_HOSTS = list(
    env.names("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"), help="Host names that requests may carry.")
)
TRUSTED_PROXIES = env.names(
    "TRUSTED_PROXIES",
    (),
    help="Addresses or networks of reverse proxies whose X-Forwarded-For and -Proto are believed.",
)
for text in addresses.bad_networks(TRUSTED_PROXIES):
    env.problem("TRUSTED_PROXIES", f"{text!r} is neither an address nor a network")
CORS_ALLOWED_ORIGINS = env.names(
    "CORS_ALLOWED_ORIGINS", (), help="Origins of your web console; chatbots have their own allowed_origins."
)
for text in origins.bad_origins(CORS_ALLOWED_ORIGINS):
    env.problem("CORS_ALLOWED_ORIGINS", f"{text!r} is no origin; write https://console.example.com")

CONSOLE_URL = env.url(
    "CONSOLE_URL", PUBLIC_URL, ("http", "https"), help="Where your web console lives; links in mails lead there."
).rstrip("/")

# Mail
EMAIL_HOST = env.text("EMAIL_HOST", "", help="SMTP server; without one mails are written to the log.")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, low=1, high=65_535, help="Port of the SMTP server.")
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "", help="Name at the SMTP server.")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD", "", help="Password at the SMTP server.")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", True, help="STARTTLS with the SMTP server.")
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "chatsphere@localhost", help="Sender of mails.")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_TIMEOUT = 10
EMAIL_VERIFICATION_REQUIRED = env.boolean(
    "EMAIL_VERIFICATION_REQUIRED", bool(EMAIL_HOST), help="People must prove their address before they sign in."
)
PASSWORD_RESET_TIMEOUT = 3600

# Secrets
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

BREACHED_PASSWORDS_URL = env.url(
    "BREACHED_PASSWORDS_URL",
    "",
    ("https", "http"),
    help="Asked for ranges of stolen passwords (k-anonymity), such as https://api.pwnedpasswords.com/range; empty asks nobody.",
)
UPLOAD_STORAGE = env.url(
    "UPLOAD_STORAGE",
    "",
    ("s3",),
    help="Where uploads lie: empty for MEDIA_ROOT, or `s3://bucket/folder?endpoint=https://…&region=…&addressing=path` for S3 and what speaks like it (the extra `s3`).",
)
S3_ACCESS_KEY = env.text("S3_ACCESS_KEY", "", help="Access key there; without one the SDK looks where it always does.")
S3_SECRET_KEY = env.secret("S3_SECRET_KEY", "", help="Its secret.")
UPLOAD_ENCRYPTION = env.boolean(
    "UPLOAD_ENCRYPTION",
    False,
    help="Store uploads encrypted, under a key of each workspace; earlier ones stay as they are.",
)

# Servers
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
)
CACHE_REDIS_URL = env.url(
    "CACHE_REDIS_URL",
    "",
    ("redis", "rediss", "unix", "sentinel", *connections.CLUSTER_SCHEMES),
    help="Another Redis for the cache and limits, which may be a Redis Cluster: `redis+cluster://user:password@one:6379,two:6379` (`rediss+cluster://` with TLS). Empty: that of REDIS_URL.",
    secret=True,
)
DATABASE_DIRECT_URL = env.url(
    "DATABASE_DIRECT_URL",
    "",
    ("postgresql", "postgres"),
    help="The database itself, where DATABASE_URL is a pooler in transaction mode (PgBouncer): for migrations, backups and locks that a session holds. Setting it says that there is one.",
    secret=True,
)
try:
    connections.sentinels(REDIS_URL)
except ValueError as error:
    env.problem("REDIS_URL", str(error))
    REDIS_URL = "redis://localhost:6379/0"
try:
    connections.sentinels(CACHE_REDIS_URL)
    connections.cluster(CACHE_REDIS_URL)
except ValueError as error:
    env.problem("CACHE_REDIS_URL", str(error))
    CACHE_REDIS_URL = ""
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
WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", 1, low=1, high=128, help="Web processes.")
WEB_DRAIN_SECONDS = env.integer(
    "WEB_DRAIN_SECONDS",
    0,
    high=300,
    help="How long a web process that is asked to stop goes on serving while `/readyz` says 503, so that a load balancer leaves it out first; above the time that its health checks need.",
)
WEB_GRACE_SECONDS = env.integer(
    "WEB_GRACE_SECONDS",
    10,
    low=1,
    high=900,
    help="How long a web process that stops lets answers in the making finish; those that take longer are ended with `interrupted` and what they have said is stored. What stops the process must wait for WEB_DRAIN_SECONDS + WEB_GRACE_SECONDS + 10 before it kills.",
)
WORKER_CONCURRENCY = env.integer(
    "WORKER_CONCURRENCY", 2, low=1, high=128, help="Worker processes that train; one more does everything else."
)

# Models
CHAT_MODEL = env.text(
    "CHAT_MODEL",
    "extractive",
    help="`extractive` (quotes the sources, needs no model), `openai:<model>`, or several with commas: when one fails before its first word, the next answers.",
)
EMBEDDING_MODEL = env.text(
    "EMBEDDING_MODEL",
    "local:all-minilm-l6-v2-int8",
    help="`local:all-minilm-l6-v2-int8`, `local:multilingual-e5-small-q4` (with the extra `multilingual`), `openai:<model>` or `hashing:256`.",
)
EMBEDDING_DIMENSIONS = env.integer(
    "EMBEDDING_DIMENSIONS",
    0,
    low=0,
    high=4000,
    help="Dimensions to ask an OpenAI-compatible embedding model for; 0 takes the model's own.",
)
EMBEDDER_SOCKET = env.text(
    "EMBEDDER_SOCKET", "", help="Unix socket of the local embedder process; set by `chatsphere up`."
)
OPENAI_API_KEY = env.secret("OPENAI_API_KEY", "", help="Key of the model provider.")
OPENAI_BASE_URL = env.url(
    "OPENAI_BASE_URL",
    "https://api.openai.com/v1",
    ("http", "https"),
    help="Base URL of any OpenAI-compatible provider or local server.",
)
OCR_LANGUAGES = env.text(
    "OCR_LANGUAGES",
    "eng",
    help="Languages of pictures and scanned pages by Tesseract's names, as in `eng+deu`; read where Tesseract is installed. Empty: off.",
)
RERANKER = env.text(
    "RERANKER",
    "",
    help="Orders the best hits again: `rerank:<model>` (the `/rerank` of Cohere, Jina, vLLM, LiteLLM …) or `tei:` (Text Embeddings Inference). Empty: off.",
)
RERANKER_BASE_URL = env.url(
    "RERANKER_BASE_URL", "", ("http", "https"), help="Where the reranker is, without `/rerank`."
)
RERANKER_API_KEY = env.secret("RERANKER_API_KEY", "", help="Key of the reranker.")
RERANKER_TIMEOUT = env.number(
    "RERANKER_TIMEOUT",
    2.0,
    low=0.05,
    high=30,
    help="Seconds that a question waits for the reranker; then the order stays as it was.",
)
MODEL_CONNECT_TIMEOUT = env.number("MODEL_CONNECT_TIMEOUT", 5.0, low=0.1, help="Seconds to reach the model provider.")
MODEL_FIRST_TOKEN_TIMEOUT = env.number(
    "MODEL_FIRST_TOKEN_TIMEOUT", 30.0, low=0.1, help="Seconds to the first token of an answer."
)
MODEL_IDLE_TIMEOUT = env.number("MODEL_IDLE_TIMEOUT", 30.0, low=0.1, help="Seconds between tokens.")
MODEL_TOTAL_TIMEOUT = env.number("MODEL_TOTAL_TIMEOUT", 300.0, low=1, help="Seconds for a whole answer.")
MODEL_PROVIDERS = env.secret(
    "MODEL_PROVIDERS",
    "",
    help='Further OpenAI-compatible providers as JSON: {"backup": {"base_url": "https://models.example.com/v1", "api_key": "…"}}; their models are called `backup:<model>`.',
)
for text in providers.problems(MODEL_PROVIDERS):
    env.problem("MODEL_PROVIDERS", text)
MODEL_PRICES = env.text(
    "MODEL_PRICES",
    "{}",
    help='Prices as JSON, micro-units a million tokens: {"openai:gpt-4.1-mini": {"prompt": 400000, "completion": 1600000, "currency": "USD"}, "openai:text-embedding-3-small": {"embedding": 20000}}.',
)
for text in price_list.problems(MODEL_PRICES):
    env.problem("MODEL_PRICES", text)
MODEL_TEMPERATURE = env.number(
    "MODEL_TEMPERATURE", 0.2, low=0, high=2, help="Temperature of answers, where a chatbot sets none."
)
MODEL_MAX_OUTPUT_TOKENS = env.integer(
    "MODEL_MAX_OUTPUT_TOKENS", 800, low=16, high=16_384, help="Longest answer in tokens, where a chatbot sets none."
)

# Limits
MAX_JSON_BYTES = env.integer("MAX_JSON_BYTES", 1024 * 1024, low=1024, help="Largest JSON body.")
MAX_UPLOAD_BYTES = env.integer(
    "MAX_UPLOAD_BYTES",
    100 * 1000 * 1000,
    low=1024,
    high=2_000_000_000,
    help="Largest uploaded file; above 104,857,600 PDF, plain text and Markdown alone, which are read in parts.",
)
MAX_UPLOAD_FILES = env.integer("MAX_UPLOAD_FILES", 20, low=1, high=100, help="Files a request.")
ACCESS_TOKEN_LIFETIME = timedelta(
    seconds=env.integer("ACCESS_TOKEN_SECONDS", 300, low=10, high=900, help="Life of an access token.")
)
REFRESH_TOKEN_LIFETIME = timedelta(
    days=env.integer("REFRESH_TOKEN_DAYS", 30, low=1, high=365, help="Life of a session without use.")
)
RATE_LIMITS_ENABLED = env.boolean("RATE_LIMITS_ENABLED", True, help="Switch for load tests; leave it on.")
RATE_LIMITS = env.names(
    "RATE_LIMITS", (), help="Own limits, requests by seconds: `default=600/60,ask=120/60`; see docs/permissions.md."
)
for text in rates.problems(RATE_LIMITS):
    env.problem("RATE_LIMITS", f"{text!r} is no limit; write name=requests/seconds")
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_JSON_BYTES
DATA_UPLOAD_MAX_NUMBER_FILES = MAX_UPLOAD_FILES
FETCH_ALLOW_LOOPBACK = env.boolean(
    "FETCH_ALLOW_LOOPBACK", False, help="Tests only: lets the crawler and webhooks reach this machine."
)
CRAWL_DELAY_SECONDS = env.number(
    "CRAWL_DELAY_SECONDS",
    1.0,
    high=60.0,
    help="Least seconds between two requests to a web site that is read; its robots.txt may ask for more.",
)

# Logs
LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), help="Least severe message that is logged."
)
LOG_FORMAT = env.choice("LOG_FORMAT", "json", ("json", "text"), help="JSON lines or text for people.")
SLOW_QUERY_MS = env.integer(
    "SLOW_QUERY_MS",
    1000,
    low=0,
    help="Statements that take longer are logged, without their parameters; in milliseconds, 0 logs none.",
)

# Metrics
METRICS_DIR = env.path(
    "METRICS_DIR",
    DATA_DIR / "metrics",
    help="Folder in which the processes of one machine or container leave their figures for `/metrics`.",
)
METRICS_TOKEN = env.secret(
    "METRICS_TOKEN", "", help="Who sends it as a bearer token may read `/metrics` from anywhere."
)
METRICS_ALLOWED = env.names(
    "METRICS_ALLOWED", ("127.0.0.0/8", "::1"), help="Addresses or networks that may read `/metrics` without the token."
)
for text in addresses.bad_networks(METRICS_ALLOWED):
    env.problem("METRICS_ALLOWED", f"{text!r} is neither an address nor a network")

# Traces and error reports
TRACING_ENDPOINT = env.url(
    "TRACING_ENDPOINT",
    "",
    ("http", "https"),
    help="OTLP collector for traces, such as http://localhost:4318/v1/traces; needs the extra `tracing`. Empty: off.",
)
TRACING_SAMPLE = env.number(
    "TRACING_SAMPLE", 1.0, low=0.0, high=1.0, help="Share of requests that are traced when their caller does not say."
)
SENTRY_DSN = env.secret(
    "SENTRY_DSN", "", help="Where errors are reported to Sentry; needs the extra `sentry`. Empty: off."
)
SENTRY_ENVIRONMENT = env.text("SENTRY_ENVIRONMENT", "production", help="How this installation is called there.")

LOGGING_CONFIG = "chatsphere.core.logs.configure"
LOGGING = {
    "level": LOG_LEVEL,
    "format": LOG_FORMAT,
    "secrets": (
        SECRET_KEY,
        JWT_SIGNING_KEY,
        *ENCRYPTION_KEYS,
        BACKUP_KEY,
        OPENAI_API_KEY,
        RERANKER_API_KEY,
        METRICS_TOKEN,
        EMAIL_HOST_PASSWORD,
    ),
}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "chatsphere.config.apps.FlagsConfig",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "chatsphere.core",
    "chatsphere.config.apps.PlatformConfig",
    "chatsphere.apps.users",
    "chatsphere.apps.webhooks",
    "chatsphere.apps.chatbots",
    "chatsphere.apps.training",
    "chatsphere.apps.conversations",
    "chatsphere.apps.evaluation",
    "chatsphere.apps.analytics",
]
# Only the operators' admin needs sessions; the others work without a thread hop, so that streams stay cheap.
MIDDLEWARE = [
    "chatsphere.core.middleware.request_id.RequestIdMiddleware",
    "chatsphere.core.middleware.cors.CorsMiddleware",
    "chatsphere.core.middleware.rate_headers.RateHeadersMiddleware",
    "chatsphere.core.middleware.host.HostMiddleware",
    "chatsphere.core.middleware.inline.SecurityMiddleware",
    "chatsphere.core.middleware.inline.CompressionMiddleware",
    "chatsphere.core.middleware.inline.ContentSecurityMiddleware",
    "chatsphere.core.middleware.inline.LocaleMiddleware",
    "chatsphere.core.middleware.errors.ErrorMiddleware",
    "chatsphere.apps.conversations.middleware.PageMiddleware",
    "chatsphere.apps.users.middleware.IdempotencyMiddleware",
    "chatsphere.apps.users.cached_reads.CachedReadsMiddleware",
    "chatsphere.core.middleware.admin_only.SessionMiddleware",
    "chatsphere.core.middleware.admin_only.AuthenticationMiddleware",
    "chatsphere.core.middleware.admin_only.MessageMiddleware",
    "chatsphere.core.middleware.inline.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# What operators switch while it runs: users/flags.py
WAFFLE_FLAG_MODEL = "users.Flag"
WAFFLE_ENABLE_ADMIN_PAGES = False  # ours stands with the other operators' pages

# People
AUTH_USER_MODEL = "users.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "chatsphere.apps.users.breached.BreachedPasswordValidator"},
]

# Rows, files, cache
try:
    DATABASES = {
        "default": connections.database(
            DATABASE_URL,
            pool_size=DATABASE_POOL_SIZE,
            statement_timeout_ms=STATEMENT_TIMEOUT_MS,
            lock_timeout_ms=LOCK_TIMEOUT_MS,
            is_pooled=connections.is_pooled(DATABASE_DIRECT_URL),
        )
    }
except ValueError as error:
    env.problem("DATABASE_URL", str(error))
    DATABASES = {}
if DATABASE_REPLICA_URL:
    try:
        DATABASES["replica"] = connections.database(
            DATABASE_REPLICA_URL,
            pool_size=DATABASE_POOL_SIZE,
            statement_timeout_ms=STATEMENT_TIMEOUT_MS,
            lock_timeout_ms=LOCK_TIMEOUT_MS,
        )
        DATABASES["replica"]["OPTIONS"]["pool"]["timeout"] = 2  # the primary is there
        DATABASE_ROUTERS = ["chatsphere.core.replicas.Router"]
        place = MIDDLEWARE.index("chatsphere.core.middleware.errors.ErrorMiddleware")
        MIDDLEWARE.insert(place, "chatsphere.core.replicas.ReplicaMiddleware")
    except ValueError as error:
        env.problem("DATABASE_REPLICA_URL", str(error))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
plain_storage: dict[str, object] = {"BACKEND": "chatsphere.apps.users.file_storage.DiskStorage"}
if UPLOAD_STORAGE:
    try:
        s3 = connections.object_storage(UPLOAD_STORAGE, access_key=S3_ACCESS_KEY, secret_key=S3_SECRET_KEY)
        plain_storage = {"BACKEND": "chatsphere.core.object_storage.S3Uploads", "OPTIONS": s3}
    except ValueError as error:
        env.problem("UPLOAD_STORAGE", str(error))
    if find_spec("storages") is None or find_spec("boto3") is None:
        env.problem("UPLOAD_STORAGE", "install the extra: pip install 'chatsphere[s3]'")
STORAGES = {
    "default": {"BACKEND": "chatsphere.apps.users.file_storage.EncryptedStorage"}
    if UPLOAD_ENCRYPTION
    else plain_storage,
    "plain": plain_storage,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
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

# Time and words
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
# What a reader's browser may ask for: the languages of conversations/sentences.py, by Django's names.
LANGUAGES = [
    (code, code)
    for code in ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ru", "uk", "ar", "hi", "zh-hans", "ja", "ko")
]

# The HTTP contract
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["chatsphere.apps.users.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["chatsphere.core.permissions.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["chatsphere.core.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["chatsphere.core.parsers.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["chatsphere.core.throttling.RateThrottle"],
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is for browsers; the OpenAPI document describes the rest
    "DEFAULT_PAGINATION_CLASS": "chatsphere.core.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "chatsphere.core.openapi.Schema",
    "EXCEPTION_HANDLER": "chatsphere.core.exceptions.handle",
    "PAGE_SIZE": 20,
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ChatSphere",
    "DESCRIPTION": "Build chatbots trained on your own content.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "MemberRoleEnum": "chatsphere.apps.users.models.Role",
        "APIKeyKindEnum": "chatsphere.apps.users.models.APIKey.Kind",
        "WorkStateEnum": "chatsphere.core.durable.DurableState",
        "SourceTypeEnum": "chatsphere.apps.training.models.TrainingSource.Type",
        "QuarantineStateEnum": "chatsphere.apps.training.models.QuarantinedChunk.State",
        "ConversationStateEnum": "chatsphere.apps.conversations.models.Conversation.State",
        "MessageStateEnum": "chatsphere.apps.conversations.models.Message.State",
        "QuestionStateEnum": "chatsphere.apps.analytics.models.QuestionCluster.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "chatsphere.core.openapi.add_errors",
    ],
}

# Background work: JSON only, late acknowledgement, one hint at a time; the rows in PostgreSQL are the truth.
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
CELERY_BEAT_SCHEDULER = "chatsphere.config.beat:SteadyScheduler"
# A sweep that could not start in time is left out: the next one does the same.
CELERY_BEAT_SCHEDULE = {
    "sweep-webhooks": {
        "task": "chatsphere.apps.webhooks.tasks.sweep_webhooks",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "purge-old-events": {
        "task": "chatsphere.apps.webhooks.tasks.purge_old_events",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "purge-deleted-chatbots": {
        "task": "chatsphere.apps.chatbots.tasks.purge_deleted_chatbots",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "purge-deleted-workspaces": {
        "task": "chatsphere.apps.users.tasks.purge_deleted_workspaces",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "sweep-privacy": {
        "task": "chatsphere.apps.conversations.tasks.sweep_privacy",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "apply-retention": {
        "task": "chatsphere.apps.conversations.tasks.apply_retention",
        "schedule": crontab(hour="3", minute="20"),
        "options": {"expires": 7200},
    },
    "sweep-answers": {
        "task": "chatsphere.apps.conversations.tasks.sweep_answers",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "sweep-training": {
        "task": "chatsphere.apps.training.tasks.sweep_training",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "sweep-evaluations": {
        "task": "chatsphere.apps.evaluation.tasks.sweep_evaluations",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "index-large-chatbots": {
        "task": "chatsphere.apps.training.tasks.index_large_chatbots",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "reconcile-knowledge": {
        "task": "chatsphere.apps.training.tasks.reconcile_knowledge",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "remove-orphan-files": {
        "task": "chatsphere.apps.training.tasks.remove_orphan_files",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "roll-up-usage": {
        "task": "chatsphere.apps.analytics.tasks.roll_up",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "sweep-answering": {
        "task": "chatsphere.apps.analytics.tasks.sweep_answering",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "tidy-inbox": {
        "task": "chatsphere.apps.analytics.tasks.tidy_inbox",
        "schedule": 21_600.0,
        "options": {"expires": 3600},
    },
    "look-at-content": {
        "task": "chatsphere.apps.analytics.tasks.look_at_content",
        "schedule": 21_600.0,
        "options": {"expires": 3600},
    },
    "send-digests": {
        "task": "chatsphere.apps.analytics.tasks.send_digests",
        "schedule": 1800.0,
        "options": {"expires": 1800},
    },
    "sweep-mail": {
        "task": "chatsphere.apps.users.tasks.sweep_mail",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "release-expired-quota": {
        "task": "chatsphere.apps.users.tasks.release_expired_quota",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "watch-clock": {
        "task": "chatsphere.apps.users.tasks.watch_clock",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "look-at-tables": {
        "task": "chatsphere.apps.users.tasks.look_at_tables",
        "schedule": crontab(hour="4", minute="40"),
        "options": {"expires": 7200},
    },
    "forget-old-rows": {
        "task": "chatsphere.apps.users.tasks.forget_old_rows",
        "schedule": 21_600.0,
        "options": {"expires": 21_600},
    },
}
CELERY_DB_REUSE_MAX = 1_000_000  # tasks until Celery closes the connection pool; it gives up idle connections by itself
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"

# Transport
IS_HTTPS = urlsplit(PUBLIC_URL).scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if IS_HTTPS else []
SILENCED_SYSTEM_CHECKS = [
    "security.W001",  # core.middleware.inline.SecurityMiddleware is Django's, without a thread hop
    "security.W002",  # so is core.middleware.inline.XFrameOptionsMiddleware
    "security.W003",  # the admin guards its forms itself; the API takes bearer tokens only
]
