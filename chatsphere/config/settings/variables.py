"""What the environment says. Settings read each variable through ``env``, which checks it and remembers its help for docs/configuration.md."""

from __future__ import annotations

import os

from chatsphere.config.env import Environment

env = Environment(os.environ)
