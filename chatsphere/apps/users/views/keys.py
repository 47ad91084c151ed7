"""API keys. Only people make keys: a key that could make keys would outlive its own revocation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatsphere.apps.users import actions
from chatsphere.apps.users.actions import NewKey
from chatsphere.apps.users.audit import actor_of
from chatsphere.apps.users.models import APIKey
from chatsphere.apps.users.serializers import (
    APIKeySerializer,
    CreateAPIKeySerializer,
    NewAPIKeySerializer,
    RotateAPIKeySerializer,
)
from chatsphere.apps.users.views.auth import validated
from chatsphere.core.exceptions import NotFound
from chatsphere.core.permissions import IsPerson, person_of, principal_of

TAGS = ["API keys"]


class _Admins(IsPerson):
    role = "admin"


def keys_of(request: Request) -> Any:
    return APIKey.objects.in_workspace(principal_of(request).workspace_id).prefetch_related("chatbot_links")


class KeyList(ListAPIView[APIKey]):
    permission_classes = (_Admins,)
    serializer_class = APIKeySerializer

    def get_queryset(self) -> Any:
        return keys_of(self.request).filter(revoked_at=None)

    @extend_schema(tags=TAGS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The keys of the workspace that were not revoked, without their secrets."""
        return self.list(request, *args, **kwargs)

    @extend_schema(tags=TAGS, request=CreateAPIKeySerializer, responses={201: NewAPIKeySerializer})
    def post(self, request: Request) -> Response:
        """Make a key. The answer holds its full text in `secret`, this once."""
        data = validated(CreateAPIKeySerializer(data=request.data))
        chatbots = data.pop("chatbots", None)
        new = actions.create_key(
            workspace_id=principal_of(request).workspace_id,
            created_by=person_of(request),
            chatbot_ids=None if chatbots is None else sorted(set(chatbots)),
            actor=actor_of(request),
            **data,
        )
        return Response(_shown_once(new), status=status.HTTP_201_CREATED)


class KeyDetail(APIView):
    permission_classes = (_Admins,)

    @extend_schema(tags=TAGS, responses={200: APIKeySerializer})
    def get(self, request: Request, key_id: Any) -> Response:
        """One key, without its secret."""
        return Response(APIKeySerializer(_one(request, key_id)).data)

    @extend_schema(tags=TAGS, responses={204: None})
    def delete(self, request: Request, key_id: Any) -> Response:
        """Revoke a key; it is refused from this moment, everywhere."""
        actions.revoke_key(workspace_id=principal_of(request).workspace_id, key_id=key_id, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class KeyRotation(APIView):
    permission_classes = (_Admins,)

    @extend_schema(tags=TAGS, request=RotateAPIKeySerializer, responses={201: NewAPIKeySerializer})
    def post(self, request: Request, key_id: Any) -> Response:
        """A successor with the same rights; the old key goes on for `overlap_seconds`."""
        key = _one(request, key_id)
        data = validated(RotateAPIKeySerializer(data=request.data))
        new = actions.rotate_key(key=key, overlap=timedelta(seconds=data["overlap_seconds"]), actor=actor_of(request))
        return Response(_shown_once(new), status=status.HTTP_201_CREATED)


def _one(request: Request, key_id: Any) -> APIKey:
    key: APIKey | None = keys_of(request).filter(pk=key_id).first()
    if key is None:
        raise NotFound
    return key


def _shown_once(new: NewKey) -> dict[str, Any]:
    key: Any = new.key
    key.secret = new.secret
    return dict(NewAPIKeySerializer(key).data)
