"""Benchmarks start by themselves: those of the search need no settings of Django, though they use code of the apps."""

import os
import subprocess
import sys


def test_the_search_benchmarks_start_without_settings() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    modules = "import benchmarks.quality_search, benchmarks.search_speed"
    run = subprocess.run([sys.executable, "-c", modules], env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
