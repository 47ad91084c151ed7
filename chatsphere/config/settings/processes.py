"""How many processes serve and train, and how they stop."""

from __future__ import annotations

from chatsphere.config.settings.variables import env

WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", 1, low=1, high=128, help="Web processes.")
WEB_DRAIN_SECONDS = env.integer(
    "WEB_DRAIN_SECONDS",
    0,
    high=300,
    help="How long a web process that is asked to stop goes on serving while `/readyz` says 503, so that a load balancer leaves it out first; above the time that its health checks need.",
)
WEB_GRACE_SECONDS = env.integer(
    "WEB_GRACE_SECONDS",
    10,
    low=1,
    high=900,
    help="How long a web process that stops lets answers in the making finish; those that take longer are ended with `interrupted` and what they have said is stored. What stops the process must wait for WEB_DRAIN_SECONDS + WEB_GRACE_SECONDS + 10 before it kills.",
)
WORKER_CONCURRENCY = env.integer(
    "WORKER_CONCURRENCY", 2, low=1, high=128, help="Worker processes that train; one more does everything else."
)
