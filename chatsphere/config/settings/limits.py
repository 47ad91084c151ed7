"""What a request, a session and a crawler may take."""

from __future__ import annotations

from datetime import timedelta

from chatsphere.config.settings.variables import env
from chatsphere.core import rates

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
