"""The tasks of this app that others wake by name, and the queue of those that read and embed."""

from __future__ import annotations

RUN_TRAINING = "chatsphere.apps.training.tasks.run_training"
RUN_RETRAINING = "chatsphere.apps.training.tasks.run_retraining"
REFRESH_STATISTICS = "chatsphere.apps.training.tasks.refresh_statistics"
INGEST = "ingest"
