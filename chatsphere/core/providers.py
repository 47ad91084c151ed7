"""The operator's further model providers, as the setting MODEL_PROVIDERS spells them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from chatsphere.core import json_settings

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}\Z")
OUR_OWN = ("openai", "extractive", "local", "hashing")


def problems(text: str) -> Iterator[str]:
    """What is wrong with the setting, one sentence each."""
    return json_settings.problems(text, "providers by name", _problems_of)


def _problems_of(name: str, provider: Any) -> Iterator[str]:
    if not NAME.match(name) or name in OUR_OWN:
        yield f"{name!r} cannot be the name of a provider; take lower-case letters and figures, not {', '.join(OUR_OWN)}"
    if not isinstance(provider, dict) or not isinstance(provider.get("base_url"), str):
        yield f"the provider {name!r} needs a base_url"
    elif urlsplit(provider["base_url"]).scheme not in ("http", "https"):
        yield f"the base_url of {name!r} must begin with http:// or https://"
    if isinstance(provider, dict) and not isinstance(provider.get("api_key", ""), str):
        yield f"the api_key of {name!r} must be a text"
