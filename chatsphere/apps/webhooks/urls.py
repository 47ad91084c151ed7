"""Paths of this app."""

from django.urls import path

from chatsphere.apps.webhooks import views

urlpatterns = [
    path("webhooks/event-types/", views.EventTypeList.as_view()),
    path("webhooks/endpoints/", views.EndpointList.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>/", views.EndpointDetail.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>/test/", views.EndpointTest.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>/rotate-secret/", views.EndpointSecret.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>/redeliver/", views.EndpointRedeliver.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>/deliveries/", views.EndpointDeliveries.as_view()),
    path("webhooks/deliveries/<uuid:delivery_id>/", views.DeliveryDetail.as_view()),
    path("webhooks/deliveries/<uuid:delivery_id>/redeliver/", views.DeliveryRedeliver.as_view()),
]
