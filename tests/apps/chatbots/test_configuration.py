"""What a configuration may hold."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.translation import override

from chatsphere.apps.chatbots.configuration import (
    Configuration,
    ConfigurationSerializer,
    as_stored,
    merge,
    read_configuration,
)


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"language": "pt-BR", "model": "openai:gpt-4.1-mini", "temperature": 2, "top_k": 30},
        {"model": "extractive", "min_score": 0, "history_turns": 0, "system_prompt": " Be kind.\n"},
        {"model": "openai:org/Model-7B:latest", "suggested_questions": ["How?", "Why?"]},
        {
            "allowed_origins": [
                "https://example.com",
                "http://localhost:3000",
                "https://*.example.com",
                "http://[::1]:80",
            ]
        },
        {"theme": {"primary_color": "#0af", "mode": "dark", "position": "left", "avatar_url": "https://x.test/a.png"}},
        {"language": None, "theme": None, "allowed_origins": None, "top_k": None},
    ],
)
def test_these_are_right(configuration: dict[str, Any]) -> None:
    serializer = ConfigurationSerializer(data=configuration)

    assert serializer.is_valid(), serializer.errors
    assert set(serializer.validated_data) == set(configuration)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("language", "german!"),
        ("language", "x" * 36),
        ("model", "gpt-4"),
        ("model", "openai:"),
        ("model", "local:x"),
        ("temperature", 2.1),
        ("temperature", -0.1),
        ("temperature", "NaN"),
        ("temperature", True),
        ("temperature", 10**400),
        ("max_output_tokens", 0),
        ("max_output_tokens", 10**30),
        ("top_k", 0),
        ("top_k", 31),
        ("min_score", 1.01),
        ("min_score", float("inf")),
        ("history_turns", 51),
        ("system_prompt", "x" * 8001),
        ("system_prompt", "a\x00b"),
        ("system_prompt", ["x"]),
        ("suggested_questions", ["x"] * 11),
        ("suggested_questions", "x"),
        ("suggested_questions", [""]),
        ("allowed_origins", ["https://example.com/"]),
        ("allowed_origins", ["https://example.com/path"]),
        ("allowed_origins", ["https://user@example.com"]),
        ("allowed_origins", ["example.com"]),
        ("allowed_origins", ["javascript:alert(1)"]),
        ("allowed_origins", ["https://exa mple.com"]),
        ("allowed_origins", ["https://example.com:99999"]),
        ("allowed_origins", ["https://[::1"]),
        ("allowed_origins", ["*"]),
        ("theme", {"primary_color": "red"}),
        ("theme", {"font": "x"}),
        ("theme", {"avatar_url": "http://example.com/a.png"}),
        ("theme", {"avatar_url": "javascript:alert(1)"}),
        ("theme", []),
        ("knowledge", 1),
    ],
)
def test_these_are_wrong(key: str, value: Any) -> None:
    serializer = ConfigurationSerializer(data={key: value})

    assert not serializer.is_valid()
    assert list(serializer.errors) == [key]


def test_origins_are_kept_in_lower_case() -> None:
    serializer = ConfigurationSerializer(data={"allowed_origins": ["HTTPS://Example.COM"]})

    assert serializer.is_valid()
    assert serializer.validated_data["allowed_origins"] == ["https://example.com"]


def test_every_key_of_the_dataclass_can_be_set_and_no_other() -> None:
    with override("en"):
        assert set(ConfigurationSerializer().fields) == set(as_stored(Configuration()))


def test_what_was_stored_comes_back() -> None:
    stored = {"top_k": 3, "temperature": 1, "allowed_origins": ["https://a.test"], "theme": {"mode": "dark"}}

    read = read_configuration(stored)

    assert read == Configuration(top_k=3, temperature=1.0, allowed_origins=("https://a.test",), theme={"mode": "dark"})
    assert as_stored(read) == {**as_stored(Configuration()), **stored}


def test_keys_and_types_of_other_releases_are_passed_over() -> None:
    stored = {"gone": 1, "top_k": "many", "temperature": True, "theme": None, "allowed_origins": 5, "language": "de"}

    assert read_configuration(stored) == Configuration(language="de")


def test_null_takes_a_key_back_to_its_default() -> None:
    assert merge({"top_k": 3, "language": "de"}, {"top_k": None, "model": "extractive"}) == {
        "language": "de",
        "model": "extractive",
    }


def test_temperature_and_length_are_the_deployments_where_a_chatbot_sets_none(settings: Any) -> None:
    settings.MODEL_TEMPERATURE, settings.MODEL_MAX_OUTPUT_TOKENS = 0.7, 321
    assert (read_configuration({}).temperature, read_configuration({}).max_output_tokens) == (0.7, 321)
    own = read_configuration({"temperature": 0.1, "max_output_tokens": 50})
    assert (own.temperature, own.max_output_tokens) == (0.1, 50)
