"""Webhooks over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from chatsphere.apps.users.audit import actor_of
from chatsphere.apps.webhooks import actions
from chatsphere.apps.webhooks.catalogue import CATALOGUE
from chatsphere.apps.webhooks.models import Delivery, Endpoint
from chatsphere.apps.webhooks.serializers import (
    DeliveryDetailSerializer,
    DeliveryFilters,
    DeliverySerializer,
    EndpointFilters,
    EndpointInput,
    EndpointSerializer,
    EndpointWithSecret,
    EventTypeSerializer,
    RedeliverInput,
    RedeliverOutput,
)
from chatsphere.core.conditional import IF_MATCH, if_match_of, with_etag
from chatsphere.core.exceptions import Forbidden, NotFound
from chatsphere.core.principal import principal_of
from chatsphere.core.query import FIELDS, read_filters

TAGS = ["webhooks"]


class EndpointList(GenericAPIView[Endpoint]):
    """The endpoints of a workspace."""

    scope = "webhooks"
    write_role = "admin"
    serializer_class = EndpointSerializer
    ordering_fields = ("created_at",)

    @extend_schema(
        operation_id="webhooks_endpoints_list",
        parameters=[EndpointFilters, FIELDS],
        responses={200: EndpointSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Newest first; secrets are not shown."""
        endpoints = Endpoint.objects.in_workspace(_workspace(request))
        page = self.paginate_queryset(endpoints.filter(**read_filters(request, EndpointFilters)))
        return self.get_paginated_response(EndpointSerializer(page, many=True, context={"request": request}).data)

    @extend_schema(
        operation_id="webhooks_endpoints_create",
        request=EndpointInput,
        responses={201: EndpointWithSecret},
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Make an endpoint. Its `secret` is shown in this answer and never again."""
        workspace_id = _workspace(request)
        body = EndpointInput(data=request.data)
        body.is_valid(raise_exception=True)
        endpoint = actions.create_endpoint(workspace_id=workspace_id, actor=actor_of(request), **body.validated_data)
        return with_etag(Response(EndpointWithSecret(endpoint).data, status=201), endpoint)


class EndpointDetail(GenericAPIView[Endpoint]):
    """One endpoint."""

    scope = "webhooks"
    write_role = "admin"
    serializer_class = EndpointSerializer

    @extend_schema(
        operation_id="webhooks_endpoints_retrieve",
        parameters=[FIELDS],
        responses={200: EndpointSerializer},
        tags=TAGS,
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """The endpoint, with its ETag."""
        endpoint = _endpoint(request, endpoint_id)
        return with_etag(Response(EndpointSerializer(endpoint, context={"request": request}).data), endpoint)

    @extend_schema(
        operation_id="webhooks_endpoints_partial_update",
        parameters=[IF_MATCH],
        request=EndpointInput,
        responses={200: EndpointSerializer},
        tags=TAGS,
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """Change what you name. Switching it off drops what waits for it."""
        endpoint = _endpoint(request, endpoint_id)
        body = EndpointInput(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        changed = actions.update_endpoint(
            workspace_id=endpoint.workspace_id,
            endpoint_id=endpoint.pk,
            changes=body.validated_data,
            if_match=if_match_of(request),
            actor=actor_of(request),
        )
        return with_etag(Response(EndpointSerializer(changed).data), changed)

    @extend_schema(operation_id="webhooks_endpoints_destroy", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        """It hears of nothing any more; its log goes with it."""
        actions.delete_endpoint(workspace_id=_workspace(request), endpoint_id=endpoint_id, actor=actor_of(request))
        return Response(status=204)


class EndpointTest(GenericAPIView[Endpoint]):
    """Trying an endpoint."""

    scope = "webhooks"
    write_role = "admin"
    serializer_class = DeliverySerializer

    @extend_schema(operation_id="webhooks_endpoints_test", request=None, responses={202: DeliverySerializer}, tags=TAGS)
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send a `webhook.test` to this endpoint; the delivery tells what came of it."""
        delivery = actions.send_test(workspace_id=_workspace(request), endpoint_id=endpoint_id)
        return Response(DeliverySerializer(delivery).data, status=202)


class EndpointSecret(GenericAPIView[Endpoint]):
    """Changing the signing secret."""

    scope = "webhooks"
    write_role = "admin"
    serializer_class = EndpointWithSecret

    @extend_schema(
        operation_id="webhooks_endpoints_rotate_secret",
        request=None,
        responses={200: EndpointWithSecret},
        tags=TAGS,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """A new secret, shown this once. For 24 hours the old one signs beside it."""
        endpoint = actions.rotate_secret(
            workspace_id=_workspace(request), endpoint_id=endpoint_id, actor=actor_of(request)
        )
        return Response(EndpointWithSecret(endpoint).data)


class EndpointRedeliver(GenericAPIView[Endpoint]):
    """Catching up."""

    scope = "webhooks"
    write_role = "admin"
    serializer_class = RedeliverOutput

    @extend_schema(
        operation_id="webhooks_endpoints_redeliver",
        request=RedeliverInput,
        responses={202: RedeliverOutput},
        tags=TAGS,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send again what did not arrive since a time, also what happened while the endpoint was off."""
        endpoint = _endpoint(request, endpoint_id)
        body = RedeliverInput(data=request.data)
        body.is_valid(raise_exception=True)
        queued = actions.redeliver_since(
            workspace_id=endpoint.workspace_id, endpoint_id=endpoint.pk, **body.validated_data
        )
        return Response({"queued": queued}, status=202)


class EndpointDeliveries(GenericAPIView[Delivery]):
    """The log of an endpoint."""

    scope = "webhooks"
    serializer_class = DeliverySerializer

    @extend_schema(
        operation_id="webhooks_endpoints_deliveries_list",
        parameters=[DeliveryFilters],
        responses={200: DeliverySerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """Newest first; kept for 30 days."""
        endpoint = _endpoint(request, endpoint_id)
        names = {
            "state": "state",
            "event_type": "event__type",
            "since": "event__occurred_at__gte",
            "until": "event__occurred_at__lt",
        }
        conditions = {names[name]: value for name, value in read_filters(request, DeliveryFilters).items()}
        page = self.paginate_queryset(endpoint.deliveries.filter(**conditions).select_related("event"))
        return self.get_paginated_response(DeliverySerializer(page, many=True).data)


class DeliveryDetail(GenericAPIView[Delivery]):
    """One delivery."""

    scope = "webhooks"
    serializer_class = DeliveryDetailSerializer

    @extend_schema(operation_id="webhooks_deliveries_retrieve", responses={200: DeliveryDetailSerializer}, tags=TAGS)
    def get(self, request: Request, delivery_id: UUID) -> Response:
        """What is sent, and every attempt."""
        deliveries = Delivery.objects.in_workspace(_workspace(request)).select_related("event")
        delivery = deliveries.prefetch_related("attempts").filter(pk=delivery_id).first()
        if delivery is None:
            raise NotFound
        return Response(DeliveryDetailSerializer(delivery).data)


class DeliveryRedeliver(GenericAPIView[Delivery]):
    """Sending once more."""

    scope = "webhooks"
    write_role = "admin"
    serializer_class = DeliverySerializer

    @extend_schema(
        operation_id="webhooks_deliveries_redeliver", request=None, responses={202: DeliverySerializer}, tags=TAGS
    )
    def post(self, request: Request, delivery_id: UUID) -> Response:
        """Send it again, under the same `webhook-id`."""
        delivery = actions.redeliver(workspace_id=_workspace(request), delivery_id=delivery_id)
        return Response(DeliverySerializer(delivery).data, status=202)


class EventTypeList(GenericAPIView[Any]):
    """What can be heard of."""

    scope = "webhooks"
    serializer_class = EventTypeSerializer
    pagination_class = None

    @extend_schema(
        operation_id="webhooks_event_types_list",
        responses={200: EventTypeSerializer(many=True)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Every event type, the JSON Schema of its message, and an example."""
        _workspace(request)
        return Response(
            [
                {
                    "name": each.name,
                    "version": each.version,
                    "description": each.description,
                    "schema": each.schema(),
                    "example": each.message(),
                }
                for each in CATALOGUE.values()
            ]
        )


def _workspace(request: Request) -> UUID:
    """The caller's workspace. Endpoints hear of all chatbots, so a key that is bound to some has no business here."""
    principal = principal_of(request)
    if principal.chatbot_ids is not None:
        raise Forbidden(_("This key is bound to certain chatbots; webhooks belong to the whole workspace."))
    return principal.workspace_id


def _endpoint(request: Request, endpoint_id: UUID) -> Endpoint:
    endpoint: Endpoint | None = Endpoint.objects.in_workspace(_workspace(request)).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound
    return endpoint
