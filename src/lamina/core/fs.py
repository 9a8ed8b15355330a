"""Every change to the file system: atomic writes, staged trees, renames, removals.

Each change first calls the observer, which is how the tests fail the n-th of them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Literal
from uuid import uuid4

from lamina.core.errors import ConflictError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


_HERE = -100
"""AT_FDCWD: relative paths start at the working directory."""
_EXCHANGE = 2
"""RENAME_EXCHANGE."""
_FICLONE = 0x40049409
"""_IOW(0x94, 9, int), of linux/fs.h."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_LINK = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
)
"""EPERM also where the kernel lets nobody link to what others own (proc_sys_fs(5))."""

Way = Literal["clone", "link", "copy"]
"""Two files with blocks in common, one file with two names, two files."""


class _Observers:
    """The functions told of every change before it is made."""

    def __init__(self) -> None:
        self.active: list[Callable[[str, Path], None]] = []


_observers = _Observers()


@contextmanager
def observe(observer: Callable[[str, Path], None]) -> Iterator[None]:
    """Call ``observer(operation, path)`` before every change made by the enclosed code."""
    _observers.active.append(observer)
    try:
        yield
    finally:
        _observers.active.remove(observer)


@contextmanager
def change(operation: str, path: Path) -> Iterator[None]:
    """Announce a change and translate what the operating system says against it."""
    for observer in _observers.active:
        observer(operation, path)
    try:
        yield
    except OSError as error:
        raise storage_error(error, path) from error


def storage_error(error: OSError, path: Path) -> StorageError:
    """Return the error of the operating system as one of ours, with a hint where there is one."""
    reasons = {
        errno.ENOSPC: ("no space left", "free space on that file system, then run it again"),
        errno.EDQUOT: ("the quota is used up", "free space on that file system"),
        errno.EROFS: (
            "the file system is read-only",
            "run it where that may be written to, or choose another directory",
        ),
        errno.EACCES: ("permission denied", "choose a directory that you may write to"),
        errno.EPERM: ("not permitted", "choose a directory that you may write to"),
    }
    code, text = _code_and_text(error)
    reason, hint = reasons.get(code, (text, ""))
    return StorageError(f"{path}: {reason}", hints=[hint] if hint else [])


def _code_and_text(error: OSError) -> tuple[int, str]:
    """Look into what shutil.copytree collects, which has texts and no numbers."""
    if not isinstance(error, shutil.Error):
        return error.errno or 0, error.strerror or str(error)
    text = str(error.args[0][0][2] if isinstance(error.args[0], list) else error)
    found = re.match(r"\[Errno (\d+)\]", text)
    return int(found[1]) if found else 0, text


def make_directory(path: Path, *, readable: bool = False) -> None:
    """Create a directory and its parents where missing.

    ``readable``: everybody may read what is new, whatever the umask says.
    """
    with change("mkdir", path):
        missing = [one for one in (path, *path.parents) if readable and not one.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for one in missing:
            one.chmod(stat.S_IMODE(one.stat().st_mode) | 0o555)


def write_text(path: Path, text: str, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace a file by ``text`` (UTF-8) in one step; a reader sees the old or the new one."""
    write_bytes(path, text.encode("utf-8"), mode=mode, durable=durable)


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace a file by ``data`` in one step; a reader sees the old or the new one.

    ``durable``: wait until it is on disk; needless in a tree that is flushed as a whole.
    """
    beside = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
    with change("write", path):
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            beside.chmod(mode)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """Let the enclosed code write what is a file once it ends; whatever fails, nothing is left.

    For what is too large for memory. What a killed process left beside it is overwritten. Raises
    ConflictError while another process writes the same file.
    """
    beside = path.with_name(f".{path.name}.part")
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with change("write", path), os.fdopen(os.open(beside, flags, 0o600), "r+b") as stream:
        if not _is_ours(stream, beside):
            raise ConflictError(f"{path}: another process is writing it")
        try:
            stream.truncate(0)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            beside.chmod(mode)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _is_ours(stream: IO[bytes], path: Path) -> bool:
    """Lock a file; False where another process has it, or has moved it away since it was opened."""
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(stream.fileno()), path.lstat())
    except (BlockingIOError, FileNotFoundError):
        return False


def touch(path: Path) -> None:
    """Make an empty file where there is none."""
    with change("touch", path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))


def shared_mode(directory: Path) -> int:
    """Return the mode of a file for whoever uses its directory, whatever the umask says.

    Everybody may read it, and who may write to the directory may write to it.
    """
    return 0o644 | (stat.S_IMODE(directory.stat().st_mode) & 0o022)


def append_line(path: Path, line: str, *, shared: bool = False) -> None:
    """Add one line to a file, in one write, and wait until it is on disk.

    ``shared``: a new one gets the ``shared_mode``.
    """
    with change("append", path), path.open("ab") as stream:
        if shared and stream.tell() == 0 and os.fstat(stream.fileno()).st_uid == os.geteuid():
            os.fchmod(stream.fileno(), shared_mode(path.parent))
        stream.write(f"{line}\n".encode())
        stream.flush()
        os.fsync(stream.fileno())


def symlink(path: Path, target: str | Path) -> None:
    """Make ``path`` a link to ``target``, replacing a link or file that is there in one step."""
    beside = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
    with change("symlink", path):
        beside.symlink_to(target)
        try:
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def rename(source: Path, target: Path) -> None:
    """Move within one file system by rename; an empty target directory is replaced."""
    with change("rename", target):
        source.rename(target)


def exchange(one: Path, other: Path) -> None:
    """Swap what two paths of one file system name.

    In one step where the system can (renameat2(2)); elsewhere ``one`` is missing for a moment, and
    is back when the second half fails.
    """
    with change("exchange", one):
        if not _exchanged(one, other):
            _exchange_by_renames(one, other)


def _exchanged(one: Path, other: Path) -> bool:
    """Ask the system for the one step; False where it does not know it."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in {errno.ENOSYS, errno.EINVAL}:  # an old kernel, a file system that cannot
        return False
    raise OSError(code, os.strerror(code), str(one))


def _exchange_by_renames(one: Path, other: Path) -> None:
    beside = one.with_name(f".{one.name}.{uuid4().hex[:12]}")
    one.rename(beside)
    try:
        other.rename(one)
    except BaseException:
        beside.rename(one)
        raise
    beside.rename(other)


def copy_file(source: Path, target: Path) -> None:
    """Copy content and mode."""
    with change("copy", target):
        shutil.copy2(source, target)


def share_file(source: Path, target: Path, *, clone: bool = True, link: bool = True) -> Way:
    """Give the new file ``target`` the content and mode of ``source``; return how.

    In the first way that the file system has: a clone, a hard link, a copy.
    """
    with change("share", target):
        if clone and _cloned(source, target):
            return "clone"
        if link and _linked(source, target):
            return "link"
        shutil.copy2(source, target)
        return "copy"


def can_clone(directory: Path) -> bool:
    """Tell whether files of a file system can be clones, by making one."""
    one, other = (directory / f".{uuid4().hex[:12]}" for _ in range(2))
    with change("clone", other):
        try:
            one.write_bytes(b"content")
            return _cloned(one, other)
        finally:
            one.unlink(missing_ok=True)
            other.unlink(missing_ok=True)


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True


def _cloned(source: Path, target: Path) -> bool:
    """Have two files share their blocks until one is written to (ioctl_ficlone(2))."""
    with source.open("rb") as reading:
        status = os.fstat(reading.fileno())
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.ioctl(writing, _FICLONE, reading.fileno())
            os.fchmod(writing, stat.S_IMODE(status.st_mode))
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        except OSError as error:
            target.unlink()
            if error.errno in _FULL:
                raise
            return False
        except BaseException:
            target.unlink()
            raise
        finally:
            os.close(writing)
    return True


def copy_tree(
    source: Path, target: Path, *, ignore: Callable[[str, list[str]], set[str]] | None = None
) -> None:
    """Copy a tree into a new directory, links kept as links."""
    with change("copytree", target):
        shutil.copytree(source, target, symlinks=True, ignore=ignore)


def remove_file(path: Path) -> None:
    """Remove a file or link if it is there."""
    with change("unlink", path):
        path.unlink(missing_ok=True)


def remove_tree(path: Path) -> None:
    """Remove a tree or a file, read-only or not; nothing happens when it is not there."""
    with change("rmtree", path):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        for directory, _, _ in os.walk(path):
            os.chmod(directory, 0o700)  # noqa: PTH101
        shutil.rmtree(path)


def make_read_only(path: Path) -> None:
    """Set files to 0444 (0555 when executable) and directories to 0555, the top one last.

    What is so already is left alone: it may be another tree's file as well, and another user's.
    """
    with change("chmod", path):
        for directory, _, files in os.walk(path, topdown=False):
            for name in files:
                file = os.path.join(directory, name)  # noqa: PTH118
                mode = os.lstat(file).st_mode
                wanted = read_only(mode)
                if stat.S_ISREG(mode) and stat.S_IMODE(mode) != wanted:
                    os.chmod(file, wanted)  # noqa: PTH101
            os.chmod(directory, 0o555)  # noqa: PTH101, S103


def read_only(mode: int) -> int:
    """Return the mode that a file has in a tree that is read-only."""
    return 0o555 if mode & 0o111 else 0o444


def set_mode(path: Path, mode: int) -> None:
    """Set the mode of one file or directory."""
    with change("chmod", path):
        path.chmod(mode)


def remove_empty_directory(path: Path) -> bool:
    """Remove a directory if there is nothing in it, and tell whether it is gone."""
    with change("rmdir", path):
        try:
            path.rmdir()
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise
            return False
        return True


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Wait until nobody else is in this block for a directory; for changes that take no time."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Where a file system has no locks, two people at once are on their own.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
