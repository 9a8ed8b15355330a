"""Write another prefix into a tree: in texts, programs, links, byte code and lists of files.

What names a prefix is listed in ``.lamina/prefixes.json``, with a digest of each file as it is. No
module of its own in a pack: it is behind replacing.py there, and unpack.py behind it, as
``.lamina/unpack.py``.

Killed at any point, or without power, the next run finishes: what a file becomes is written down
(``JOURNAL``), and that is on disk, before it is renamed into place. Nothing is changed before
everything has been looked at.
"""

from lamina._target.replacing import ENDING, MOST_WAITING, Replacements, writable

# isort: split
# ------------------------------------------------------------------------------------------------
import hashlib
import json
import os
import py_compile
import re
import shlex
from importlib.util import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

    Pairs = List[Tuple[bytes, bytes]]
    """Old and new path of each prefix."""

STATE = ".lamina/prefixes.json"
JOURNAL = ".lamina/unpacking.jsonl"
LONGEST_SHEBANG = 127
"""In bytes; older kernels cut the line there (execve(2), BINPRM_BUF_SIZE)."""

_END = rb"(?![\w-])"
_TRAMPOLINE = re.compile(rb"#!/bin/sh\n'''exec' (?P<words>[^\n]*) \"\$0\" \"\$@\"\n' '''\n")
_STRANGE = re.compile("[\\x00-\\x1f\\x7f'\"\\\\$`:;]")


class RefusedError(Exception):
    """What cannot be done, and the exit code that says so."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def digest_of(data: bytes) -> str:
    """Return a SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_in(path: str) -> "Optional[str]":
    """Return that of a file; None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def check_path(path: str) -> None:
    """Raise RefusedError for a path that cannot be written into scripts."""
    wrong = _STRANGE.search(path)
    if wrong:
        raise RefusedError("%s: a path with %r cannot be a prefix" % (path, wrong.group()), 2)


def pattern_of(olds: "Iterable[bytes]") -> "re.Pattern[bytes]":
    """Return what finds prefixes, the longest first, and not the beginnings of other names."""
    words = sorted(set(olds), key=lambda one: (-len(one), one))
    return re.compile(b"(?:" + b"|".join(map(re.escape, words)) + b")" + _END)


def renamed(data: bytes, pairs: "Pairs", head: bytes = b"") -> bytes:
    """Return a text with the new prefixes; a script starts as the kernel can do it.

    ``head``: how it started when it was packed, where that is not what ``shebang`` returns. It is
    taken again where it asks for the same command.
    """
    names = dict(pairs)
    pattern = pattern_of(names)

    def text(part: bytes) -> bytes:
        return pattern.sub(lambda found: names[found.group()], part)

    words, rest = interpreter_of(data, pattern)
    words = [text(word) for word in words]
    if head and words and interpreter_of(head, pattern_of(names.values()))[0] == words:
        return head + text(rest)
    return shebang(words) + text(rest)


def head_of(data: bytes, prefixes: "Iterable[bytes]") -> bytes:
    """Return how a script starts, nothing where ``shebang`` would write that again."""
    words, rest = interpreter_of(data, pattern_of(prefixes))
    head = data[: len(data) - len(rest)]
    return head if head != shebang(words) else b""


def interpreter_of(data: bytes, pattern: "re.Pattern[bytes]") -> "Tuple[List[bytes], bytes]":
    """Return the command that a script asks for, none where that is elsewhere, and the rest."""
    found = _TRAMPOLINE.match(data)
    if found:
        words = [os.fsencode(word) for word in shlex.split(os.fsdecode(found.group("words")))]
        return words, data[found.end() :]
    here = pattern.match(data, 2) if data[:2] == b"#!" else None
    if here:
        line, _, rest = data.partition(b"\n")
        program, *options = line[here.end() :].split() or [b""]
        return [here.group() + program, *options], rest
    return [], data


def shebang(words: "List[bytes]") -> bytes:
    """Return the first lines of a script: through ``/bin/sh`` where the kernel cannot do it."""
    if not words:
        return b""
    plain = b"#!" + b" ".join(words) + b"\n"
    if len(words) <= 2 and len(plain) <= LONGEST_SHEBANG and not re.search(rb"\s", words[0]):
        return plain
    quoted = b" ".join(b"'" + word.replace(b"'", b"'\"'\"'") + b"'" for word in words)
    return b"#!/bin/sh\n'''exec' " + quoted + b" \"$0\" \"$@\"\n' '''\n"


def padded(data: bytes, pairs: "Pairs", room: int) -> bytes:
    """Return a program with the new prefixes, and zero bytes where they are shorter.

    ``room``: bytes that there are for each; what the present one does not use is zero bytes at the
    end of its string. Raises ValueError where there are none.
    """
    names = dict(pairs)
    pattern = pattern_of(names)
    parts: "List[bytes]" = []
    at = 0
    while True:
        first = pattern.search(data, at)
        if first is None:
            return b"".join([*parts, data[at:]])
        end = data.find(b"\0", first.start())
        end = len(data) if end < 0 else end
        chunk = data[first.start() : end]
        spare = sum(max(0, room - len(one.group())) for one in pattern.finditer(chunk))
        new = pattern.sub(lambda found: names[found.group()], chunk)
        if data[end : end + spare] != bytes(spare) or len(new) > len(chunk) + spare:
            raise ValueError("no room for the new prefix")
        parts += [data[at : first.start()], new.ljust(len(chunk) + spare, b"\0")]
        at = end + spare


class Tree:
    """A tree whose prefixes are to change, and how far that has come."""

    def __init__(self, top: str, news: "List[str]") -> None:
        self.top = top
        self.replacements = Replacements()
        self._notes: "List[Dict[str, Any]]" = []
        with open(self.path(STATE), encoding="utf-8") as stream:
            self.state = json.load(stream)
        self.olds = [str(one["path"]) for one in self.state["prefixes"]]
        self.news = news
        self.journal = self._journal()
        self.changed: "List[str]" = []
        self._moved: "Optional[bool]" = None
        self._linked: "Dict[str, bool]" = {}

    @property
    def parts(self) -> "List[str]":
        """Return where the prefixes are that are in the tree; the first is the tree itself."""
        return [one["inside"] for one in self.state["prefixes"] if one["inside"] is not None]

    def path(self, inside: str) -> str:
        """Return where something of the tree is."""
        return os.path.join(self.top, inside)

    def holds(self, inside: str) -> bool:
        """Tell whether a path leads to something in the tree, and not elsewhere by its name."""
        parts = inside.split("/")
        return not {"", ".", ".."}.intersection(parts) and not self._links_away(parts[:-1])

    def _links_away(self, directories: "List[str]") -> bool:
        """Tell whether one of the directories that a path is in is a link."""
        path = "/".join(directories)
        if path not in self._linked:
            above = bool(directories) and self._links_away(directories[:-1])
            self._linked[path] = above or (bool(path) and os.path.islink(self.path(path)))
        return self._linked[path]

    def _journal(self) -> "Dict[str, List[Dict[str, Any]]]":
        """Return what an earlier run was about to write; its last line may be unfinished."""
        found: "Dict[str, List[Dict[str, Any]]]" = {}
        if os.path.exists(self.path(JOURNAL)):
            with open(self.path(JOURNAL), encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        continue  # Nothing was done yet of what was to be written there.
                    found.setdefault(entry["path"], []).append(entry)
        return found

    @property
    def finished(self) -> bool:
        """Whether there is nothing to do."""
        return self.olds == self.news and not self.journal

    def check(self) -> None:
        """Raise RefusedError unless every file is as it was packed, or as a killed run left it."""
        for new in self.news:
            check_path(new)
        longest = max(len(os.fsencode(new)) for new in self.news)
        shortest = min(len(os.fsencode(old)) for old in self.olds)
        altered = []
        for file in self.state["files"]:
            if file["kind"] == "binary" and longest > max(file["room"], shortest):
                raise RefusedError(
                    "%s has room for a prefix of %d bytes, and this one has %d"
                    % (file["path"], file["room"], longest),
                    2,
                )
            if self.names(file) is None:
                altered.append(file["path"])
        if altered:
            raise RefusedError("not as packed: %s" % ", ".join(altered[:10]), 6)

    def content(self, inside: str) -> "Optional[bytes]":
        """Return a file's bytes or a link's target; None where it is not there."""
        path = self.path(inside)
        try:
            if os.path.islink(path):
                return os.fsencode(os.readlink(path))
            with open(path, "rb") as stream:
                return stream.read()
        except OSError:
            return None

    def names(self, file: "Dict[str, Any]") -> "Optional[List[str]]":
        """Return the prefixes that a file names now; None for one that nobody knows."""
        data = self.content(file["path"])
        if data is None:
            gone = [one for one in self.journal.get(file["path"], ()) if not one["sha256"]]
            return gone[-1]["prefixes"] if gone else None
        digest = digest_of(data)
        if digest == file["sha256"]:
            return self.olds
        for entry in self.journal.get(file["path"], ()):
            if entry["sha256"] == digest:
                return list(entry["prefixes"])
        if file["kind"] == "code":
            return self.olds if self._any_moved() else None  # Compiled again, from what is known.
        return self.news if self._is_moved(file, data) else None

    def _is_moved(self, file: "Dict[str, Any]", data: bytes) -> bool:
        """Tell whether a file has the new prefixes already, and is as packed but for that.

        So are files of an RPM that an upgrade leaves as it is, where it has been moved before.
        """
        both = zip(self.news, self.olds)  # noqa: B905 (Python 3.8)
        pairs = [(os.fsencode(new), os.fsencode(old)) for new, old in both]
        names = dict(pairs)
        if file["kind"] == "text":
            before = renamed(data, pairs, packed_head(file))
        elif file["kind"] == "link":
            before = pattern_of(names).sub(lambda found: names[found.group()], data)
        else:
            try:
                before = padded(data, pairs, file["room"])
            except ValueError:
                return False
        return digest_of(before) == str(file["sha256"])

    def _any_moved(self) -> bool:
        if self._moved is None:
            known = [
                (file, self.content(file["path"]))
                for file in self.state["files"]
                if file["kind"] != "code"
            ]
            self._moved = any(
                data is not None
                and digest_of(data) != file["sha256"]
                and self._is_moved(file, data)
                for file, data in known
            )
        return self._moved

    def change(self) -> None:
        """Write the new prefixes; byte code comes after its source."""
        files = sorted(self.state["files"], key=lambda one: str(one["path"]))
        for is_code in (False, True):
            for file in files:
                if (file["kind"] == "code") is is_code:
                    self._renew(file)
            self.commit()

    def _renew(self, file: "Dict[str, Any]") -> None:
        self.changed.append(file["path"])
        now = self.names(file)
        if now is None:
            raise RefusedError("%s changed meanwhile" % file["path"], 6)
        if now != self.news:
            self._change(file, now)
        if self.replacements.size > MOST_WAITING:
            self.commit()

    def commit(self) -> None:
        """Put what was written in its place, once that is in the journal."""
        if self._notes:
            # A line may have been cut off there.
            lines = ["", *map(json.dumps, self._notes)]
            with open(self.path(JOURNAL), "a", encoding="utf-8") as stream:
                stream.write("\n".join(lines) + "\n")
            self._notes = []
        self.replacements.commit()

    def _change(self, file: "Dict[str, Any]", now: "List[str]") -> None:
        inside, data = file["path"], self.content(file["path"])
        if data is None:
            return  # Byte code that was of no use.
        both = zip(now, self.news)  # noqa: B905 (Python 3.8)
        pairs = [(os.fsencode(old), os.fsencode(new)) for old, new in both]
        if file["kind"] == "text":
            self._put(inside, renamed(data, pairs, packed_head(file)))
        elif file["kind"] == "binary":
            try:
                self._put(inside, padded(data, pairs, file["room"]))
            except ValueError as error:
                raise RefusedError("%s: %s" % (inside, error), 2) from None
        elif file["kind"] == "link":
            pattern, names = pattern_of(old for old, _ in pairs), dict(pairs)
            target = pattern.sub(lambda found: names[found.group()], data)
            self.note(inside, digest_of(target))
            self.replacements.link(self.path(inside), target)
        else:
            self._compile(inside, data)

    def note(self, inside: str, digest: str) -> None:
        """Write down what a file is about to be."""
        self._notes.append({"path": inside, "sha256": digest, "prefixes": self.news})

    def put(self, inside: str, data: bytes) -> None:
        """Replace a file with the next ``commit``."""
        self.replacements.file(self.path(inside), data)

    def _put(self, inside: str, data: bytes) -> None:
        self.note(inside, digest_of(data))
        self.put(inside, data)

    def _compile(self, inside: str, data: bytes) -> None:
        """Compile again, or have no byte code where it is for another Python."""
        directory, name = os.path.split(os.path.dirname(inside)), os.path.basename(inside)
        source = os.path.join(directory[0], name.split(".", 1)[0] + ".py")
        if data[:4] != MAGIC_NUMBER or not os.path.isfile(self.path(source)):
            self.note(inside, "")
            self.replacements.removal(self.path(inside))
            return
        mode = py_compile.PycInvalidationMode.TIMESTAMP
        if data[4] & 1:
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        target = self.path(inside) + ENDING
        with writable(os.path.dirname(target)):
            py_compile.compile(
                self.path(source), target, dfile=source, doraise=True, invalidation_mode=mode
            )
            with open(target, "rb") as stream:
                self._put(inside, stream.read())
            os.unlink(target)

    def text_of_state(self) -> bytes:
        """Return the prefixes and digests that hold now, as they are kept."""
        files = []
        for file in self.state["files"]:
            data = self.content(file["path"])
            if data is not None:
                files.append(dict(file, sha256=digest_of(data)))
        pairs = zip(self.state["prefixes"], self.news)  # noqa: B905 (Python 3.8)
        prefixes = [dict(one, path=new) for one, new in pairs]
        return json_text(dict(self.state, prefixes=prefixes, files=files))


def packed_head(file: "Dict[str, Any]") -> bytes:
    """Return how a script started when it was packed, where that is known."""
    return str(file.get("head", "")).encode("latin-1")


def json_text(value: "Any") -> bytes:
    """Return a document's bytes, the same each time."""
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode("ascii")
