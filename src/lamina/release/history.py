"""Who moved what, when and why: ROOT/history/<stack>.jsonl, one line a move, only ever added to."""

from __future__ import annotations

import json
import os
import platform
import pwd
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from lamina.core import fs, report
from lamina.core.errors import DocumentError, Problem
from lamina.model.names import TierName, parse_tier_name
from lamina.model.versions import ReleaseVersion, parse_release_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.model.names import StackName

Action = Literal["promote", "rollback", "drop", "retire", "restore", "collect", "import"]
_ACTIONS: tuple[Action, ...] = get_args(Action)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who makes a change."""

    user: str
    host: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Author:
        """Return who runs this program."""
        user = environ.get("LOGNAME") or environ.get("USER") or _account()
        return cls(user=user, host=platform.node())


def _account() -> str:
    """Return whose process this is: cron and services set no variable that says so."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a tier, or a release that was taken out of service or put back."""

    time: datetime
    """In UTC, to the second."""
    action: Action
    tier: TierName | None
    """None for a move of a release itself."""
    before: ReleaseVersion | None
    after: ReleaseVersion | None
    """Of a release itself: the release. None: the tier is dropped."""
    author: Author
    why: str

    def value(self) -> dict[str, Any]:
        """Return the move as a JSON value."""
        return {
            "time": self.time.strftime(_TIME),
            "action": self.action,
            "tier": self.tier,
            "from": self.before,
            "to": self.after,
            "user": self.author.user,
            "host": self.author.host,
            "why": self.why,
        }


def read_history(root: Path, stack: StackName) -> list[Move]:
    """Return every move of a stack, the oldest first, none where nothing was ever moved.

    A last line that a killed process or a full disk has left unfinished is passed over. Raises
    DocumentError for any other line that is no move.
    """
    path = _path(root, stack)
    *lines, last = _content(path).split(b"\n")
    moves = []
    for number, line in enumerate(lines, start=1):
        try:
            moves.append(_move(line))
        except (ValueError, KeyError, TypeError) as error:
            problem = Problem(where=f"line {number}", found=f"no move of a tier: {error}")
            raise DocumentError(path, [problem]) from error
    if last:
        try:
            moves.append(_move(last))
        except (ValueError, KeyError, TypeError):
            report.note(f"{path}: its last line is unfinished, and is passed over")
    return moves


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise DocumentError(path, [Problem(where="", found=str(error))]) from error


def retired(root: Path, stack: StackName) -> dict[ReleaseVersion, Move]:
    """Return the releases that are out of service, with the move that took them out."""
    found: dict[ReleaseVersion, Move] = {}
    for move in read_history(root, stack):
        if move.after is not None and move.action == "retire":
            found[move.after] = move
        elif move.after is not None and move.action == "restore":
            found.pop(move.after, None)
    return found


def record(root: Path, stack: StackName, moves: list[Move]) -> None:
    """Add moves to the history, and wait until they are on disk; raises StorageError."""
    path = _path(root, stack)
    if not path.parent.is_dir():
        fs.make_directory(path.parent, readable=True)
    _mend(path)
    for move in moves:
        fs.append_line(path, json.dumps(move.value()), shared=True)


def _mend(path: Path) -> None:
    """End a last line that has no end, and cut it off where it is no whole one."""
    data = _content(path)
    head, _, last = data.rpartition(b"\n")
    if not last:
        return
    try:
        _move(last)
    except (ValueError, KeyError, TypeError):
        fs.write_bytes(path, head + b"\n" if head else b"", mode=fs.shared_mode(path.parent))
    else:
        fs.write_bytes(path, data + b"\n", mode=fs.shared_mode(path.parent))


def _path(root: Path, stack: StackName) -> Path:
    return root / "history" / f"{stack}.jsonl"


def _move(line: bytes) -> Move:
    value: dict[str, Any] = json.loads(line)
    action = value["action"]
    if action not in _ACTIONS:
        raise ValueError(f"unknown action {action!r}")
    return Move(
        time=datetime.strptime(value["time"], _TIME).replace(tzinfo=UTC),
        action=cast("Action", action),
        tier=None if value["tier"] is None else parse_tier_name(value["tier"]),
        before=_version(value["from"]),
        after=_version(value["to"]),
        author=Author(user=str(value["user"]), host=str(value["host"])),
        why=str(value["why"]),
    )


def _version(text: str | None) -> ReleaseVersion | None:
    return None if text is None else parse_release_version(text)
