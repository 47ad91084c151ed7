"""Settings from the environment: typed, from files, all mistakes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatsphere.config.env import ConfigurationError, Environment

STRONG = {
    "SECRET_KEY": "k" * 20 + "0123456789abcdefghij",
    "JWT_SIGNING_KEY": "j" * 20 + "0123456789abcdefghij",
    "ENCRYPTION_KEYS": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
}


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    env = Environment({"KEY_FILE": str(tmp_path / "key")})
    assert env.secret("KEY", help="a key") == "from the file"


def test_the_variable_itself_wins_over_its_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file")
    env = Environment({"KEY_FILE": str(tmp_path / "key"), "KEY": "direct"})
    assert env.secret("KEY", help="a key") == "direct"


def test_all_mistakes_are_reported_at_once_by_name() -> None:
    env = Environment({"COUNT": "many", "FLAG": "perhaps", "URL": "ftp://x", "SECRET_FILE": "/does/not/exist"})
    env.integer("COUNT", 1, help="")
    env.boolean("FLAG", False, help="")
    env.url("URL", "http://x", ("http", "https"), help="")
    env.secret("SECRET", help="")
    with pytest.raises(ConfigurationError) as caught:
        env.check()
    for name in ("COUNT", "FLAG", "URL", "SECRET_FILE"):
        assert f"- {name}:" in str(caught.value)


def test_a_bad_secret_is_not_shown() -> None:
    env = Environment({"DATABASE_URL": "mysql://user:hunter2@host/db"})
    env.url("DATABASE_URL", "postgresql://x", ("postgresql",), help="", secret=True)
    assert env.problems
    assert "hunter2" not in env.problems[0]


def load_production(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import chatsphere.config.settings.production as s; print('loaded', s.DEBUG)"],
        env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip


def test_production_starts_with_secrets_of_its_own() -> None:
    result = load_production(**STRONG)
    assert result.stdout == "loaded False\n", result.stderr


@pytest.mark.parametrize("missing", sorted(STRONG))
def test_production_refuses_a_missing_secret(missing: str) -> None:
    result = load_production(**{name: value for name, value in STRONG.items() if name != missing})
    assert result.returncode != 0
    assert missing in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "changeme-changeme-changeme-changeme"),
        ("JWT_SIGNING_KEY", STRONG["SECRET_KEY"]),
        ("ENCRYPTION_KEYS", "not a fernet key"),
        ("ALLOWED_HOSTS", "*"),
        ("DEBUG", "true"),
        ("MAX_JSON_BYTES", "a lot"),
    ],
)
def test_production_refuses_what_is_weak_or_wrong_and_names_it(name: str, value: str) -> None:
    result = load_production(**{**STRONG, name: value})
    assert result.returncode != 0
    assert f"- {name}:" in result.stderr
