"""The tasks of this app that others wake by name."""

from __future__ import annotations

RUN_EVALUATION = "chatsphere.apps.evaluation.tasks.run_evaluation"
RUN_GENERATION = "chatsphere.apps.evaluation.tasks.run_generation"
