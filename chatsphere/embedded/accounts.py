"""Which user a server runs as. PostgreSQL refuses to run as root, so root lends it an unprivileged one."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from chatsphere.embedded.errors import StackError

UNPRIVILEGED_NAMES = ("postgres", "nobody", "daemon")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    return os.geteuid() == 0


def account_for(folder: Path) -> Account | None:
    """Whom root lends to a server that keeps its files in ``folder``; None means: run as the user who asks.

    A folder that already belongs to an unprivileged user keeps its owner, so that root may carry on what a user began.
    Raises StackError when the folder belongs to somebody else, or when root finds no unprivileged user.
    """
    owner = folder.stat().st_uid if folder.exists() else None
    if is_root():
        return _owner_account(owner) if owner else _unprivileged_account()
    if owner is not None and owner != os.geteuid():
        raise StackError(
            f"{folder} belongs to the user {_name_of(owner)}; start ChatSphere as root or choose another --data-dir."
        )
    return None


def hand_over(folder: Path, account: Account) -> None:
    """Make ``account`` the owner of ``folder`` and of all in it; costs a walk only when the owner differs."""
    if folder.stat().st_uid == account.uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, account.uid, account.gid, follow_symlinks=False)
    os.chown(folder, account.uid, account.gid)


def _unprivileged_account() -> Account:
    for name in UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise StackError(
        "PostgreSQL does not run as root and this machine has no user for it; create one with `useradd --system postgres`."
    )


def _owner_account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise StackError(
            f"The database files belong to the user id {uid}, which this machine does not know; "
            "give them to a known user with `chown -R postgres` on the folder postgres/cluster of the data directory."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
