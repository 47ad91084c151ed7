"""Brings the figures of all processes of this machine together, for whichever of them answers ``/metrics``.

Every process writes its figures into a file of METRICS_DIR every few seconds and at its end; the one that answers adds up the files and what it
knows itself. Whoever finds the file of a process that is gone adds its counters to ``ended.json``, so that sums never fall. prometheus-client's own
way (files that processes map into memory) would cost more at each count, and a full disk would kill the process that counts.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil
from django.conf import settings
from prometheus_client.core import Metric
from prometheus_client.samples import Sample

from chatsphere.core import metrics, process

ENDED = "ended.json"
HIGHEST = ("chatsphere_breaker_open",)  # gauges of which the highest counts; of all others it is the sum

Family = dict[str, Any]  # name, type, help, samples: [[name, {labels}, value], …]


def publish() -> None:
    """Write this process's figures. A folder that cannot be written loses figures, nothing else. Costs a few milliseconds."""
    if not process.role:
        return
    folder = _folder()
    own = {"pid": os.getpid(), "created": _created(os.getpid()), "role": process.role, "families": collected()}
    target = folder / f"{os.getpid()}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(orjson.dumps(own))
        partial.replace(target)
    except OSError:
        return


def everything() -> list[Metric]:
    """The figures of all living processes and of those that have ended."""
    own = collected()
    try:
        with _locked():
            others = [each for each in _read() if each["pid"] != os.getpid()]
            living, gone = _parted(others)
            ended = _bury(gone)
    except OSError:
        return _merged([own])
    return _merged([own, ended, *(each["families"] for each in living)])


def processes() -> list[tuple[str, psutil.Process]]:
    """Role and process of everything of this machine that publishes figures and lives."""
    own = [{"pid": os.getpid(), "created": _created(os.getpid()), "role": process.role or "web"}]
    try:
        others = [each for each in _read() if each["pid"] != os.getpid()]
    except OSError:
        others = []
    found = []
    for each in own + _parted(others)[0]:
        try:
            found.append((str(each["role"]), psutil.Process(each["pid"])))
        except psutil.Error:
            continue
    return found


def collected() -> list[Family]:
    """This process's figures, in the form in which they are written."""
    return [
        {
            "name": family.name,
            "type": family.type,
            "help": family.documentation,
            "samples": [
                [sample.name, sample.labels, sample.value]
                for sample in family.samples
                if not sample.name.endswith("_created")
            ],
        }
        for family in metrics.REGISTRY.collect()
    ]


def _folder() -> Path:
    return Path(settings.METRICS_DIR)


@contextmanager
def _locked() -> Iterator[None]:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read() -> list[dict[str, Any]]:
    found = []
    for file in sorted(_folder().glob("*.json")):
        if file.name != ENDED:
            try:
                found.append(orjson.loads(file.read_bytes()))
            except (OSError, ValueError):
                continue
    return found


def _parted(written: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    living: list[dict[str, Any]] = []
    gone: list[dict[str, Any]] = []
    for each in written:
        (living if abs(_created(each["pid"]) - each["created"]) < 1.0 else gone).append(each)
    return living, gone


def _created(pid: int) -> float:
    """When a process began; a number that was given to another process meanwhile has another moment. -1 without one."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return -1.0


def _bury(gone: Iterable[dict[str, Any]]) -> list[Family]:
    """Add the counters of ended processes to what is kept of them; needs the lock."""
    file = _folder() / ENDED
    kept: list[Family] = orjson.loads(file.read_bytes()) if file.exists() else []
    gone = list(gone)
    if not gone:
        return kept
    lasting = [[family for family in each["families"] if family["type"] != "gauge"] for each in gone]
    kept = [_written(metric) for metric in _merged([kept, *lasting])]
    partial = file.with_suffix(".partial")
    partial.write_bytes(orjson.dumps(kept))
    partial.replace(file)
    for each in gone:
        (_folder() / f"{each['pid']}.json").unlink(missing_ok=True)
    return kept


def _written(metric: Metric) -> Family:
    samples = [[sample.name, sample.labels, sample.value] for sample in metric.samples]
    return {"name": metric.name, "type": metric.type, "help": metric.documentation, "samples": samples}


def _merged(all_families: Iterable[list[Family]]) -> list[Metric]:
    merged: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for families in all_families:
        for family in families:
            name = family["name"]
            merged.setdefault(name, Metric(name, family["help"], family["type"]))
            _add(values.setdefault(name, {}), family["samples"], takes_highest=name in HIGHEST)
    for name, metric in merged.items():
        metric.samples = [Sample(of, dict(labels), value) for (of, labels), value in values[name].items()]
    return list(merged.values())


def _add(values: dict[Any, float], samples: Iterable[Any], *, takes_highest: bool) -> None:
    for name, labels, value in samples:
        key = (name, tuple(labels.items()))
        values[key] = max(values.get(key, value), value) if takes_highest else values.get(key, 0.0) + value


def forget_all() -> None:
    """Delete what an earlier start left behind, when nobody of it lives. Called before the first process begins to count."""
    try:
        with _locked():
            if not _parted(_read())[0]:
                for file in _folder().glob("*.json"):
                    file.unlink(missing_ok=True)
    except OSError:
        return
