"""Roots in CVMFS: every change is a transaction of the repository, and nothing is ever renamed.

What becomes a release is built and tested on a local disk first, so a transaction is short. What
somebody else has open is never touched. Which transaction is ours is known from a note on the local
disk, and from a file with the same number in the transaction itself, for as long as it is not
published.
"""

from __future__ import annotations

import os
import platform
import time
import tomllib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote
from uuid import uuid4

from lamina.core import fs, report
from lamina.core.clock import seconds_in
from lamina.core.errors import ConflictError, IntegrityError, LaminaError
from lamina.core.hold import hold
from lamina.engines.cvmfs import CvmfsServer, mount_point, repository_of, tag_of
from lamina.engines.index_addresses import cache_directory
from lamina.model.toml import toml_text
from lamina.release.backend import DIRECTORY
from lamina.release.guard import described, owner_text
from lamina.release.mtree import OUTSIDE
from lamina.release.transfer import listed, transfer
from lamina.release.verify import compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from lamina.engines.cvmfs import State
    from lamina.release.backend import Backend

_MARKER = ".lamina-transaction"
_WAIT_SECONDS = 300.0
_PAUSE_SECONDS = 0.5

_Phase = Literal["opening", "open", "publishing"]


def backend_of(root: Path, environ: Mapping[str, str], now: datetime) -> Backend:
    """Return how a root is changed, by where it is; raises UsageError for a wait that is none."""
    found = repository_of(Path(os.path.abspath(root)), environ)  # noqa: PTH100 (links are kept)
    if found is None:
        return DIRECTORY
    work = environ.get("LAMINA_CVMFS_WORK")
    top = Path(work).absolute() if work else cache_directory(environ) / "cvmfs"
    return Cvmfs(
        repository=found[0],
        work=top / found[0],
        environ=environ,
        now=now,
        wait=seconds_in(environ, "LAMINA_CVMFS_WAIT", _WAIT_SECONDS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What is known of a transaction of ours."""

    number: str
    clone: str
    """The path, in the repository, that it was opened with a copy at; empty where there is none."""
    owner: str
    """Who, where, which process, since when: lines of TOML."""
    host: str
    phase: _Phase

    def text(self) -> str:
        """Return it as TOML."""
        own = {"number": self.number, "clone": self.clone, "phase": self.phase}
        return self.owner + "".join(f"{key} = {toml_text(one)}\n" for key, one in own.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cvmfs:
    """A repository that this machine publishes; one process of ours at a time changes it."""

    repository: str
    work: Path
    """A local directory: releases in the making, the note, the log of ``cvmfs_server``."""
    environ: Mapping[str, str]
    now: datetime
    wait: float
    """Seconds to wait for other processes of ours, and with a release that is ready for anybody."""
    _writing: list[_Note] = field(default_factory=list)

    @property
    def in_place(self) -> bool:
        """Nothing is seen before it is published."""
        return False

    @property
    def mount(self) -> Path:
        """Where the repository is."""
        return mount_point(self.environ) / self.repository

    @property
    def server(self) -> CvmfsServer:
        """The program, with its log."""
        log = self.work / "cvmfs_server.log"
        return CvmfsServer(repository=self.repository, environ=self.environ, log=log)

    def scratch(self, root: Path) -> Path:
        """Return a local directory for a root."""
        inside = root.relative_to(self.mount).as_posix()
        return self.work / "roots" / quote(inside, safe="")

    def recover(self) -> None:
        """Abort what a killed run of ours left open.

        Raises ConflictError for a transaction of somebody else, UsageError where the repository is
        none of this machine.
        """
        with self._alone():
            self._recover()

    @contextmanager
    def writing(
        self, message: str, *, tag: str = "", like: tuple[Path, Path] | None = None
    ) -> Iterator[None]:
        """Open a transaction, and publish what the enclosed code changed in it.

        However that ends, the transaction is closed, unless it is somebody else's: ConflictError.
        """
        if self._writing:
            yield
            return
        changes: list[str] = []
        with self._alone():
            try:
                with report.step(f"opening a transaction on {self.repository}"):
                    self._open_when_free(like, self.wait if tag else 0.0)
                named = tag_of(tag, self.server.tags()) if tag else None
                with fs.observe(lambda operation, _: changes.append(operation)):
                    yield
                if changes:
                    self._publish(named, f"lamina: {message}")
            except BaseException:
                self._take_back()
                raise
            if not changes:
                self._take_back()

    def put(self, stage: Path, prefix: Path) -> None:
        """Write what differs, and see that all is as it was staged.

        Raises ConflictError where somebody else has put something there in the meantime,
        IntegrityError when it is not what was staged.
        """
        note = self._writing[0]
        clone = self.mount / note.clone
        if not note.clone and prefix.is_dir() and any(prefix.iterdir()):
            raise ConflictError(
                f"{prefix}: somebody else has published there while this was built",
                hints=["look at what is there, then publish again"],
            )
        if note.clone and clone != prefix:
            for other in clone.iterdir():
                if other != prefix:
                    fs.set_mode(clone, 0o755)
                    fs.remove_tree(other)
        with report.step("writing what differs"):
            transfer(stage, prefix)
        wrong = _differences(stage, prefix)
        if wrong and note.clone:
            # The last release is not what its listing says, and this one began as a copy of it.
            report.warn("the last release is not as it was published: lamina release verify")
            transfer(stage, prefix, distrusted=wrong)
            wrong = _differences(stage, prefix)
        if wrong:
            raise IntegrityError(
                f"{prefix}: not what was staged, nothing was published: {', '.join(wrong[:5])}",
                hints=["run it again; if it stays so, check the disk of this machine"],
            )

    def withdraw(self, prefix: Path, aside: Path) -> Path:
        """Remove the release: nobody sees it before all of it is gone."""
        fs.remove_tree(prefix)
        return aside

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process of ours be in the enclosed code."""
        deadline = time.monotonic() + self.wait
        fs.make_directory(self.work)
        while True:
            with hold(self.work / "transaction.lock", self._owner()) as other:
                if other is None:
                    yield
                    return
            if time.monotonic() >= deadline:
                who = described(other.owner)
                raise ConflictError(
                    f"{self.repository}: another lamina has a transaction open: {who}",
                    hints=["wait for it to finish, then run it again"],
                )
            time.sleep(_PAUSE_SECONDS)

    def _owner(self) -> str:
        return owner_text(self.environ, self.now)

    def _open_when_free(self, like: tuple[Path, Path] | None, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._recover()
                self._open(like)
            except ConflictError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    @property
    def _note_path(self) -> Path:
        return self.work / "transaction.toml"

    def _recover(self) -> None:
        state, note = self.server.state(), self._read_note()
        if state == "closed":
            if note is not None:
                self._forget()
            return
        if note is None or not self._is_ours(note, state):
            raise self._foreign(state, note)
        report.note(f"aborting the transaction of a killed run: {described(note.owner)}")
        self.server.abort()
        self._forget()

    def _is_ours(self, note: _Note, state: State) -> bool:
        """Tell whether an open transaction is the one that a run of ours noted, and left.

        That run is not there any more: it would hold the lock.
        """
        if note.host != platform.node():
            return False
        match note.phase:
            case "opening":
                # The path was not there before, and nobody but us makes it.
                return bool(note.clone) and (self.mount / note.clone).is_dir()
            case "open" | "publishing":
                return state == "unhealthy" or self._marked() == note.number

    def _foreign(self, state: State, note: _Note | None) -> ConflictError:
        known = "" if note is None else f"; a run of ours was at it: {described(note.owner)}"
        dead = ", and what published it has died" if state == "unhealthy" else ""
        hints = ["wait until it is published or aborted, then run it again"]
        if state == "unhealthy" or note is not None:
            hints = [f"if it is yours and nothing runs: cvmfs_server abort -f {self.repository}"]
        return ConflictError(
            f"{self.repository}: a transaction is open that lamina did not open, or cannot tell "
            f"from somebody else's{dead}{known}",
            hints=hints,
        )

    def _marked(self) -> str:
        try:
            return (self.mount / _MARKER).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _read_note(self) -> _Note | None:
        try:
            text = self._note_path.read_text(encoding="utf-8")
            told = tomllib.loads(text)
            return _Note(
                number=told["number"], clone=told["clone"], phase=told["phase"],
                host=told["host"], owner=text,
            )  # fmt: skip
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError):
            return None

    def _enter(self, phase: _Phase, *, number: str, clone: str) -> None:
        """Write down what is about to be done, before it is."""
        note = _Note(
            number=number, clone=clone, owner=self._owner(), host=platform.node(), phase=phase
        )
        fs.write_text(self._note_path, note.text())
        self._writing[:] = [note]

    def _open(self, like: tuple[Path, Path] | None) -> None:
        template = None if like is None else self._template(*like)
        number, clone = uuid4().hex, template[1] if template else ""
        self._enter("opening", number=number, clone=clone)
        try:
            self.server.transaction(template=template)
        except ConflictError:
            self._forget()  # Whatever is open now is not ours.
            raise
        self._mark(number)
        self._enter("open", number=number, clone=clone)

    def _template(self, old: Path, new: Path) -> tuple[str, str] | None:
        """Return what to clone to where: the parent of a clone has to be there, and it must not."""
        if new.exists():
            return None
        if not new.parent.is_dir():
            old, new = old.parent, new.parent
        return old.relative_to(self.mount).as_posix(), new.relative_to(self.mount).as_posix()

    def _publish(self, tag: str | None, message: str) -> None:
        note = self._writing[0]
        self._enter("publishing", number=note.number, clone=note.clone)
        fs.remove_file(self.mount / _MARKER)
        with report.step(f"publishing {self.repository}") as step:
            self.server.publish(tag=tag, message=message)
            step.outcome = f"tag {tag}" if tag else "done"
        self._forget()

    def _take_back(self) -> None:
        """Close our transaction, if there is one, and put up with nothing that is in the way."""
        if not self._writing:
            return
        note = self._writing[0]
        try:
            state = self.server.state()
            if state != "closed" and note.phase == "opening" and not self._is_ours(note, state):
                # It was refused to us: what is open may have been opened by somebody else since.
                report.warn(self._foreign(state, None).message)
            elif state != "closed":
                self.server.abort()
        except LaminaError as error:
            report.warn(
                f"the transaction on {self.repository} stays open; the next run closes it, or "
                f"cvmfs_server abort -f {self.repository}: {error.message}"
            )
            self._leave(self._writing.pop())
            return
        self._forget()

    def _leave(self, note: _Note) -> None:
        """Let the next run know a transaction that cannot be closed."""
        # The warning has been given; without the note, the next run refuses instead of closing it.
        with suppress(LaminaError):
            self._mark(note.number)
            self._enter("open", number=note.number, clone=note.clone)
        self._writing.clear()

    def _mark(self, number: str) -> None:
        fs.write_text(self.mount / _MARKER, f"{number}\n", durable=False)

    def _forget(self) -> None:
        """Take note that no transaction of ours is open."""
        self._writing.clear()
        try:
            fs.remove_file(self._note_path)
        except LaminaError as error:
            report.warn(error.message)


def _differences(stage: Path, prefix: Path) -> list[str]:
    """Return the paths at which a tree is not what was staged."""
    findings = compare(listed(stage), prefix)
    return [
        *findings.changed,
        *findings.missing,
        *findings.extra,
        *(path for path in OUTSIDE if _content(stage / path) != _content(prefix / path)),
    ]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
