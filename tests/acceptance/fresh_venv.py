"""Environments outside of the checkout, into which packages are installed as an operator installs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import clean_environment

ROOT = Path(__file__).resolve().parents[2]
UV = [sys.executable, "-m", "uv"]
NOT_REACHED = ("failed to fetch", "error sending request", "network was disabled", "dns error")


def environment_of_a_stranger(**changes: str) -> dict[str, str]:
    """Nothing of the checkout and its environment can be imported through it."""
    inherited = clean_environment()
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"):
        inherited.pop(name, None)
    return inherited | changes


def run_outside(command: list[str], folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """``command`` in ``folder``, which is none of the checkout."""
    assert not folder.resolve().is_relative_to(ROOT)
    return subprocess.run(
        command,
        cwd=folder,
        env=environment_of_a_stranger(**changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def skip_without_index(told: subprocess.CompletedProcess[str]) -> None:
    """Skip where packages cannot be had; any other reason for a failure is one."""
    if told.returncode and any(sign in told.stderr.lower() for sign in NOT_REACHED):
        pytest.skip(f"the package index cannot be reached: {told.stderr[-300:]}")
    assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-4000:]


def size_in_mb(folder: Path) -> int:
    """What its files take, links not followed."""
    return sum(each.lstat().st_blocks * 512 for each in folder.rglob("*") if not each.is_dir()) // 1_000_000
