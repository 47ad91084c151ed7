"""People. What the founding document put on a user (tier, limit, company, key) lives on the workspace."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models, transaction
from django.db.models.functions import Lower

from chatsphere.apps.users.mailboxes import one_spelling
from chatsphere.apps.users.models.workspace import Membership, Role, Workspace
from chatsphere.core.identifiers import new_id


class PeopleManager(UserManager["User"]):
    """Makes people, each with a workspace of their own."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """In its one spelling; what is no address is left to the field to refuse."""
        try:
            return one_spelling(email or "")
        except ValueError:
            return super().normalize_email(email)

    @transaction.atomic
    def _create_user(self, username: str | None, email: str | None, password: str | None, **extra: Any) -> User:
        company_name = extra.pop("company_name", "").strip()
        email = self.normalize_email(email)
        if not email:
            raise ValueError("A person needs an e-mail address.")
        user = self.model(username=username or new_id().hex, email=email, **extra)
        user.set_password(password)
        user.save(using=self._db)
        workspace = Workspace.objects.create(name=company_name or f"{user.display_name}'s workspace")
        Membership.objects.create(workspace=workspace, user=user, role=Role.OWNER)
        user.default_workspace = workspace
        user.save(update_fields=["default_workspace"])
        return user

    def create_user(
        self, username: str | None = None, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        """A person and the workspace they own, in one transaction. ``company_name`` names the workspace.

        Raises ValueError without an address, IntegrityError when the address or the user name is taken.
        """
        extra.setdefault("is_staff", False)
        extra.setdefault("is_superuser", False)
        return self._create_user(username, email, password, **extra)

    def create_superuser(
        self, username: str | None = None, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        return self._create_user(username, email, password, **{**extra, "is_staff": True, "is_superuser": True})


class User(AbstractUser):
    """Signs in by e-mail address; belongs to any number of workspaces."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_email_verified = models.BooleanField(default=False)
    default_workspace = models.ForeignKey(
        "users.Workspace", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["username"]

    objects: ClassVar[PeopleManager] = PeopleManager()

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="users_user_email_unique"),)

    @property
    def display_name(self) -> str:
        return self.name or self.email.split("@")[0]

    @property
    def home_workspace(self) -> Workspace:
        """The default workspace, which every new person has. Raises LookupError when it is gone."""
        if self.default_workspace is None:
            raise LookupError("this person has no default workspace")
        return self.default_workspace
