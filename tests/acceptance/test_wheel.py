"""The package on its own: built, installed with what it depends on into an environment of its own, started there by its command."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.conftest import free_port
from tests.acceptance.fresh_venv import ROOT, UV, environment_of_a_stranger, run_outside, size_in_mb, skip_without_index

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_built_wheel_alone_starts_the_platform(tmp_path: Path) -> None:
    wheel, venv = build(tmp_path), tmp_path / "venv"
    skip_without_index(run_outside([*UV, "venv", "--python", sys.executable, str(venv)], tmp_path))
    install = [*UV, "pip", "install", "--python", str(venv / "bin/python"), "--constraint", f"{ROOT}/requirements.lock"]
    skip_without_index(run_outside([*install, str(wheel)], tmp_path))
    installed = packages(venv, tmp_path)
    print(f"{len(installed)} packages, {size_in_mb(venv)} MB; the wheel {wheel.stat().st_size / 1e6:.1f} MB")
    assert "pytest" not in installed, "nothing of a developer's environment is there"
    where = run_outside([str(venv / "bin/python"), "-c", "import chatsphere; print(chatsphere.__file__)"], tmp_path)
    assert where.stdout.startswith(str(venv)), where.stdout + where.stderr
    starts_and_stops(venv / "bin/chatsphere", tmp_path)


def build(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return next(folder.glob("chatsphere-*.whl"))


def packages(venv: Path, folder: Path) -> set[str]:
    told = run_outside([*UV, "pip", "freeze", "--python", str(venv / "bin/python")], folder)
    assert told.returncode == 0, told.stderr
    return {line.partition("==")[0].partition(" @")[0] for line in told.stdout.splitlines()}


def starts_and_stops(program: Path, folder: Path) -> None:
    """``chatsphere up`` on an empty folder is ready, serves its pages, and ends well when it is asked to."""
    port, log = free_port(), folder / "up.log"
    command = [str(program), "up", "--port", str(port), "--data-dir", str(folder / "data")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment_of_a_stranger(), cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        assert answers(f"http://127.0.0.1:{port}/readyz", 120, process), log.read_text()
        assert "swagger" in httpx2.get(f"http://127.0.0.1:{port}/api/docs/", trust_env=False).text.lower()
    finally:
        process.terminate()
        status = process.wait(60)
    assert status == 0, log.read_text()


def answers(url: str, seconds: float, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(url, trust_env=False).status_code == 200:
                return True
        except httpx2.TransportError:
            pass
        time.sleep(0.3)
    return False
