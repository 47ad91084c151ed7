"""``chatsphere up --local-model``: what it tells the other children, and what it says when something is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatsphere.cli import main
from chatsphere.embedded import services
from chatsphere.embedded.local_chat_model import LocalChatModel
from chatsphere.embedded.processes import Command
from chatsphere.services.ai import local_chat_server

MODEL = LocalChatModel(Path("/models/small.gguf"))


def test_it_becomes_the_model_that_answers_and_other_providers_stay() -> None:
    other = {"backup": {"base_url": "https://models.example.com/v1", "api_key": "k"}}
    environ = MODEL.environment({"MODEL_PROVIDERS": json.dumps(other), "CHAT_MODEL": "openai:x", "OPENAI_API_KEY": "y"})
    providers = json.loads(environ["MODEL_PROVIDERS"])
    assert environ["CHAT_MODEL"] == "local-model:small"
    assert environ["OPENAI_API_KEY"] == "y"
    assert providers["backup"] == other["backup"]
    assert providers["local-model"] == {"base_url": f"http://127.0.0.1:{MODEL.port}/v1", "api_key": MODEL.key}


def test_a_broken_setting_is_left_to_the_settings_to_name() -> None:
    assert MODEL.environment({"MODEL_PROVIDERS": "{"}) == {"MODEL_PROVIDERS": "{"}


def test_its_key_stands_in_the_environment_not_in_the_list_of_processes() -> None:
    command = services.chat_model({}, MODEL).run
    assert isinstance(command, Command)
    assert command.environment[local_chat_server.KEY] == MODEL.key
    assert not any(MODEL.key in argument for argument in command.argv)
    assert MODEL.key not in repr(MODEL)


def test_without_the_extra_nothing_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_chat_server, "find_spec", lambda _name: None)
    arguments = ["up", "--local-model", "--port", str(MODEL.port), "--data-dir", str(tmp_path / "data")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "chatsphere[local-model]" in result.output
    assert not (tmp_path / "data").exists()
