"""The one place that starts other programs."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from lamina.core.errors import CommandFailedError, LaminaError, StorageError, TookTooLongError
from lamina.core.fs import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_ALLOWED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TEMP", "TMP", "LANG", "LANGUAGE",
        "TZ", "TERM", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE", "SSL_CLIENT_CERT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
        "http_proxy", "https_proxy", "all_proxy", "no_proxy", "SOURCE_DATE_EPOCH", "PYENV_ROOT",
        "UV_CACHE_DIR", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_PYTHON_DOWNLOADS", "UV_OFFLINE",
        "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS",
        "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_CONCURRENT_DOWNLOADS",
        "UV_CONCURRENT_INSTALLS", "UV_LINK_MODE", "UV_PYTHON_INSTALL_DIR",
    }
)  # fmt: skip
_ALLOWED_PREFIXES = ("LC_", "XDG_", "LAMINA_")
# Where uv looks for the credentials of a named index.
_CREDENTIALS = re.compile(r"UV_INDEX_[A-Z0-9_]+_(?:USERNAME|PASSWORD)")
_LONGEST_LINE = 1 << 20
_SECRET = re.compile(r"(?<=://)[^/\s]+@")
# How conda channels carry a token: https://host/t/<token>/channel.
_TOKEN = re.compile(r"(https?://[^/\s]+(?:/[^/\s]+)*?/t/)[^/\s]+")


def base_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of ``environ`` that other programs may see.

    What could bend a result is left out: PYTHONPATH and its kin, an active virtual environment,
    additional package indexes and find-links directories.
    """
    return {
        name: value
        for name, value in environ.items()
        if (name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES) or _CREDENTIALS.fullmatch(name))
        # uv takes an empty variable for a value, and refuses it.
        and (value or not name.startswith("UV_"))
    }


def redact(text: str) -> str:
    """Hide the credentials of addresses."""
    return _TOKEN.sub(r"\1***", _SECRET.sub("***@", text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a program answered."""

    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    timeout: float | None = None,
    log: Path | None = None,
    check: bool = True,
    stdin: Path | int | None = None,
    last: bool = False,
    kept: int | None = None,
    exact: bool = False,
) -> Completed:
    """Run a program without a shell; standard input is ``stdin``, empty when None.

    A number is the end of a pipe, which is closed whatever comes of it.

    ``env`` is its whole environment (start from ``base_environment``); ``timeout`` is in seconds.
    ``log`` gets the command and all it wrote, appended, with credentials removed. ``last``: it is
    not interrupted, and runs even after ``stop_all``, as what puts things back has to. ``kept``:
    only so many bytes are returned of each stream, its end. ``exact``: what is not UTF-8 is as
    Python has it in paths (surrogateescape), and is replaced otherwise.

    Raises CommandFailedError when ``check`` is set and the exit code is not 0, TookTooLongError,
    LaminaError when the program is not there.
    """
    words = [os.fspath(word) for word in argv]
    with open(stdin or os.devnull, "rb") as given:  # noqa: SIM117,PTH123
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            streams = (given, out, err)
            with _signals_held() if last else contextlib.nullcontext():
                try:
                    code = _wait(words, streams, env=env, cwd=cwd, timeout=timeout, last=last)
                except TookTooLongError:
                    if log is not None:
                        _append(log, words, (out, err), "ended: it took too long")
                    raise
            if log is not None:
                _append(log, words, (out, err), f"exit {code}")
            stdout, stderr = (_text(stream, kept, exact=exact) for stream in (out, err))
            full = _is_full(err)
    if check and code != 0:
        raise _failed(words[0], code, redact(stderr or stdout), log, full=full)
    return Completed(returncode=code, stdout=stdout, stderr=stderr)


def _failed(program: str, code: int, output: str, log: Path | None, *, full: bool) -> LaminaError:
    name = os.path.basename(program)  # noqa: PTH119
    if full:
        return StorageError(
            f"{name} failed, and what it writes found no space left in {tempfile.gettempdir()}",
            hints=["free space there, or choose another directory with TMPDIR"],
        )
    return CommandFailedError(program=name, returncode=code, output=output, log=log)


def _append(log: Path, words: list[str], streams: Iterable[IO[bytes]], end: str) -> None:
    """Add a program and what it wrote, line by line: that may be more than memory holds."""
    try:
        with log.open("a", encoding="utf-8") as stream:
            stream.write(redact(f"$ {shlex.join(words)}\n"))
            for one in streams:
                one.seek(0)
                for line in iter(lambda: one.readline(_LONGEST_LINE), b""):  # noqa: B023
                    stream.write(redact(line.decode("utf-8", "replace")))
            stream.write(f"[{end}]\n")
    except OSError as error:
        raise storage_error(error, log) from error


def _is_full(stream: IO[bytes]) -> bool:
    """Tell whether there is no room where a stream is kept: then its last words may be lost."""
    status = os.fstatvfs(stream.fileno())
    return status.f_blocks > 0 and status.f_bavail == 0


def _text(stream: IO[bytes], kept: int | None, *, exact: bool) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0 if kept is None else max(0, size - kept))
    return stream.read().decode("utf-8", "surrogateescape" if exact else "replace")


def _wait(
    words: list[str],
    streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
    *,
    env: Mapping[str, str],
    cwd: Path | None,
    timeout: float | None,
    last: bool,
) -> int:
    """Wait for a program in a process group of its own, so that none of its children survives."""
    try:
        with _signals_held():
            process = subprocess.Popen(  # noqa: S603
                words,
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
            if not last:
                _running.add(process)
    except OSError as error:
        raise _not_started(words[0], error) from error
    except ValueError as error:  # a NUL in a word
        raise LaminaError(f"cannot start {words[0]}: {error}") from error
    try:
        if not _has_ended(process, timeout):
            raise TookTooLongError(f"{words[0]} took longer than {timeout:g} s")
    finally:
        _running.finish(process)
    return process.returncode


def _has_ended(process: subprocess.Popen[bytes], timeout: float | None) -> bool:
    """Wait for the end of a program without collecting it: its group keeps its number."""
    if not hasattr(os, "waitid"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
        return process.returncode is not None
    ended = os.WEXITED | os.WNOWAIT
    if timeout is None:
        os.waitid(os.P_PID, process.pid, ended)
        return True
    deadline, pause = time.monotonic() + timeout, 0.0005
    while os.waitid(os.P_PID, process.pid, ended | os.WNOHANG) is None:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        pause = min(2 * pause, left, 0.05)
        time.sleep(pause)
    return True


class _Running:
    """The programs that run now, in whichever thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self.stopped = False

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Take note of a program that has just been started."""
        with self._lock:
            self._processes.add(process)
            if self.stopped:
                _kill(process)

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        """End a program if it still runs, and all that it started."""
        with _signals_held():
            if process.returncode is None:
                _kill(process)
                process.wait()
            with self._lock:
                self._processes.discard(process)

    def stop(self) -> None:
        """End every program, and each that another thread is about to start."""
        with self._lock:
            self.stopped = True
            for process in self._processes:
                _kill(process)


_running = _Running()


def is_stopping() -> bool:
    """Tell whether this process is about to end, for threads that wait for something."""
    return _running.stopped


def stop_all() -> None:
    """End every program that runs, in all threads, for good: this process is about to end."""
    _running.stop()


def _kill(process: subprocess.Popen[bytes]) -> None:
    # macOS does not permit it when only the collected rest of the group is there.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Put off interrupts, so that no program is started without our knowing its number."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    replaced = {one: handler for one, handler in handlers.items() if handler is not None}
    for one in replaced:
        signal.signal(one, lambda number, _: arrived.append(number))
    try:
        yield
    finally:
        for one, handler in replaced.items():
            signal.signal(one, handler)
        for number in arrived:
            signal.raise_signal(number)


def replace_process(argv: Sequence[str | os.PathLike[str]], *, env: Mapping[str, str]) -> None:
    """Become another program; returns only by raising LaminaError when it cannot be started."""
    words = [os.fspath(word) for word in argv]
    try:
        os.execvpe(words[0], words, dict(env))  # noqa: S606
    except OSError as error:
        raise _not_started(words[0], error) from error


def _not_started(program: str, error: OSError) -> LaminaError:
    """Name the program, and the directory where that is what is missing."""
    place = f"{error.filename}: " if error.filename not in (None, program) else ""
    return LaminaError(f"cannot start {program}: {place}{error.strerror}")
