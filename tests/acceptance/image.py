"""Builds what the Dockerfile says without a container engine: each stage has a root of its own, made of this Debian's system files,
and its RUN lines are carried out there word for word.

The base image is not had: instead of it a stage begins with this machine's system and a Python. What is written goes into layers, whose
size is what the image adds to its base.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.conftest import clean_environment

ROOT = Path(__file__).resolve().parents[2]
OF_THE_SYSTEM = ("/usr", "/etc", "/var")
# How packages are had here, which a RUN step takes over from the builder.
OF_THE_INDEX = re.compile(r"PIP_|UV_|SSL_|CURL_CA|REQUESTS_CA|(HTTPS?|NO|ALL)_PROXY$", re.IGNORECASE)


@dataclass(frozen=True)
class Instruction:
    name: str
    text: str

    def words(self) -> list[str]:
        """Of the JSON form or of the other one, without options (``--from=``)."""
        words = json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)
        return [str(word) for word in words]


def instructions(dockerfile: str) -> Iterator[Instruction]:
    """Continued lines are one; comments between them are left out, as Docker does."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    for whole in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if whole.strip():
            name, _, text = whole.strip().partition(" ")
            yield Instruction(name.upper(), text.strip())


def python_like(version: str) -> Path:
    """The prefix of an installed Python of that minor version; of the one that runs the tests where there is none."""
    minor = ".".join(version.split(".")[:2])
    beside = sorted(Path(sys.base_prefix).parent.glob(f"{minor}.*/bin/python3"))
    return beside[-1].parents[1] if beside else Path(sys.base_prefix)


@dataclass
class Stage:
    """The root of one stage, and what its instructions have set so far."""

    folder: Path
    python: Path
    variables: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    keeper: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        path = f"{self.python}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.variables.setdefault("PATH", path)
        for each in ("dev", "proc", "tmp", "opt", "root", "run", *(place[1:] for place in self.lower)):
            self.path(f"/{each}").mkdir(parents=True, exist_ok=True)
        self.path("/tmp").chmod(0o1777)
        for link in ("bin", "lib", "lib64", "sbin"):
            self.path(f"/{link}").symlink_to(f"usr/{link}")
        for place in self.lower:
            for part in ("up", "work"):
                self.layer(place, part).mkdir(parents=True)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def lower(self) -> tuple[str, ...]:
        """What of this machine stands for the base image."""
        inside = any(self.python.is_relative_to(place) for place in OF_THE_SYSTEM)
        return OF_THE_SYSTEM if inside else (*OF_THE_SYSTEM, str(self.python))

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    def layer(self, place: str, part: str) -> Path:
        return self.folder / "layers" / place.strip("/").replace("/", "-") / part

    def argv(self, command: list[str], user: str = "") -> list[str]:
        """``command`` as the stage's user in the stage's root; signals reach it alone."""
        change = ["chroot", f"--userspec={user or self.user}", "--groups=", str(self.root)]
        return [*self._among_its_mounts(), *change, "sh", "-c", 'cd "$0" && exec "$@"', self.workdir, *command]

    def _among_its_mounts(self) -> list[str]:
        """They last as long as one process keeps them: a layer cannot be mounted twice at once."""
        if self.keeper is None:
            keep = ["unshare", "--mount", "sh", "-ec", self._mounts() + "echo mounted; exec sleep infinity"]
            self.keeper = subprocess.Popen(keep, stdout=subprocess.PIPE)
            assert self.keeper.stdout is not None
            assert self.keeper.stdout.readline() == b"mounted\n"
        return ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt"]

    def close(self) -> None:
        if self.keeper is not None:
            self.keeper.kill()
            self.keeper.communicate()
            self.keeper = None

    def make_read_only(self) -> None:
        """All but what the image may write to, as ``read_only: true`` of compose.yaml does."""
        root = shlex.quote(str(self.root))
        lines = [f"mount --bind {root}/{each} {root}/{each}" for each in ("tmp", "data", "run/chatsphere")]
        lines += [f"mount -o remount,bind,ro {root}{place}" for place in ("", *self.lower)]
        subprocess.run([*self._among_its_mounts(), "sh", "-ec", "; ".join(lines)], check=True)

    def _mounts(self) -> str:
        root = shlex.quote(str(self.root))
        lines = [f"mount --bind {root} {root}"]
        lines += [self._overlay(place) for place in self.lower]
        lines += [f"mount --rbind /dev {root}/dev", f"mount -t proc proc {root}/proc"]
        return "; ".join(lines) + "; "

    def _overlay(self, place: str) -> str:
        up, work = self.layer(place, "up"), self.layer(place, "work")
        return f"mount -t overlay overlay -o lowerdir={place},upperdir={up},workdir={work} {self.path(place)}"

    def environment(self, **more: str) -> dict[str, str]:
        return {"HOME": "/root", "LANG": "C.UTF-8"} | self.variables | more

    def run(self, command: list[str], user: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(command, user),
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=1_200,
        )

    def take(self, instruction: Instruction, stages: Mapping[str, Stage]) -> None:
        """Carry out one instruction. Raises AssertionError with its output when a RUN step fails."""
        carry_out = getattr(self, f"_{instruction.name.lower()}", None)
        if carry_out is not None:
            carry_out(instruction, stages)

    def _env(self, instruction: Instruction, _: Mapping[str, Stage]) -> None:
        for word in instruction.words():
            name, _sign, value = word.partition("=")
            self.variables[name] = re.sub(r"\$\{?(\w+)\}?", lambda of: self.variables.get(of[1], ""), value)

    def _user(self, instruction: Instruction, _: Mapping[str, Stage]) -> None:
        self.user = instruction.text

    def _workdir(self, instruction: Instruction, _: Mapping[str, Stage]) -> None:
        self.workdir = instruction.text
        self.path(self.workdir).mkdir(parents=True, exist_ok=True)

    def _entrypoint(self, instruction: Instruction, _: Mapping[str, Stage]) -> None:
        self.entrypoint = instruction.words()

    def _cmd(self, instruction: Instruction, _: Mapping[str, Stage]) -> None:
        self.command = instruction.words()

    def _healthcheck(self, instruction: Instruction, _: Mapping[str, Stage]) -> None:
        self.healthcheck = json.loads(instruction.text.partition("CMD ")[2])

    def _copy(self, instruction: Instruction, stages: Mapping[str, Stage]) -> None:
        words = instruction.words()
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        *sources, target = [word for word in words if not word.startswith("--")]
        base = stages[options["from"]].root if "from" in options else ROOT
        into = self.path(os.path.normpath(os.path.join(self.workdir, target)))
        for source in sources:
            copy(base / source.lstrip("/"), into, into_folder=target.endswith("/"))

    def _run(self, instruction: Instruction, _: Mapping[str, Stage]) -> None:
        index = {name: value for name, value in os.environ.items() if OF_THE_INDEX.match(name)}
        told = self.run(["/bin/sh", "-c", instruction.text], **(index | self.variables))
        print(f"RUN {instruction.text[:70]}… {told.returncode}")
        assert told.returncode == 0, f"{instruction.text}\n{told.stdout[-2000:]}\n{told.stderr[-4000:]}"

    def added(self) -> int:
        """Bytes that the stage has beside its base."""
        places = [self.path(f"/{each}") for each in ("opt", "build", "data", "run", "root", "tmp")]
        places += [self.layer(place, "up") for place in self.lower]
        return sum(size_of(place) for place in places if place.exists())


def copy(source: Path, target: Path, *, into_folder: bool) -> None:
    if source.is_dir():
        left_out = (
            shutil.ignore_patterns("__pycache__") if source.is_relative_to(ROOT) else None
        )  # as .dockerignore does
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=left_out)
        return
    if into_folder:
        target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def size_of(folder: Path) -> int:
    files = (each.lstat() for each in folder.rglob("*") if not each.is_dir() or each.is_symlink())
    return sum(each.st_size for each in files)


@contextmanager
def built(dockerfile: str, folder: Path) -> Iterator[Stage]:
    """Carry out all stages below ``folder``, which other users must be able to enter; the last one can be used until the end."""
    with ExitStack() as stack:
        stages: dict[str, Stage] = {}
        last: Stage | None = None
        for instruction in instructions(dockerfile):
            if instruction.name == "FROM":
                last = begin(instruction.text, folder, stages)
                stack.callback(last.close)
            elif last is not None:
                last.take(instruction, stages)
        assert last is not None, "no stage"
        yield last


def begin(text: str, folder: Path, stages: dict[str, Stage]) -> Stage:
    of, *name = re.split(r"\s+AS\s+", text, flags=re.IGNORECASE)
    number = str(len(stages))
    stage = stages[name[0] if name else number] = Stage(folder / number, python_like(of.partition(":")[2]))
    return stage


def can_be_built() -> bool:
    """Whether this machine grants mounts of one's own (as root)."""
    tried = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"]
    return os.geteuid() == 0 and subprocess.run(tried, env=clean_environment(), check=False).returncode == 0
