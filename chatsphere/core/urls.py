"""Health of the process."""

from django.urls import path

from chatsphere.core import health

urlpatterns = [path("healthz", health.healthz), path("readyz", health.readyz)]
