"""What all environments share, one module a subject. Each value comes from the environment through ``env``; nothing here connects to anything.

The order is that of docs/configuration.md.
"""
# ruff: noqa: F403, I001

from __future__ import annotations

from chatsphere.config.settings.variables import *
from chatsphere.config.settings.places import *
from chatsphere.config.settings.secrets import *
from chatsphere.config.settings.servers import *
from chatsphere.config.settings.processes import *
from chatsphere.config.settings.models import *
from chatsphere.config.settings.files import *
from chatsphere.config.settings.limits import *
from chatsphere.config.settings.mail import *
from chatsphere.config.settings.observability import *
from chatsphere.config.settings.application import *
from chatsphere.config.settings.contract import *
from chatsphere.config.settings.work import *
from chatsphere.config.settings.schedule import *
