"""Run a command that sees a staged tree, read-only, at its final path.

``STAGE FINAL HIDE KEEP... -- CMD...``: a private mount namespace (see mount_namespaces(7)), made by
the process itself: the user stays the same, and nothing is seen by other processes. HIDE is covered
by an empty file system, so that whatever still names the staging directory fails. Each KEEP is
read-only: the tree links to an interpreter, and root could write through that link. FINAL need not
be there: what is above it may be a file system that nothing can be made in.

Exit code 125: there are no namespaces here.
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


def _make_view(stage: bytes, final: bytes, hide: bytes, kept: List[bytes]) -> None:
    _unshare()
    _mount(b"none", b"/", None, _REC | _PRIVATE)
    if not os.path.isdir(final):
        _make_reachable(final)
    for directory in kept:
        _mount(directory, directory, None, _BIND | _REC)
        _make_read_only(directory)
    _mount(stage, final, None, _BIND)
    _make_read_only(final)
    _mount(b"tmpfs", hide, b"tmpfs", 0)


def _make_reachable(final: bytes) -> None:
    """Have an empty directory where none can be made: its file system is read-only.

    The nearest directory above it that is there is covered by an empty file system, into which all
    that it has is bound again.
    """
    above = os.path.dirname(final)
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    if above == b"/":
        raise OSError("no directory above %s" % os.fsdecode(final))
    descriptor = os.open(above, os.O_RDONLY | os.O_DIRECTORY)
    names = os.listdir(above)
    _mount(b"tmpfs", above, b"tmpfs", 0)
    for name in names:
        _bind_again(b"/proc/self/fd/%d/%s" % (descriptor, name), os.path.join(above, name))
    os.close(descriptor)
    os.makedirs(final)
    _mount(b"none", above, None, _REMOUNT | _RDONLY)


def _bind_again(source: bytes, target: bytes) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
    _mount(source, target, None, _BIND | _REC)


def _make_read_only(path: bytes) -> None:
    _mount(b"none", path, None, _BIND | _REMOUNT | _RDONLY | _kept_flags(path))


def main(arguments: List[str]) -> int:
    at = arguments.index("--")
    stage, final, hide, *kept = (os.fsencode(one) for one in arguments[:at])
    try:
        _make_view(stage, final, hide, kept)
    except (OSError, AttributeError) as error:
        print("no private mount namespace here: %s" % error, file=sys.stderr)
        return UNAVAILABLE
    command = arguments[at + 1 :]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print("%s: %s" % (command[0], error.strerror), file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
