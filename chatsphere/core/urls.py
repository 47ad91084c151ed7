"""Health and figures of the process."""

from django.urls import path

from chatsphere.core import health, metrics_view

urlpatterns = [path("healthz", health.healthz), path("readyz", health.readyz), path("metrics", metrics_view.metrics)]
