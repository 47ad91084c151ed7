"""Feature flags that operators set: for everyone, for some workspaces, for a share of them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from waffle.models import AbstractBaseFlag

from chatsphere.apps.users.models.workspace import Workspace


class Flag(AbstractBaseFlag):
    """What operators say about one of ``users.flags.FEATURES``; without a row the feature's default holds.

    ``everyone`` overrides all. Else ``not_workspaces``, ``workspaces`` and ``percent`` (of workspaces, always the same ones) are asked in this order.
    """

    workspaces: Any = models.ManyToManyField(
        Workspace, blank=True, related_name="+", help_text=_("On for these workspaces.")
    )
    not_workspaces: Any = models.ManyToManyField(
        Workspace, blank=True, related_name="+", help_text=_("Off for these workspaces, whatever the lines below say.")
    )

    @classmethod
    def get(cls, name: str) -> Flag:
        """The row as it is now; django-waffle would keep it in the cache, which holds JSON only."""
        found: Flag | None = cls.objects.filter(name=name).first()
        return found or cls(name=name)

    def is_active(self, request: HttpRequest, read_only: bool = False) -> bool:  # noqa: FBT001 - django-waffle's signature
        """For django-waffle's own decorators and templates: a request has no say, its workspace has (``users.flags``)."""
        return bool(self.everyone)

    def flush(self) -> None:
        """Nothing of it lies in a cache."""
