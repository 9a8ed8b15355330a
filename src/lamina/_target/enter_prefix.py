"""Run a command that sees a staged tree, read-only, at its final path: ``STAGE FINAL HIDE CMD...``.

A private mount namespace (see mount_namespaces(7)), made by the process itself: the user stays the
same, and nothing is seen by other processes. HIDE is covered by an empty file system, so that
whatever still names the staging directory fails. Exit code 125: there are no namespaces here.
"""

import ctypes
import os
import sys
from typing import List, Optional

UNAVAILABLE = 125

_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
# statvfs flags and mount flags are the same numbers for these, and a user namespace must keep them
_LOCKED = 2 | 4 | 8 | 1024 | 2048 | (1 << 12)
_ST_RELATIME, _MS_RELATIME = 1 << 12, 1 << 21

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _mount(source: bytes, target: bytes, kind: Optional[bytes], flags: int) -> None:
    _check(_libc.mount(source, target, kind, ctypes.c_ulong(flags), None))


def _unshare() -> None:
    uid, gid = os.getuid(), os.getgid()
    if uid == 0 and _libc.unshare(_NEWNS) == 0:
        return
    _check(_libc.unshare(_NEWUSER | _NEWNS))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", "%d %d 1" % (uid, uid)),
        ("gid_map", "%d %d 1" % (gid, gid)),
    ):
        with open("/proc/self/" + name, "w") as stream:
            stream.write(text)


def _kept_flags(path: bytes) -> int:
    flags = os.statvfs(path).f_flag & _LOCKED
    if flags & _ST_RELATIME:
        flags = flags & ~_ST_RELATIME | _MS_RELATIME
    return flags


def main(arguments: List[str]) -> int:
    stage, final, hide = (os.fsencode(one) for one in arguments[:3])
    try:
        _unshare()
        _mount(b"none", b"/", None, _REC | _PRIVATE)
        _mount(stage, final, None, _BIND)
        _mount(b"none", final, None, _BIND | _REMOUNT | _RDONLY | _kept_flags(final))
        _mount(b"tmpfs", hide, b"tmpfs", 0)
    except (OSError, AttributeError) as error:
        print("no private mount namespace here: %s" % error, file=sys.stderr)
        return UNAVAILABLE
    command = arguments[3:]
    return os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
