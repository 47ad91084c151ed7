"""For people who work on ChatSphere: plain logs, known secrets, loopback only."""

from chatsphere.config.settings.base import *  # noqa: F403
from chatsphere.config.settings.base import LOGGING, env

DEBUG = env.boolean("DEBUG", False, help="Django's debug pages; refused in production.")
LOG_FORMAT = "text"
LOGGING = {**LOGGING, "format": LOG_FORMAT}

env.check()
