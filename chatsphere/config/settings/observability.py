"""Logs, metrics, traces and error reports."""

from __future__ import annotations

from chatsphere.config.settings.mail import EMAIL_HOST_PASSWORD
from chatsphere.config.settings.models import OPENAI_API_KEY, RERANKER_API_KEY
from chatsphere.config.settings.places import DATA_DIR
from chatsphere.config.settings.secrets import BACKUP_KEY, ENCRYPTION_KEYS, JWT_SIGNING_KEY, SECRET_KEY
from chatsphere.config.settings.variables import env
from chatsphere.core import addresses

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
