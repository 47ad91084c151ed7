"""A chatbot, its configuration and the versions that were frozen of it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Func

from chatsphere.core.encryption import EncryptedTextField
from chatsphere.core.principal import Principal
from chatsphere.core.tenancy import SameWorkspace, TenantChild, TenantModel, WorkspaceQuerySet, parent_key, tenant_key


class ChatbotQuerySet(WorkspaceQuerySet):
    def alive(self) -> Self:
        """Neither deleted nor in a deleted or suspended workspace."""
        return self.filter(deleted_at=None, workspace__deleted_at=None, workspace__is_suspended=False)

    def visible_to(self, principal: Principal) -> Self:
        """The living chatbots of the principal's workspace; a key that is bound to some sees only those."""
        chatbots = self.in_workspace(principal.workspace_id).alive()
        return chatbots if principal.chatbot_ids is None else chatbots.filter(pk__in=principal.chatbot_ids)

    def with_details(self) -> Self:
        """Adds ``sources_count`` and ``published_number`` (None: never published)."""
        sources: Any = self.model._meta.get_field("sources").related_model
        # Written out: to make it of a subquery with a group takes longer than to run it.
        count = f"(SELECT count(*) FROM {sources._meta.db_table} s WHERE s.chatbot_id = %(expressions)s)"  # noqa: S608 - our own table
        counted = Func(F("pk"), template=count, output_field=models.IntegerField())
        return self.annotate(sources_count=counted, published_number=F("published_version__number"))


class Chatbot(TenantModel):
    """``configuration`` is validated by ``chatbots.configuration``. A deleted one answers nothing at once and can be restored by an
    operator until it is purged after seven days."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, allow_unicode=True)
    is_active = models.BooleanField(default=True)
    configuration = models.JSONField(default=dict)
    embedding_model = models.CharField(max_length=100, blank=True, help_text="Whose vectors answer; empty: none yet.")
    knowledge_version = models.BigIntegerField(default=0, help_text="Raised by every change of what can be found.")
    published_version = models.ForeignKey(
        "chatbots.ChatbotVersion",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
    )
    budget_per_day = models.BigIntegerField(
        null=True, blank=True, help_text="What its answers may cost a day, in micro-units; empty: any."
    )
    visitor_budget_per_day = models.BigIntegerField(
        null=True, blank=True, help_text="What answers to one visitor may cost a day, in micro-units; empty: any."
    )
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = ChatbotQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("chatbots_chatbot"),
            models.UniqueConstraint(
                fields=["workspace", "slug"], condition=models.Q(deleted_at=None), name="chatbots_chatbot_slug_unique"
            ),
            SameWorkspace(
                field="published_version", name="chatbots_chatbot_published_same_workspace", on_delete="SET NULL"
            ),
        )
        indexes = (models.Index(fields=["workspace", "-created_at"], name="chatbots_chatbot_by_workspace"),)

    def __str__(self) -> str:
        return self.name


class IdentitySecret(TenantChild):
    """With it the customer's server signs who a chatbot's visitors are. Several are good at once while one replaces another."""

    chatbot = parent_key("chatbots.Chatbot", related_name="identity_secrets")
    secret = EncryptedTextField()
    last_four = models.CharField(max_length=4)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (SameWorkspace(field="chatbot", name="chatbots_identitysecret_same_workspace"),)
        indexes = (models.Index(fields=["chatbot"], name="chatbots_identity_by_chatbot"),)

    def __str__(self) -> str:
        return f"…{self.last_four}"


class ChatbotVersion(TenantChild):
    """A frozen configuration with a number; never changed after it was made."""

    chatbot = parent_key("chatbots.Chatbot", related_name="versions")
    number = models.IntegerField()
    configuration = models.JSONField()
    note = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = (
            tenant_key("chatbots_chatbotversion"),
            SameWorkspace(field="chatbot", name="chatbots_chatbotversion_same_workspace"),
            models.UniqueConstraint(fields=["chatbot", "number"], name="chatbots_chatbotversion_number_once"),
        )

    def __str__(self) -> str:
        return f"version {self.number}"
