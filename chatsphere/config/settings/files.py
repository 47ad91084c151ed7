"""Where uploads lie, and the static files of the operators' admin."""

from __future__ import annotations

from importlib.util import find_spec

from chatsphere.config.settings.places import DATA_DIR
from chatsphere.config.settings.variables import env
from chatsphere.core import connections

MEDIA_ROOT = env.path("MEDIA_ROOT", DATA_DIR / "media", help="Folder of uploaded files when they are stored locally.")
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

plain_storage: dict[str, object] = {"BACKEND": "chatsphere.apps.users.file_storage.DiskStorage"}
if UPLOAD_STORAGE:
    with env.mistakes_of("UPLOAD_STORAGE"):
        s3 = connections.object_storage(UPLOAD_STORAGE, access_key=S3_ACCESS_KEY, secret_key=S3_SECRET_KEY)
        plain_storage = {"BACKEND": "chatsphere.core.object_storage.S3Uploads", "OPTIONS": s3}
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
