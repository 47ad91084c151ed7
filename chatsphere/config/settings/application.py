"""Django's parts: applications, middleware, people, time and words."""

from __future__ import annotations

from chatsphere.config.settings.servers import DATABASES
from chatsphere.config.settings.variables import env

DEBUG = False
ROOT_URLCONF = "chatsphere.config.urls"
ASGI_APPLICATION = "chatsphere.config.asgi.application"
WSGI_APPLICATION = "chatsphere.config.wsgi.application"

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
if "replica" in DATABASES:
    place = MIDDLEWARE.index("chatsphere.core.middleware.errors.ErrorMiddleware")
    MIDDLEWARE.insert(place, "chatsphere.core.replicas.ReplicaMiddleware")
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

BREACHED_PASSWORDS_URL = env.url(
    "BREACHED_PASSWORDS_URL",
    "",
    ("https", "http"),
    help="Asked for ranges of stolen passwords (k-anonymity), such as https://api.pwnedpasswords.com/range; empty asks nobody.",
)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
