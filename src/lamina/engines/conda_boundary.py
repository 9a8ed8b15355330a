"""The boundary to py-rattler: no coroutine, no panic and no error of its own gets past it."""

from __future__ import annotations

import asyncio
import atexit
import errno
import functools
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from rattler import exceptions

from lamina.core.errors import (
    IntegrityError,
    LaminaError,
    StorageError,
    UnsatisfiableError,
    UpstreamUnavailableError,
    UsageError,
)
from lamina.core.fs import storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

R = TypeVar("R")

_SETTLING_SECONDS = 0.1
_NOT_WRITTEN = 120
"""What Python ends with when its output cannot be flushed."""
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_KINDS: tuple[tuple[type[LaminaError], tuple[str, ...]], ...] = (
    (UnsatisfiableError, ("SolverError",)),
    (UpstreamUnavailableError, ("GatewayError", "FetchRepoDataError")),
    (IntegrityError, ("ExtractError", "ValidatePackageRecordsError")),
    (StorageError, ("IoError", "CacheDirError")),
    (LaminaError, ("LinkError", "TransactionError", "InstallerError")),
    (
        UsageError,
        (
            "InvalidMatchSpecError", "InvalidVersionError", "InvalidVersionSpecError",
            "InvalidPackageNameError", "PackageNameMatcherParseError", "InvalidUrlError",
            "InvalidChannelError", "ParseSubdirError", "ParseArchError",
        ),
    ),
)  # fmt: skip


def call(work: Callable[[], Coroutine[Any, Any, R]], what: str) -> R:
    """Run a coroutine to its end and return what it returns.

    ``what`` is named in errors: UnsatisfiableError, UpstreamUnavailableError, IntegrityError,
    StorageError, UsageError, and LaminaError for a panic. Must not be called in an event loop.
    """
    _settle_at_exit()
    return guarded(lambda: asyncio.run(work()), what)


def guarded(work: Callable[[], R], what: str) -> R:
    """Run what calls py-rattler without waiting, with the same errors."""
    try:
        return work()
    except (LaminaError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except Exception as error:
        kind = _kind_of(error)
        if kind is None:
            raise
        raise _of_the_disk(error, what) or kind(f"{what}: {_words(error)}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise LaminaError(
            f"{what}: the conda engine panicked: {error}",
            hints=["this is a fault of py-rattler or of lamina: report it with what was asked"],
        ) from error


def _kind_of(error: Exception) -> type[LaminaError] | None:
    for kind, names in _KINDS:
        if isinstance(error, tuple(getattr(exceptions, name) for name in names)):
            return kind
    return None


def _of_the_disk(error: Exception, what: str) -> StorageError | None:
    """Return what the system has refused, whatever the engine was at: it says so at the end."""
    for number in map(int, _SYSTEM_ERROR.findall(str(error))):
        if number in _DISK:
            return storage_error(OSError(number, os.strerror(number)), Path(what))
    return None


def _words(error: BaseException) -> str:
    """Return the whole chain of reasons, each once."""
    return str(error).strip().removeprefix("Cannot solve the request because of: ")


def leave(code: int) -> NoReturn:
    """End the process as ``sys.exit`` does, but let Python not be torn down.

    The engine's threads let go of Python's objects a moment after their answer is there. When the
    interpreter is being torn down by then, the process dies of it, a third of the time on a busy
    machine.
    """
    atexit.unregister(_settle)
    atexit._run_exitfuncs()  # noqa: SLF001 - nothing public runs them
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or _NOT_WRITTEN
    os._exit(code)


@functools.cache
def _settle_at_exit() -> None:
    """Give the engine's threads time to come to rest, in programs that do not ``leave``."""
    atexit.register(_settle)


def _settle() -> None:
    time.sleep(_SETTLING_SECONDS)
