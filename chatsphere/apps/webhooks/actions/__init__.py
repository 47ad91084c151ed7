"""Everything that writes here: announcing what happened, endpoints, deliveries."""

from chatsphere.apps.webhooks.actions.announcing import announce, announce_async, announce_many, event_part
from chatsphere.apps.webhooks.actions.deliveries import purge_old_events, redeliver, redeliver_since, send_test
from chatsphere.apps.webhooks.actions.endpoints import (
    create_endpoint,
    delete_endpoint,
    rotate_secret,
    update_endpoint,
)
from chatsphere.apps.webhooks.catalogue import EVENT_TYPES
from chatsphere.apps.webhooks.hints import hint_soon

__all__ = [
    "EVENT_TYPES",
    "announce",
    "announce_async",
    "announce_many",
    "create_endpoint",
    "delete_endpoint",
    "event_part",
    "hint_soon",
    "purge_old_events",
    "redeliver",
    "redeliver_since",
    "rotate_secret",
    "send_test",
    "update_endpoint",
]
