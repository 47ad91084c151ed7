"""The key under which a workspace's uploads lie."""

from __future__ import annotations

from django.db import models

from chatsphere.apps.users.models.workspace import Workspace
from chatsphere.core.encryption import EncryptedTextField


class FileKey(models.Model):
    """32 random bytes as hexadecimal digits. When the workspace is purged its key goes, too, and no copy of a file can be read any more."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="+")
    key = EncryptedTextField()
    created_at = models.DateTimeField(auto_now_add=True)
