"""A release as what is shipped: its own files, and an interpreter where it has none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.clock import source_date
from lamina.core.errors import MissingInterpreterError
from lamina.core.run import base_environment, run
from lamina.engines.interpreters import inspect_interpreter
from lamina.export.cargo import Cargo, Part, Sources
from lamina.export.unpacked import Contents, is_unpacked, restored
from lamina.model.digests import digest_of_bytes
from lamina.release.bundle import bundle_interpreter
from lamina.release.manifest import Manifest, dump_manifest
from lamina.release.mtree import MTREE_NAME, OUTSIDE, Entry, dump_mtree, read_tree
from lamina.release.root import INTERNAL, MANIFEST_NAME, SIGNATURE_NAME
from lamina.release.verify import recorded_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.release.root import Release

BUNDLE_NAME = "python"
PROBE_NAME = "base.json"
_TARGET = Path(__file__).parents[1] / "_target"
_FIRST = tuple(f"{INTERNAL}/{name}" for name in (MANIFEST_NAME, MTREE_NAME))


def release_cargo(release: Release, environ: Mapping[str, str], scratch: Path) -> Cargo:
    """Return what a release consists of when it leaves.

    ``scratch``: an empty directory, for the interpreter of a release that has none of its own.
    Raises IntegrityError, MissingInterpreterError where that interpreter is gone.
    """
    if is_unpacked(release.prefix):
        return _cargo(release, restored(release, environ, scratch), environ)
    manifest = release.manifest()
    entries = recorded_files(release)
    outside = [one for one in sorted(OUTSIDE) if (release.prefix / one).exists()]
    entries |= {one: Entry(kind="file") for one in outside}
    others: dict[str, Path] = {}
    program = (release.prefix / "bin" / "python").resolve()
    if not program.is_relative_to(release.prefix.resolve()):
        program = _bundle(release, manifest, scratch, environ)
        added = _overlaid(release, manifest, entries, scratch)
        entries |= added
        if entries.pop(f"{INTERNAL}/{SIGNATURE_NAME}", None):
            report.warn(
                f"the signature of {release.name} does not go along: it is of the release without "
                "a copy of its Python, and one published with `bundle = true` needs none"
            )
        others = {one: scratch / one for one in added}
        inside = program.relative_to(scratch)
    else:
        inside = program.relative_to(release.prefix.resolve())
    contents = Contents(
        manifest=manifest,
        entries=entries,
        sources=Sources(entries, release.prefix.joinpath, others),
        interpreter=inside.as_posix(),
    )
    return _cargo(release, contents, environ)


def _cargo(release: Release, contents: Contents, environ: Mapping[str, str]) -> Cargo:
    manifest = contents.manifest
    moment = source_date(environ) or manifest.created
    part = Part(
        prefix=manifest.prefix,
        inside="",
        name=release.name,
        lock_digest=str(manifest.lock_digest),
    )
    return Cargo(
        name=release.name,
        platform=release.platform,
        seconds=int(moment.timestamp()),
        parts=(part,),
        entries=contents.entries,
        sources=contents.sources,
        interpreter=contents.interpreter,
        rooms=placeholder_rooms(release.prefix),
        first=_FIRST,
    )


def _bundle(
    release: Release, manifest: Manifest, scratch: Path, environ: Mapping[str, str]
) -> Path:
    """Put a copy of the interpreter into ``scratch``, compiled; return the program."""
    interpreter = inspect_interpreter(Path(manifest.python.interpreter), environ)
    if interpreter is None or interpreter.version != manifest.python.version:
        raise MissingInterpreterError(
            f"{release.name} stands on {manifest.python.interpreter}, Python "
            f"{manifest.python.version}, which is not there, so that no copy of it can go along",
            hints=["publish it with `bundle = true` in [stack]"],
        )
    with report.step("copying the interpreter, which the release has outside"):
        program = bundle_interpreter(
            interpreter,
            scratch / BUNDLE_NAME,
            final=Path(manifest.prefix) / BUNDLE_NAME,
            environ=environ,
        )
        environment = base_environment(environ) | {"PYTHONHASHSEED": "0", "LAMINA_INDEX": "0"}
        script, workers = _TARGET / "compile_tree.py", str(os.cpu_count() or 1)
        run([program, "-I", "-S", "-B", script, scratch, workers], env=environment)
    return program


def _overlaid(
    release: Release, manifest: Manifest, entries: Mapping[str, Entry], scratch: Path
) -> dict[str, Entry]:
    """Write what the release is with the copy in it; return all that is in ``scratch``."""
    home = Path(manifest.prefix) / BUNDLE_NAME / "bin"
    fs.make_directory(scratch / "bin")
    fs.make_directory(scratch / INTERNAL)
    program = f"python{manifest.python.series}"
    fs.symlink(scratch / "bin" / "python", f"../{BUNDLE_NAME}/bin/{program}")
    lines = (release.prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    lines = [f"home = {home}" if line.startswith("home = ") else line for line in lines]
    fs.write_text(scratch / "pyvenv.cfg", "\n".join(lines) + "\n", durable=False)
    described = (release.internal / PROBE_NAME).read_text(encoding="utf-8")
    old = str(Path(manifest.python.interpreter).parents[1])
    for end in ('"', "/"):
        described = described.replace(f'"{old}{end}', f'"{home.parent}{end}')
    fs.write_text(scratch / INTERNAL / PROBE_NAME, described, durable=False)
    fs.make_read_only(scratch)
    added, _ = read_tree(scratch)
    for path in (scratch, scratch / INTERNAL):
        fs.set_mode(path, 0o755)
    whole = {path: one for path, one in entries.items() if path not in OUTSIDE} | added
    listing = dump_mtree(whole)
    python = manifest.python.model_copy(update={"bundled": True})
    changes = {"files_digest": digest_of_bytes(listing.encode()), "python": python}
    text = dump_manifest(manifest.model_copy(update=changes))
    fs.write_text(scratch / INTERNAL / MTREE_NAME, listing, mode=0o444, durable=False)
    fs.write_text(scratch / INTERNAL / MANIFEST_NAME, text, mode=0o444, durable=False)
    return added | {one: Entry(kind="file") for one in _FIRST}


def placeholder_rooms(prefix: Path) -> dict[str, int]:
    """Return how long a prefix may be in each program of conda packages, in bytes.

    What they were made with is longer than most prefixes, and zero bytes fill the rest.
    """
    found: dict[str, int] = {}
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for one in document.get("paths_data", {}).get("paths", ()):
            if one.get("file_mode") == "binary" and one.get("prefix_placeholder"):
                found[str(one["_path"])] = len(os.fsencode(one["prefix_placeholder"]))
    return found
