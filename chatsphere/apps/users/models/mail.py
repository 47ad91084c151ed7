"""Mails on their way out."""

from __future__ import annotations

from django.db import models

from chatsphere.core.durable import DurableWork
from chatsphere.core.encryption import EncryptedTextField
from chatsphere.core.identifiers import new_id


class OutgoingMail(DurableWork):
    """Written in the transaction that causes it, deleted when it was sent. An empty ``recipient`` is nobody: the row only takes the time."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recipient = models.EmailField(blank=True)
    subject = models.CharField(max_length=200)
    body = EncryptedTextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["available_at"],
                condition=models.Q(state__in=["queued", "running"]),
                name="users_outgoingmail_due",
            ),
        )
