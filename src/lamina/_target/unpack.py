"""Make an unpacked tree one that is where it is: ``TOP [--prefix PATH] [--base PATH]``.

Run by ``bin/lamina-unpack`` of a pack, where it is last in ``.lamina/unpack.py``.
What it changes is written into the tree's listing and manifest as well, so that it can be verified
as what was packed could.
"""

import hashlib
import json
import os
import re

from lamina._target.replacing import ENDING, writable
from lamina._target.reprefix import (
    JOURNAL,
    STATE,
    RefusedError,
    Tree,
    digest_in,
    digest_of,
    pattern_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, List, Optional

# ------------------------------------------------------------------------------------------------

OWN = (
    "bin/lamina-unpack",
    "bin/conda-unpack",
    ".lamina/pack.json",
    ".lamina/prefixes.json",
    ".lamina/unpack.py",
)
"""What a pack has besides what was packed."""

CONDA = "conda"
"""Where in a layer conda packages are."""
LISTING = os.path.join(".lamina", "files.mtree")
MOST = 10
_FILE = re.compile(r"\./(\S+) type=file .*sha256digest=([0-9a-f]+)$")
_OCTAL = re.compile(rb"\\([0-7]{3})")
_DIRECTORY_MODE = 0o755
_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b"\\#")


def escaped(path: str) -> str:
    """Return a name as mtree(5) has it."""
    return "".join(chr(byte) if byte in _PLAIN else "\\%03o" % byte for byte in os.fsencode(path))


def unescaped(name: str) -> str:
    """Return the path of a name in mtree(5)."""
    return os.fsdecode(_OCTAL.sub(lambda one: bytes([int(one.group(1), 8)]), name.encode("ascii")))


def check_listings(tree: Tree) -> None:
    """Raise RefusedError unless what listings name is as it was packed; layers have none.

    Later, what is here is its owner's to change, and what an unfinished run changed it has checked.
    """
    if tree.journal or not _is_as_packed(tree):
        return
    seen = {file["path"] for file in tree.state["files"]}
    altered = []
    for part in tree.parts:
        listing = tree.content(os.path.join(part, LISTING))
        manifest = tree.content(os.path.join(part, ".lamina", "release.toml"))
        if listing is None or manifest is None:
            continue
        if digest_of(listing).encode() not in manifest:
            altered.append(os.path.join(part, LISTING))
            continue  # What it says of others is worth nothing, and may be no text.
        for line in listing.decode("ascii", "replace").splitlines():
            found = _FILE.match(line)
            inside = os.path.join(part, unescaped(found.group(1))) if found else ""
            if found and not tree.holds(inside):
                where = os.path.join(part, LISTING)
                raise RefusedError("%s: %s in it leads out of this directory" % (where, inside), 6)
            if found and inside not in seen and digest_in(tree.path(inside)) != found.group(2):
                altered.append(inside)
    if altered:
        left = len(altered) - MOST
        more = " and %d more" % left if left > 0 else ""
        raise RefusedError("not as packed: " + ", ".join(altered[:MOST]) + more, 6)


def _is_as_packed(tree: Tree) -> bool:
    """Tell whether nothing has been written here yet: the prefixes are those of the pack."""
    told, listing = tree.content(os.path.join(".lamina", "pack.json")), tree.content(LISTING)
    if told is None or (listing is not None and _is_listed(tree)):
        return False
    return [one["path"] for one in json.loads(told.decode("utf-8"))["prefixes"]] == tree.olds


def listed(tree: Tree, inside: str, name: str) -> str:
    """Return the line of a listing about a file, a link or a directory as it is now."""
    path = tree.path(inside)
    mode = os.lstat(path).st_mode
    data = tree.content(inside) if not os.path.isdir(path) or os.path.islink(path) else b""
    if inside == STATE:
        data = tree.text_of_state()
    assert data is not None  # noqa: S101 (lstat has answered)
    head = "./" + escaped(name)
    if os.path.islink(path):
        return "%s type=link link=%s" % (head, escaped(os.fsdecode(data)))
    text = "%s type=file mode=%04o size=%d sha256digest=%s"
    return text % (head, mode & 0o7777, len(data), digest_of(data))


def update_listing(tree: Tree, part: str, *, published: bool) -> None:
    """Write what is there now into the listing of a part, and the manifest that names it."""
    listing = os.path.join(part, LISTING)
    old = tree.content(listing)
    manifest = tree.content(os.path.join(part, ".lamina", "release.toml"))
    if old is None or manifest is None:
        return
    lines = {line.split(" ", 1)[0]: line for line in old.decode("ascii").splitlines()[1:]}
    own = [] if published or part else [one for one in OWN if os.path.lexists(tree.path(one))]
    for inside in {*tree.changed, *own}:
        name = os.path.relpath(inside, part) if part else inside
        if name.startswith("../") or (not part and _elsewhere(tree, inside)):
            continue
        key = "./" + escaped(name)
        if os.path.lexists(tree.path(inside)):
            if key in lines or inside in own:
                lines[key] = listed(tree, inside, name)
        else:
            lines.pop(key, None)
    if not published:
        # Where packs are unpacked, directories can be written to, for tar's sake and the user's.
        pattern = re.compile(r"type=dir mode=\d+$")
        lines = {key: pattern.sub("type=dir mode=0755", line) for key, line in lines.items()}
    text = "\n".join(["#mtree", *(lines[key] for key in sorted(lines))]) + "\n"
    tree.put(listing, text.encode("ascii"))
    _update_manifest(tree, part, manifest, digest_of(text.encode("ascii")))


def _is_listed(tree: Tree) -> bool:
    """Tell whether the listing, where there is one, is that of an unpacked tree."""
    listing = tree.content(os.path.join(".lamina", "files.mtree"))
    return listing is None or b"\n./%s " % STATE.encode() in listing


def _elsewhere(tree: Tree, inside: str) -> bool:
    return any(part and inside.startswith(part + "/") for part in tree.parts)


def _update_manifest(tree: Tree, part: str, manifest: bytes, digest: str) -> None:
    prefixes = tree.state["prefixes"]
    pairs = zip(prefixes, tree.news)  # noqa: B905 - Python 3.8 knows no ``strict``
    news = [new for one, new in pairs if one["inside"] == part]
    words = {b"prefix": news[0], b"files-digest": digest}
    new = manifest
    for key, value in words.items():
        line = key + b" = " + os.fsencode(json.dumps(value, ensure_ascii=False))
        new = re.sub(b"(?m)^" + key + b" = .*$", lambda _, line=line: line, new, count=1)  # type: ignore[misc]
    if new == manifest:
        return
    directory = os.path.join(part, ".lamina")
    with writable(tree.path(directory)):
        signature = tree.path(os.path.join(directory, "release.toml.sig"))
        if os.path.exists(signature):
            os.unlink(signature)  # It is of what was packed.
    tree.put(os.path.join(directory, "release.toml"), new)


def update_records(tree: Tree) -> None:
    """Keep the lists of packages true: RECORD (PEP 376), and conda's digests of what is there."""
    changed = {os.path.normpath(tree.path(inside)) for inside in tree.changed}
    for part in tree.parts:
        for prefix in (tree.path(part), tree.path(os.path.join(part, CONDA))):
            for site in _sites(prefix):
                for name in sorted(os.listdir(site)):
                    if name.endswith(".dist-info"):
                        _update_record(tree, os.path.join(site, name, "RECORD"), site, changed)
            _update_conda(tree, os.path.join(prefix, "conda-meta"))


def _sites(top: str) -> "Iterator[str]":
    directory = os.path.join(top, "lib")
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        site = os.path.join(directory, name, "site-packages")
        if name.startswith("python") and os.path.isdir(site) and not os.path.islink(site):
            yield site


def _update_record(tree: Tree, record: str, site: str, changed: "Iterable[str]") -> None:
    import base64

    try:
        with open(record, "rb") as stream:
            old = stream.read()
    except OSError:
        return
    touched, lines = False, []
    for line in old.splitlines(keepends=True):
        field, digest = line.rsplit(b",", 2)[:2] if line.count(b",") > 1 else (line, b"")
        path = os.path.normpath(os.path.join(site, os.fsdecode(field.strip(b'"'))))
        if digest and path in changed and os.path.isfile(path) and not os.path.islink(path):
            touched = True
            with open(path, "rb") as stream:
                data = stream.read()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
            lines.append(field + b",sha256=" + digest + b",%d" % len(data) + end)
        else:
            lines.append(line)
    if touched:
        tree.changed.append(os.path.relpath(record, tree.top))
        tree.replacements.file(record, b"".join(lines))


def _update_conda(tree: Tree, directory: str) -> None:
    digests = {}
    for file in tree.state["files"]:
        data = tree.content(file["path"])
        if data is not None:
            digests[file["sha256"].encode()] = digest_of(data).encode()
    if not digests or not os.path.isdir(directory):
        return
    pattern = re.compile(b"|".join(digests) + b"|" + b"|".join(digests.values()))
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if name.endswith(".json") and os.path.isfile(path):
            with open(path, "rb") as stream:
                old = stream.read()
            if pattern.search(old):
                tree.changed.append(os.path.relpath(path, tree.top))
                new = pattern.sub(lambda one: digests.get(one.group(), one.group()), old)
                tree.replacements.file(path, new)


def set_modes(tree: Tree) -> None:
    """Let directories be written to by their owner, whatever unpacked them."""
    for directory, _, _ in os.walk(tree.top):
        if os.stat(directory).st_mode & 0o7777 != _DIRECTORY_MODE:
            os.chmod(directory, _DIRECTORY_MODE)


def places(tree: Tree, prefix: str, base: "Optional[str]") -> "List[str]":
    """Return the new path of each prefix; raises RefusedError."""
    news = []
    for one in tree.state["prefixes"]:
        if one["inside"] is None:
            if not base:
                raise RefusedError("this is a layer without its base: --base PATH", 2)
            _check_base(one, base)
            news.append(base)
        else:
            news.append(os.path.join(prefix, one["inside"]) if one["inside"] else prefix)
    return news


def adopt(tree: Tree) -> None:
    """Take what changed in a layer since it was unpacked as it is now: its files are its owner's.

    What is new and names a prefix is listed as well; indexes of the old place go, as they come back
    by themselves. What a killed run was about to write stays known by its journal. In what was not
    unpacked before, what differs is damage.
    """
    import shutil

    if not os.path.isfile(tree.path("lamina-layer.toml")) or _is_fresh(tree):
        return
    for name in ("index", "index-base"):
        shutil.rmtree(tree.path(os.path.join(".lamina", name)), ignore_errors=True)
    kept = []
    for file in tree.state["files"]:
        inside = file["path"]
        data = tree.content(inside)
        if not _elsewhere(tree, inside) and tree.names(file) is None:
            if data is None:
                continue
            file = dict(file, sha256=digest_of(data))  # noqa: PLW2901
        kept.append(file)
    known = {file["path"] for file in kept}
    kept += [one for one in _naming(tree) if one["path"] not in known]
    tree.state["files"] = kept


def _is_fresh(tree: Tree) -> bool:
    """Tell whether a tree has the prefixes that it was packed with."""
    with open(tree.path(".lamina/pack.json"), encoding="utf-8") as stream:
        return [str(one["path"]) for one in json.load(stream)["prefixes"]] == tree.olds


def _naming(tree: Tree) -> "Iterator[Dict[str, Any]]":
    """Yield the texts, links and byte code of a layer's own that name a prefix."""
    pattern = pattern_of(map(os.fsencode, tree.olds))
    bases = {os.path.normpath(tree.path(part)) for part in tree.parts if part}
    skipped = {os.path.normpath(tree.path(one)) for one in (STATE, JOURNAL, *OWN)}
    for directory, names, files in os.walk(tree.top):
        names[:] = [one for one in names if os.path.join(directory, one) not in bases]
        links = [one for one in names if os.path.islink(os.path.join(directory, one))]
        for name in (*files, *links):
            path = os.path.normpath(os.path.join(directory, name))
            inside = os.path.relpath(path, tree.top)
            data = None if path in skipped or name.endswith(ENDING) else tree.content(inside)
            if data is None or not pattern.search(data):
                continue
            kind = "link" if os.path.islink(path) else "code" if name.endswith(".pyc") else "text"
            if kind != "text" or b"\0" not in data:
                yield {"path": inside, "kind": kind, "sha256": digest_of(data)}


def _check_base(wanted: "dict[str, str]", base: str) -> None:
    """Raise RefusedError unless the base is the one that was packed over, by its manifest."""
    path = os.path.join(base, ".lamina", "release.toml")
    try:
        with open(path, encoding="utf-8") as stream:
            found = re.search('(?m)^lock-digest = "([0-9a-f]+)"$', stream.read())
    except OSError:
        found = None
    if found is None:
        raise RefusedError("%s: no release of lamina" % base, 2)
    if found.group(1) != wanted["lock-digest"]:
        raise RefusedError("%s: not the base of this layer, %s" % (base, wanted["name"]), 6)


def unpack(top: str, prefix: str, base: "Optional[str]", *, published: bool) -> str:
    """Write the new prefixes; return what was done. Raises RefusedError, OSError."""
    with writable(os.path.join(top, ".lamina")):
        lock = os.open(os.path.join(top, ".lamina"), os.O_RDONLY)
        try:
            _wait(lock)
            tree = Tree(top, [])
            tree.news = places(tree, prefix, base)
            if tree.finished and (published or _is_listed(tree)):
                return "nothing to do: this is %s" % prefix
            adopt(tree)
            tree.check()
            if not published:
                check_listings(tree)
            try:
                _write(tree, published=published)
            finally:
                tree.replacements.discard()
        finally:
            os.close(lock)
    return "%d files name %s now" % (len(tree.state["files"]), prefix)


def _write(tree: Tree, *, published: bool) -> None:
    """Write the new prefixes, and what is to be true of them."""
    tree.change()
    update_records(tree)
    tree.commit()
    if not published:
        set_modes(tree)
    for part in tree.parts:
        update_listing(tree, part, published=published)
    tree.commit()
    tree.put(STATE, tree.text_of_state())
    tree.commit()
    if os.path.exists(tree.path(JOURNAL)):
        os.unlink(tree.path(JOURNAL))


def _wait(lock: int) -> None:
    try:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
    except (ImportError, OSError):
        pass  # Where there are no locks, two people at once are on their own.


def main(arguments: "Optional[List[str]]" = None) -> int:
    """Do it; return the exit code."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(prog="lamina-unpack", description="Make this directory work.")
    parser.add_argument("top", help=argparse.SUPPRESS)
    parser.add_argument("--prefix", help="the path that it will have [default: its path]")
    parser.add_argument("--base", help="the release that a layer stands on")
    parser.add_argument("--published", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    prefix = os.path.abspath(options.prefix or options.top)
    base = os.path.abspath(options.base) if options.base else None
    try:
        print("lamina-unpack: " + unpack(options.top, prefix, base, published=options.published))
    except RefusedError as error:
        print("error: " + error.message, file=sys.stderr)
        return error.code
    except OSError as error:
        print("error: %s: %s" % (error.filename, error.strerror), file=sys.stderr)
        print("hint: run it again once that is mended: it goes on", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
