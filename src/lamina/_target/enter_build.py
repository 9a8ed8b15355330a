"""Run a command that can write to a few directories only, and reach no network.

``NETWORK WRITABLE... -- CMD...``: a private mount namespace, and with NETWORK ``none`` a private
network namespace without any interface (see namespaces(7)), made by the process itself: the user
stays the same. All that is mounted is read-only, but for each WRITABLE, for devices and for shared
memory. Exit code 125: there are no namespaces here.
"""

import ctypes
import os
import sys
from typing import List

UNAVAILABLE = 125

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
# statvfs flags and mount flags are the same numbers for these, and a user namespace must keep them
_LOCKED = 2 | 4 | 8 | 1024 | 2048 | (1 << 12)
_ST_RELATIME, _MS_RELATIME = 1 << 12, 1 << 21
_OF_THE_SYSTEM = (b"/proc", b"/sys", b"/dev")

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _mount(source: bytes, target: bytes, kind: object, flags: int) -> None:
    _check(_libc.mount(source, target, kind, ctypes.c_ulong(flags), None))


def _unshare(flags: int) -> None:
    uid, gid = os.getuid(), os.getgid()
    if uid == 0 and _libc.unshare(flags) == 0:
        return
    _check(_libc.unshare(_NEWUSER | flags))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", "%d %d 1" % (uid, uid)),
        ("gid_map", "%d %d 1" % (gid, gid)),
    ):
        with open("/proc/self/" + name, "w") as stream:
            stream.write(text)


def _make_read_only(path: bytes) -> None:
    flags = os.statvfs(path).f_flag & _LOCKED
    if flags & _ST_RELATIME:
        flags = flags & ~_ST_RELATIME | _MS_RELATIME
    _mount(b"none", path, None, _BIND | _REMOUNT | _RDONLY | flags)


def _mounted() -> List[bytes]:
    """Return where something is mounted; the kernel writes odd characters as octal numbers."""
    with open("/proc/self/mountinfo", "rb") as stream:
        names = [line.split()[4] for line in stream]
    for text, code in ((b" ", b"\\040"), (b"\t", b"\\011"), (b"\n", b"\\012"), (b"\\", b"\\134")):
        names = [name.replace(code, text) for name in names]
    return names


def _is_below(path: bytes, above: bytes) -> bool:
    return path == above or path.startswith(above.rstrip(b"/") + b"/")


def _make_view(writable: List[bytes]) -> None:
    _mount(b"none", b"/", None, _REC | _PRIVATE)
    for path in writable:
        _mount(path, path, None, _BIND | _REC)
    kept = (*writable, *_OF_THE_SYSTEM)
    for path in _mounted():
        if any(_is_below(path, one) for one in kept):
            continue
        try:
            _make_read_only(path)
        except OSError:
            # What is covered by another mount, or away, cannot be written to from here either.
            if path == b"/" or os.access(path, os.W_OK):
                raise


def main(arguments: List[str]) -> int:
    at = arguments.index("--")
    network, *writable = arguments[:at]
    command = arguments[at + 1 :]
    here = os.getcwd()
    try:
        _unshare(_NEWNS | (_NEWNET if network == "none" else 0))
        _make_view([os.fsencode(os.path.realpath(one)) for one in writable])
    except (OSError, AttributeError) as error:
        print("no private namespaces here: %s" % error, file=sys.stderr)
        return UNAVAILABLE
    os.chdir(here)  # what was opened before is writable still
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print("%s: %s" % (command[0], error.strerror), file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
