"""What the page, the dashboard and the alerts speak of is what ``/metrics`` exports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operations" / "monitoring.md"
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "chatsphere.json"
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")


@pytest.fixture
def exported(client: Any, db: None) -> dict[str, str]:
    """Kind by name."""
    text = client.get("/metrics").content.decode()
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))


def names_in(expression: str, exported: dict[str, str]) -> set[str]:
    found = set(re.findall(r"\bchatsphere_\w+", expression))
    return {name if name in exported else SUFFIX.sub("", name) for name in found}


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_the_page_lists_every_metric_with_its_kind(exported: dict[str, str]) -> None:
    told = dict(re.findall(r"^\| `(chatsphere_\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert told == exported


def test_every_expression_asks_for_metrics_that_exist(exported: dict[str, str]) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    assert len(asked) > 30
    unknown = {name for each in [*asked, *(rule["expr"] for rule in alerts())] for name in names_in(each, exported)}
    assert unknown - set(exported) == set()


def test_nearly_every_metric_is_shown_on_the_dashboard(exported: dict[str, str]) -> None:
    text = DASHBOARD.read_text()
    assert [name for name in exported if name not in text and name not in RULES.read_text()] == []


def test_the_page_says_what_to_do_for_every_alert() -> None:
    told = re.findall(r"^\| `(ChatSphere\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(told) == sorted(rule["alert"] for rule in alerts())
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]


def test_panels_do_not_lie_over_each_other() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (p["gridPos"]["x"] + dx, p["gridPos"]["y"] + dy)
        for p in panels
        for dx in range(p["gridPos"]["w"])
        for dy in range(p["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed here")
def test_prometheus_takes_rules_and_configuration() -> None:
    for command in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        subprocess.run(["promtool", "check", *command], cwd=RULES.parent, check=True, capture_output=True)


@pytest.mark.django_db
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed here")
def test_prometheus_finds_nothing_to_say_about_the_figures(client: Any) -> None:
    body = client.get("/metrics").content
    said = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)
    assert said.returncode in (0, 3), said.stderr  # 3: only remarks of style
    assert b"error" not in said.stderr.lower()
