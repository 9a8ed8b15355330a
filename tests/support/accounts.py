"""Another account of this machine: what it may not write to is not written to."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

NOBODY = 65534


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody who is not root, with a home and an environment."""

    home: Path
    environ: dict[str, str] = field(repr=False)
    become: tuple[str, ...] = ()
    """The words in front of a command that make it theirs."""

    def run(
        self, *argv: str | Path, environ: Mapping[str, str] | None = None, expect: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account, in its home."""
        answer = subprocess.run(
            [*self.become, *map(str, argv)],
            env=self.environ | dict(environ or {}),
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert answer.returncode == expect, answer.stdout + answer.stderr
        return answer

    def cannot_write(self, directory: Path) -> bool:
        """Tell whether the account can neither change nor add anything below a directory."""
        writable = self.run("find", directory, "-not", "-type", "l", "-writable").stdout
        added = self.run("/bin/sh", "-c", f"(: > '{directory}/new') 2> /dev/null || echo refused")
        return not writable and added.stdout == "refused\n"


@contextmanager
def somebody(environ: Mapping[str, str]) -> Iterator[tuple[Account, Path]]:
    """Yield an account, and a directory that it can read: pytest's own are for one user only.

    Root makes an account for the time being; everybody else is one.
    """
    place = Path(tempfile.mkdtemp(prefix="lamina-account-"))
    place.chmod(0o755)
    home = place / "home"
    home.mkdir()
    env = dict(environ) | {
        "HOME": str(home), "UV_CACHE_DIR": str(home / "uv-cache"), "TMPDIR": str(home),
    }  # fmt: skip
    env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    try:
        if os.geteuid() == 0:
            with _made(home) as become:
                yield Account(home=home, environ=env, become=become), place
        else:
            yield Account(home=home, environ=env), place
    finally:
        fs.remove_tree(place)


@contextmanager
def _made(home: Path) -> Iterator[tuple[str, ...]]:
    if shutil.which("useradd") is None or shutil.which("setpriv") is None:
        pytest.skip("root, and no useradd or setpriv to become somebody else")
    name = f"lamina-{os.getpid()}"
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(home)]
    subprocess.run(["useradd", *options, name], check=True)
    try:
        shutil.chown(home, name, name)
        yield ("setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups", "--no-new-privs")
    finally:
        subprocess.run(["userdel", name], check=True, stderr=subprocess.DEVNULL)


def make_read_only(directory: Path) -> None:
    """Take everybody's right to write; links stay what they are."""
    for path in [directory, *directory.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)


@contextmanager
def two_accounts() -> Iterator[tuple[Path, Callable[[], AbstractContextManager[None]]]]:
    """Yield a directory that everybody may write to, and what makes the enclosed code another's.

    What that code needs is imported before: the other account need not reach it.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can be two accounts")
    place = Path(tempfile.mkdtemp(prefix="lamina-accounts-"))
    place.chmod(0o777)
    try:
        yield place, _another
    finally:
        fs.remove_tree(place)


@contextmanager
def _another() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
