"""Run a command in a view of the file system of its own, and leave nothing of it running.

``VIEW PARENT DIRECTORY... -- CMD...``: private namespaces (see namespaces(7)), made by the process
itself: the user stays the same, and nothing is seen by other processes. VIEW is one of:

``none``: no namespaces; ``DIRECTORY...`` does not count.
``writes``, ``all``: all that is mounted is read-only, but for each DIRECTORY and for devices;
shared memory and process numbers are its own, and with ``all`` there is no network.
``prefix STAGE FINAL HIDE KEEP...``: STAGE is seen, read-only, at FINAL. HIDE is covered by an empty
file system, so that whatever still names the staging directory fails. Each KEEP is read-only: the
tree links to an interpreter, and root could write through that link. FINAL need not be there: what
is above it may be a file system that nothing can be made in.

Whatever the command starts ends with it, also what made itself a session of its own, and all of it
ends with PARENT, the process that started this one, however that ends. Exit code 125: there are no
namespaces here.
"""

import contextlib
import ctypes
import os
import signal
import struct
import sys
from typing import List

UNAVAILABLE = 125

_NEWNS, _NEWUSER, _NEWPID, _NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
# statvfs flags and mount flags are the same numbers for these, and a user namespace must keep them
_LOCKED = 2 | 4 | 8 | 1024 | 2048 | (1 << 12)
_ST_RELATIME, _MS_RELATIME = 1 << 12, 1 << 21
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8
_OF_THE_SYSTEM = (b"/proc", b"/sys", b"/dev")
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36

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


def _read_only(path: bytes) -> None:
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


def _see_read_only(writable: List[bytes]) -> None:
    for path in writable:
        _mount(path, path, None, _BIND | _REC)
    kept = (*writable, *_OF_THE_SYSTEM)
    for path in _mounted():
        if any(_is_below(path, one) for one in kept):
            continue
        try:
            _read_only(path)
        except OSError:
            # What is covered by another mount, or away, cannot be written to from here either.
            if path == b"/" or os.access(path, os.W_OK):
                raise


def _see_staged(stage: bytes, final: bytes, hide: bytes, *kept: bytes) -> None:
    if not os.path.isdir(final):
        _make_reachable(final)
    for directory in kept:
        _mount(directory, directory, None, _BIND | _REC)
        _read_only(directory)
    _mount(stage, final, None, _BIND)
    _read_only(final)
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


def _own_system() -> None:
    """Have the processes of this namespace in /proc, and shared memory that nobody else sees."""
    for kind, place, flags in (
        (b"proc", b"/proc", _NOSUID | _NODEV | _NOEXEC),
        (b"tmpfs", b"/dev/shm", _NOSUID | _NODEV),
    ):
        # Containers may forbid it: then others are seen, and cannot be reached.
        with contextlib.suppress(OSError):
            _mount(kind, place, kind, flags)


def _supervise(command: List[str], *, apart: bool) -> bytes:
    """Run a command in a session of its own until it ends, and return its wait status, packed.

    ``apart``: as the first process of a namespace, whose end ends all others in it.
    """
    if not apart:
        _libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGTERM, _end)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        try:
            os.execvp(command[0], command)
        except OSError as error:
            print("%s: %s" % (command[0], error.strerror), file=sys.stderr)
            os._exit(127)
    ended, status = os.wait()
    while ended != child:
        ended, status = os.wait()
    if not apart:
        _end_children()
    return struct.pack("i", status)


def _end(number: int, frame: object) -> None:  # noqa: ARG001
    _end_children()
    os._exit(128 + number)


def _end_children() -> None:
    """End all children, and those that become ours because their parents end."""
    while True:
        left = _children()
        if not left:
            return
        for one in left:
            os.kill(one, signal.SIGKILL)
            os.waitpid(one, 0)


def _children() -> List[int]:
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % name, "rb") as stream:
                parent = stream.read().rpartition(b")")[2].split()[1]
        except (OSError, IndexError):
            continue
        if name.isdigit() and int(parent) == os.getpid():
            found.append(int(name))
    return found


def _run(command: List[str], *, apart: bool) -> int:
    """Run a command below a process that ends with this one, and return its wait status."""
    reading, writing = os.pipe()
    alive, held = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(reading)
        os.close(held)
        _libc.prctl(_SET_PDEATHSIG, signal.SIGKILL if apart else signal.SIGTERM, 0, 0, 0)
        os.set_blocking(alive, False)
        try:
            os.read(alive, 1)
            os._exit(1)  # The end of the pipe: what we are to end with has ended already.
        except BlockingIOError:
            pass
        os.setsid()  # Not of the group that is killed at once: something has to clean up.
        if apart:
            _own_system()
        os.write(writing, _supervise(command, apart=apart))
        os._exit(0)
    os.close(writing)
    answer = os.read(reading, 4)
    _, status = os.waitpid(keeper, 0)
    return struct.unpack("i", answer)[0] if len(answer) == 4 else status


def _make_view(view: str, directories: List[str]) -> None:
    here = os.getcwd()
    apart = {"writes": _NEWPID, "all": _NEWPID | _NEWNET}
    _unshare(_NEWNS | apart.get(view, 0))
    _mount(b"none", b"/", None, _REC | _PRIVATE)
    if view == "prefix":
        _see_staged(*(os.fsencode(one) for one in directories))
        return
    _see_read_only([os.fsencode(os.path.realpath(one)) for one in directories])
    os.chdir(here)  # what was opened before is writable still


def main(arguments: List[str]) -> int:
    at = arguments.index("--")
    view, parent, *directories = arguments[:at]
    _libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        return 1
    try:
        if view != "none":
            _make_view(view, directories)
    except (OSError, AttributeError) as error:
        print("no private namespaces here: %s" % error, file=sys.stderr)
        return UNAVAILABLE
    status = _run(arguments[at + 1 :], apart=view in {"writes", "all"})
    if os.WIFSIGNALED(status):
        # Ended as the command was, so that the caller sees by what.
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return os.WEXITSTATUS(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
