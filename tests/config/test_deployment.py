"""Django's own check of a deployment finds nothing to say about the production settings behind https."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _checked(**environment: str) -> subprocess.CompletedProcess[str]:
    secrets = {
        "CHATSPHERE_ENV": "production",
        "DJANGO_SETTINGS_MODULE": "chatsphere.config.settings.production",
        "SECRET_KEY": "Kq3vT9_x7Lw2Nf8Rz5Yb1Hc6Jm4Pd0Gs-aUeIoWtVnXyZkQjBpLr6",
        "JWT_SIGNING_KEY": "Zt8nB4_w6Mx1Qc9Ls3Vd7Kf2Hp5Ry0Jg-eAoUiEtNsRlDcMvF",
        "ENCRYPTION_KEYS": "q1dWm0c5T2lYb3pLdnNqUmFHN0hGZXVQMTNiTjRNNnk=",
        "ALLOWED_HOSTS": "chat.example.com",
        "PUBLIC_URL": "https://chat.example.com",
        "DATABASE_URL": "postgresql://chatsphere:Vd7Kf2Hp5Ry0JgTn@db.internal/chatsphere",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **secrets, **environment}, capture_output=True, text=True, timeout=120
    )


def test_the_production_settings_pass_the_check_of_a_deployment() -> None:
    checked = _checked()

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no issues" in checked.stdout


def test_the_check_would_find_something_without_https() -> None:
    checked = _checked(PUBLIC_URL="http://chat.example.com")

    assert checked.returncode != 0
    assert "security.W" in checked.stderr


def test_a_price_list_that_cannot_be_read_is_told_at_the_start() -> None:
    broken = _checked(
        MODEL_PRICES='{"openai:small": {"promt": 1, "completion": -2, "currency": "dollars"}, "other": 3}'
    )

    assert broken.returncode != 0
    for complaint in ("'promt'", "'completion'", "currency of 'openai:small'", "price of 'other'"):
        assert complaint in broken.stderr + broken.stdout
    assert "is no JSON" in _checked(MODEL_PRICES="{").stderr
