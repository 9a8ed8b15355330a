"""A stand-in for ``cvmfs_server``: what a stratum 0 does, on this machine's own overlayfs.

What it does and answers was observed on CVMFS 2.12.0. A *world* is a directory: in it are
``bin/cvmfs_server`` to put on PATH, ``cvmfs/NAME`` as the machine of the stratum 0 mounts a
repository, ``clients/NAME`` as clients see it, and ``repositories/NAME``. Unlike the real one, it
keeps whole trees and copies each of them at publish.

``control.json`` makes calls fail: a list of ``{"command", "call", "at", "do", "code"}``; ``call``
counts the calls of the command from 1, ``at`` is start, middle or end, ``do`` is fail, hang,
die, or wait for the file ``go-on``.
``calls.jsonl`` has every call, ``written.json`` what the last publish found written. It needs to
be root, or in a user and mount namespace.
"""

from __future__ import annotations

import contextlib
import fcntl
import getopt
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OPTIONS = {
    "mkfs": "", "rmfs": "f", "list": "", "transaction": "t:T:", "publish": "a:m:f",
    "abort": "f", "rollback": "t:f", "tag": "lxr:f",
}  # fmt: skip


class Refused(SystemExit):
    """The end of a call, with what is said and the exit code."""

    def __init__(self, code: int, words: str) -> None:
        print(words, file=sys.stderr)
        super().__init__(code)


@dataclass(frozen=True)
class Repository:
    world: Path
    name: str

    @property
    def home(self) -> Path:
        return self.world / "repositories" / self.name

    @property
    def mount(self) -> Path:
        return self.world / "cvmfs" / self.name

    @property
    def scratch(self) -> Path:
        return self.home / "scratch"

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.home / "state.json").read_text())
        return state

    def store(self, **changes: Any) -> None:
        state = self.state() | changes
        beside = self.home / "state.json~"
        beside.write_text(json.dumps(state, indent=1))
        beside.replace(self.home / "state.json")

    def published(self) -> Path:
        return self.home / "revisions" / str(self.state()["revision"])

    def unhealthy(self) -> bool:
        number = self.state()["publishing"]
        return number is not None and not Path(f"/proc/{number}").exists()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with (self.home / "lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def _run(*words: str | Path) -> None:
    subprocess.run([str(one) for one in words], check=True, stdin=subprocess.DEVNULL)


def _mount_read_only(one: Repository) -> None:
    _run("mount", "--bind", one.published(), one.mount)
    _run("mount", "-o", "remount,bind,ro", one.mount)


def _unmount(one: Repository) -> None:
    subprocess.run(["umount", "-l", one.mount], check=False, stderr=subprocess.DEVNULL)


def _mount_writable(one: Repository, layers: Sequence[Path]) -> None:
    """Put an empty writable layer over the published tree: renaming across them is EXDEV."""
    for name in ("upper", "work"):
        (one.scratch / name).mkdir()
    shutil.copystat(one.published(), one.scratch / "upper")
    lower = ":".join(str(layer) for layer in layers)
    options = f"lowerdir={lower},upperdir={one.scratch}/upper,workdir={one.scratch}/work"
    plain = "redirect_dir=off,index=off,metacopy=off"
    words = ["mount", "-t", "overlay", "overlay", str(one.mount), "-o"]
    if subprocess.run([*words, f"{options},{plain}"], check=False, stderr=-3).returncode != 0:
        _run(*words, f"{options},userxattr")  # in a user namespace, where it is not redirected


def _clear(one: Repository) -> None:
    for child in (*one.scratch.iterdir(), one.home / "clone"):
        _run("rm", "-rf", child)


def _point(world: Path, command: str, at: str, one: Repository | None = None) -> None:
    """Do what the test asked for at this point of this call."""
    control = world / "control.json"
    if not control.exists():
        return
    lines = (world / "calls.jsonl").read_text().splitlines()
    call = sum(json.loads(line)[0] == command for line in lines)
    for rule in json.loads(control.read_text()):
        if (rule["command"], rule["call"], rule.get("at", "start")) != (command, call, at):
            continue
        match rule["do"]:
            case "fail":
                if at == "middle" and one is not None:
                    one.store(publishing=None)
                raise Refused(rule.get("code", 1), f"{command}: failed on demand")
            case "hang":
                time.sleep(3600)
            case "wait":
                while not (world / "go-on").exists():
                    time.sleep(0.01)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)


def mkfs(world: Path, options: dict[str, str], words: Sequence[str]) -> None:
    one = Repository(world, words[0])
    first = one.home / "revisions" / "1"
    for directory in (first, one.scratch, one.mount, world / "clients"):
        directory.mkdir(parents=True, exist_ok=True)
    (first / ".cvmfscatalog").touch()
    (first / "new_repository").write_text("New CernVM-FS repository\n")
    start = {"revision": 1, "last": 1, "transaction": False, "publishing": None, "daemon": None}
    (one.home / "state.json").write_text(json.dumps({**start, "tags": [["trunk", 1, ""]]}))
    _show_clients(one)
    _mount_read_only(one)


def rmfs(world: Path, options: dict[str, str], words: Sequence[str]) -> None:
    one = Repository(world, words[0])
    _end_daemon(one)
    _unmount(one)
    (world / "clients" / one.name).unlink()
    _run("rm", "-rf", one.home)


def _show_clients(one: Repository) -> None:
    beside = one.world / "clients" / f"{one.name}~"
    beside.unlink(missing_ok=True)
    beside.symlink_to(one.published())
    beside.replace(one.world / "clients" / one.name)


def show(world: Path, options: dict[str, str], words: Sequence[str]) -> None:
    for home in sorted((world / "repositories").glob("*")):
        one = Repository(world, home.name)
        words = [" - in transaction" if one.state()["transaction"] else ""]
        words += [" - unhealthy" if one.unhealthy() else ""]
        print(f"{one.name} (stratum0 / local{''.join(words)})  ")


def _named(world: Path, words: Sequence[str]) -> tuple[Repository, str]:
    """Return the repository, and the lease path that is written behind its name."""
    name, _, path = (words[0] if words else "").partition("/")
    one = Repository(world, name)
    if not name or not (one.home / "state.json").exists():
        raise Refused(1, f"The repository {name} does not exist")
    return one, path


def transaction(world: Path, options: dict[str, str], words: Sequence[str]) -> None:
    one, path = _named(world, words)
    if path:
        parent = (one.published() / path).parent
        if not parent.exists():
            raise Refused(2, f"the parent of the lease path {path} does not exist")
        if not parent.is_dir():
            raise Refused(20, f"the parent of the lease path {path} is no directory")
    seconds = float(options.get("-t", "-1"))
    deadline = None if seconds == 0 else time.monotonic() + max(seconds, 0)
    while True:
        with one.locked():
            if not one.state()["transaction"]:
                _open(one, options.get("-T", ""))
                break
        if deadline is not None and time.monotonic() >= deadline:
            raise Refused(17, f"another transaction is already open on {one.name}")
        time.sleep(0.1)
    _point(world, "transaction", "end")


def _open(one: Repository, template: str) -> None:
    layers = [one.published()]
    if template:
        source, _, target = (side.strip("/") for side in template.partition("="))
        if (one.published() / target).exists():
            raise Refused(22, f"destination '{target}' exists, aborting")
        clone = one.home / "clone"
        for path in (one.published() / source, (one.published() / target).parent):
            if not path.is_dir():
                raise Refused(1, f"path '{path}' cannot be found, aborting")
        (clone / target).parent.mkdir(parents=True)
        for above in Path(target).parents:
            shutil.copystat(one.published() / above, clone / above)
        _run("cp", "-a", one.published() / source, clone / target)
        layers.insert(0, clone)
    _unmount(one)
    _mount_writable(one, layers)
    # Its daemons keep what they inherit open, and outlive the call.
    daemon = subprocess.Popen(["sleep", "3600"], start_new_session=True, stdin=subprocess.DEVNULL)
    one.store(transaction=True, daemon=daemon.pid)
    _point(one.world, "transaction", "middle")


def _close(one: Repository) -> None:
    _unmount(one)
    _clear(one)
    _mount_read_only(one)
    _end_daemon(one)
    one.store(transaction=False, publishing=None, daemon=None)


def _end_daemon(one: Repository) -> None:
    if number := one.state()["daemon"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def publish(world: Path, options: dict[str, str], words: Sequence[str]) -> None:
    one, _ = _named(world, words)
    tag = options.get("-a") or f"generic-{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    if " " in tag:
        raise Refused(1, "Spaces are not allowed in tag names")
    if tag in {name for name, _, _ in one.state()["tags"]}:
        raise Refused(1, f"Tag name '{tag}' is already in use.")
    with one.locked():
        _check_publishable(one, asked="-f" not in options)
        one.store(publishing=os.getpid())
    _record_written(one)
    number = one.state()["last"] + 1
    beside = one.home / "revisions" / "next"
    # Hard links become files of their own.
    _run("cp", "-a", "--no-preserve=links", one.mount, beside)
    _point(world, "publish", "middle", one)
    beside.rename(one.home / "revisions" / str(number))
    tags = [[name, at, said] for name, at, said in one.state()["tags"] if name != "trunk"]
    tags += [[tag, number, options.get("-m", "")], ["trunk", number, ""]]
    one.store(revision=number, last=number, tags=tags)
    _show_clients(one)
    _close(one)


def _record_written(one: Repository) -> None:
    """Keep what the transaction wrote, and removed of what was published, for tests to look at."""
    upper = one.scratch / "upper"
    found: dict[str, list[str]] = {"written": [], "removed": []}
    for path in sorted(upper.rglob("*")):
        if not path.is_dir() or path.is_symlink():
            kind = "removed" if path.is_char_device() else "written"
            found[kind].append(str(path.relative_to(upper)))
    (one.home / "written.json").write_text(json.dumps(found))


def _check_publishable(one: Repository, *, asked: bool) -> None:
    if not one.state()["transaction"]:
        raise Refused(1, f"Repository {one.name} is not in a transaction")
    if one.unhealthy():
        raise Refused(1, f"Repository {one.name} is unhealthy: an earlier publish died")
    if one.state()["publishing"] is not None:
        raise Refused(1, f"Another publish process is active for {one.name}")
    if Path.cwd().is_relative_to(one.mount):
        raise Refused(1, f"Current working directory is in {one.mount}.  Please release")
    writing = list(_open_files(one.mount))
    if any(writing):
        raise Refused(1, f"Open writable file descriptors on {one.name}")
    if writing and asked and not _yes("files are open for reading. Proceed (y/N)? "):
        raise Refused(1, "Please close them and try again")


def _open_files(mount: Path) -> Iterator[bool]:
    """Tell of each open file below a mount point whether it can be written to."""
    for path in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if path.readlink().is_relative_to(mount) and path.readlink() != mount:
                told = (path.parent.parent / "fdinfo" / path.name).read_text()
                flags = int(told.split("flags:")[1].split()[0], 8)
                yield flags & os.O_ACCMODE != os.O_RDONLY


def _yes(question: str) -> bool:
    print(question, end="")
    return sys.stdin.readline().strip().lower() == "y"


def abort(world: Path, options: dict[str, str], words: Sequence[str]) -> None:
    one, _ = _named(world, words)
    if not one.state()["transaction"]:
        raise Refused(22, f"Repository {one.name} is not in a transaction")
    if one.state()["publishing"] is not None and not one.unhealthy():
        raise Refused(1, f"Repository {one.name} is currently published (aborting abort)")
    if "-f" not in options:
        print("You are about to DISCARD ALL CHANGES OF THE CURRENT TRANSACTION (y/N)? ", end="")
        answer = sys.stdin.readline()
        if answer and answer.strip().lower() != "y":  # The end of the file counts as a yes.
            raise SystemExit(4)
    with one.locked():
        _run("rm", "-rf", one.home / "revisions" / "next")
        _close(one)


def rollback(world: Path, options: dict[str, str], words: Sequence[str]) -> None:
    one, _ = _named(world, words)
    if one.state()["transaction"]:
        raise Refused(1, f"Repository {one.name} is in a transaction")
    target = {name: number for name, number, _ in one.state()["tags"]}.get(options.get("-t", ""))
    if target is None:
        raise Refused(1, "no such tag")
    tags = [tag for tag in one.state()["tags"] if tag[1] <= target]
    one.store(revision=target, tags=[*tags, ["trunk", target, ""]])
    _unmount(one)
    _mount_read_only(one)
    _show_clients(one)


def tag(world: Path, options: dict[str, str], words: Sequence[str]) -> None:
    one, _ = _named(world, words)
    tags = one.state()["tags"]
    if "-r" in options:
        if one.state()["transaction"]:
            raise Refused(1, "Cannot change repository tags while in a transaction")
        one.store(tags=[each for each in tags if each[0] != options["-r"]])
        return
    for name, number, message in reversed(tags):
        print(name, f"{number:040x}", 4096, number, 1790000000, message or "(default)")


def _main(world: Path, words: Sequence[str]) -> NoReturn:
    command, *rest = words or [""]
    with (world / "calls.jsonl").open("a") as stream:
        stream.write(json.dumps([command, *rest]) + "\n")
    commands = {
        "mkfs": mkfs, "rmfs": rmfs, "list": show, "transaction": transaction,
        "publish": publish, "abort": abort, "rollback": rollback, "tag": tag,
    }  # fmt: skip
    if command not in commands:
        raise Refused(1, f"cvmfs_server: unknown command {command}")
    try:
        options, others = getopt.gnu_getopt(rest, _OPTIONS[command])
    except getopt.GetoptError as error:
        raise Refused(1, f"Command {command}: {error}") from error
    _point(world, command, "start")
    commands[command](world, dict(options), others)
    raise SystemExit(0)


def make_program(world: Path) -> Path:
    """Write ``bin/cvmfs_server`` of a world and return it."""
    program = world / "bin" / "cvmfs_server"
    program.parent.mkdir(parents=True)
    python, me = sys.executable, Path(__file__)
    program.write_text(f"#!/bin/sh\nexec '{python}' -I -S '{me}' '{world}' \"$@\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return program


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2:])
