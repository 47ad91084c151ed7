"""What beat starts, and how often. A sweep that could not start in time is left out: the next one does the same."""

from __future__ import annotations

from celery.schedules import crontab

CELERY_BEAT_SCHEDULER = "chatsphere.config.beat:SteadyScheduler"

CELERY_BEAT_SCHEDULE = {
    "sweep-webhooks": {
        "task": "chatsphere.apps.webhooks.tasks.sweep_webhooks",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "purge-old-events": {
        "task": "chatsphere.apps.webhooks.tasks.purge_old_events",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "purge-deleted-chatbots": {
        "task": "chatsphere.apps.chatbots.tasks.purge_deleted_chatbots",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "purge-deleted-workspaces": {
        "task": "chatsphere.apps.users.tasks.purge_deleted_workspaces",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "sweep-privacy": {
        "task": "chatsphere.apps.conversations.tasks.sweep_privacy",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "apply-retention": {
        "task": "chatsphere.apps.conversations.tasks.apply_retention",
        "schedule": crontab(hour="3", minute="20"),
        "options": {"expires": 7200},
    },
    "sweep-answers": {
        "task": "chatsphere.apps.conversations.tasks.sweep_answers",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "sweep-training": {
        "task": "chatsphere.apps.training.tasks.sweep_training",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "sweep-evaluations": {
        "task": "chatsphere.apps.evaluation.tasks.sweep_evaluations",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "index-large-chatbots": {
        "task": "chatsphere.apps.training.tasks.index_large_chatbots",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "reconcile-knowledge": {
        "task": "chatsphere.apps.training.tasks.reconcile_knowledge",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "remove-orphan-files": {
        "task": "chatsphere.apps.training.tasks.remove_orphan_files",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "roll-up-usage": {
        "task": "chatsphere.apps.analytics.tasks.roll_up",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "sweep-answering": {
        "task": "chatsphere.apps.analytics.tasks.sweep_answering",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "tidy-inbox": {
        "task": "chatsphere.apps.analytics.tasks.tidy_inbox",
        "schedule": 21_600.0,
        "options": {"expires": 3600},
    },
    "look-at-content": {
        "task": "chatsphere.apps.analytics.tasks.look_at_content",
        "schedule": 21_600.0,
        "options": {"expires": 3600},
    },
    "send-digests": {
        "task": "chatsphere.apps.analytics.tasks.send_digests",
        "schedule": 1800.0,
        "options": {"expires": 1800},
    },
    "sweep-mail": {
        "task": "chatsphere.apps.users.tasks.sweep_mail",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "release-expired-quota": {
        "task": "chatsphere.apps.users.tasks.release_expired_quota",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "watch-clock": {
        "task": "chatsphere.apps.users.tasks.watch_clock",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "look-at-tables": {
        "task": "chatsphere.apps.users.tasks.look_at_tables",
        "schedule": crontab(hour="4", minute="40"),
        "options": {"expires": 7200},
    },
    "forget-old-rows": {
        "task": "chatsphere.apps.users.tasks.forget_old_rows",
        "schedule": 21_600.0,
        "options": {"expires": 21_600},
    },
}
