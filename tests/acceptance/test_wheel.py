"""The package on its own: built, installed somewhere else, started there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.conftest import clean_environment, free_port

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def test_the_built_wheel_alone_starts_the_platform(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT, check=True
    )
    wheel = next(tmp_path.glob("chatsphere-*.whl"))
    uv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "-q",
        "--offline",
        "--no-deps",
        "--target",
        str(installed),
        str(wheel),
    ]
    subprocess.run(uv, check=True)
    environment = clean_environment(PYTHONPATH=str(installed), PYTHONSAFEPATH="1")
    where = subprocess.run(
        [sys.executable, "-c", "import chatsphere; print(chatsphere.__file__)"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    port, log = free_port(), tmp_path / "up.log"
    start = "from chatsphere.cli import main; main()"
    command = [sys.executable, "-c", start, "up", "--port", str(port), "--data-dir", str(tmp_path / "data")]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT)
    try:
        assert answers(f"http://127.0.0.1:{port}/readyz", 90), log.read_text()
        assert "swagger" in httpx2.get(f"http://127.0.0.1:{port}/api/docs/", trust_env=False).text.lower()
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx2.get(url, trust_env=False).status_code == 200:
                return True
        except httpx2.TransportError:
            pass
        time.sleep(0.3)
    return False
