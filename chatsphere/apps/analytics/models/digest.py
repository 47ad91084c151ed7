"""Who wants the weekly digest."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from chatsphere.core.tenancy import TenantModel, WorkspaceQuerySet


class DigestSubscription(TenantModel):
    """A member who asked for the digest. ``last_week`` is the Monday of the last week that was sent, so that none is sent twice."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    last_week = models.DateField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["workspace", "user"], name="analytics_digest_once"),)
