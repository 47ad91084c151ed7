"""Production with the next version's app."""

from chatsphere.config.settings.production import *  # noqa: F403
from chatsphere.config.settings.production import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.stubs.next_version"]
