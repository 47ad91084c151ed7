"""Where the platform is reached, and which hosts, proxies and pages of others it believes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from chatsphere.config.settings.variables import env
from chatsphere.core import addresses, origins

BASE_DIR = Path(__file__).resolve().parents[2]
DATA_DIR = env.path(
    "CHATSPHERE_DATA_DIR", Path(".chatsphere"), help="Folder of the embedded servers, secrets and uploads."
)

PUBLIC_URL = env.url(
    "PUBLIC_URL",
    "http://localhost:8000",
    ("http", "https"),
    help="Where people reach ChatSphere; https turns on secure cookies and HSTS.",
)

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
