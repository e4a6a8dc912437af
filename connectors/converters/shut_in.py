"""What the process that parses files gives away before it has one, where the host lets it."""

from __future__ import annotations

import ctypes
import os
import pwd
import sys
from collections.abc import Iterator
from typing import Any

_NEW_NETWORK, _NEW_USER = 0x4000_0000, 0x1000_0000  # of <sched.h>


def without_network() -> bool:
    """Go where there is no network, not even this machine's own; whether the host allows it.

    Needs a kernel that lets any user have namespaces, or root.
    """
    try:
        unshare: Any = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):  # only Linux has it
        return False
    return unshare(_NEW_NETWORK) == 0 or unshare(_NEW_USER | _NEW_NETWORK) == 0


def as_nobody() -> bool:
    """Become the user to whom no file belongs; whether that could be.

    Needs root, and an interpreter and packages that everybody may read: what could not be imported
    any more would be needed for the next file. The kernel then forgets with whom we were to end.
    """
    if os.getuid() != 0:
        return False
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return False
    user, group = nobody.pw_uid, nobody.pw_gid
    groups, before = os.getgroups(), os.getegid()
    imported = [*_imported()]  # what nobody does not even see is among it
    os.setgroups([])
    os.setegid(group)
    os.seteuid(user)
    readable = all(os.access(*each, effective_ids=True) for each in imported)
    os.seteuid(0)
    if not readable:
        os.setegid(before)
        os.setgroups(groups)
        return False
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    return True


def _imported() -> Iterator[tuple[str, int]]:
    """What a later import may have to do with which file; inside, a package is as it is outside."""
    for folder in filter(os.path.isdir, sys.path):
        yield folder, os.R_OK | os.X_OK
        for each in os.scandir(folder):
            if _is_module(each):
                yield each.path, os.R_OK | os.X_OK if each.is_dir() else os.R_OK


def _is_module(entry: os.DirEntry[str]) -> bool:
    return entry.name.isidentifier() if entry.is_dir() else entry.name.endswith((".py", ".so"))
