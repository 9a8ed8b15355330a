"""What an installer has besides a release: what it is used, started and tested with.

These are files of the tree, in its listing: they follow when it moves, and are verified with it.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from lamina.core import fs
from lamina.core.errors import StorageError, UsageError
from lamina.export.layer_identity import layer_name, layer_version
from lamina.model.digests import digest_of_bytes
from lamina.model.layer_files import INSTALLED_NAME, LAYER_LOCK_NAME, LAYER_NAME
from lamina.model.toml import toml_text
from lamina.release.manifest import dump_manifest, load_manifest
from lamina.release.mtree import MTREE_NAME, OUTSIDE, Entry, dump_mtree
from lamina.release.root import INTERNAL, MANIFEST_NAME, SIGNATURE_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lamina.export.cargo import Cargo
    from lamina.model.names import StackName
    from lamina.model.versions import ReleaseVersion
    from lamina.release.manifest import Manifest, ManifestTest

HOOK_NAME = f"{INTERNAL}/post-install"
TESTS_NAME = f"{INTERNAL}/tests.sh"
UNSET = (
    "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES", "DYLD_FRAMEWORK_PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP",
    "PYTHONUSERBASE", "VIRTUAL_ENV", "PERL5LIB", "PERLLIB", "PERL5OPT", "PERL_MB_OPT",
    "PERL_MM_OPT", "PERL_LOCAL_LIB_ROOT",
)  # fmt: skip
"""What makes programs load what belongs to other installations."""

_ACTIVATE = "bin/activate"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TEST_HEAD = """\
# The tests of this release. PREFIX: where it is; HOME: a directory that may be written to.
failed=0
try() {
    about=$1
    shift
    if "$@" >"$HOME/said" 2>&1 </dev/null; then return; fi
    failed=1
    printf 'failed: %s\\n' "$about" >&2
    tail -n 5 "$HOME/said" | sed 's/^/    /' >&2
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What comes along, as it was asked for."""

    environment_file: str = ""
    """What the file to source is called; empty: there is none."""
    hook: Path | None = None
    """The program to start once everything is in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an installer installs."""

    kind: Literal["stack", "layer"]
    name: StackName
    version: ReleaseVersion
    tested_version: ReleaseVersion
    """The version that it was tested under."""
    micro_architecture: str
    """What it is compiled for; empty: for all."""
    lock: str = ""
    """Of a layer: the digest of its own lock, by which an installer knows that it was changed."""

    @classmethod
    def of_release(cls, manifest: Manifest) -> Identity:
        """Return that of a release."""
        return cls(
            kind="stack",
            name=manifest.stack,
            version=manifest.version,
            tested_version=manifest.tested_as or manifest.version,
            micro_architecture=manifest.micro_architecture or "",
        )

    @classmethod
    def of_layer(cls, layer: Path, base: Manifest) -> Identity:
        """Return that of a layer, whose version is that of its base and says what is in it.

        ``layer``: as it was given, which may be a link that gives it another name.
        """
        version = layer_version(layer, base.version)
        return cls(
            kind="layer",
            name=layer_name(layer),
            version=version,
            tested_version=version,
            micro_architecture=base.micro_architecture or "",
            lock=fs.sha256_of(lock) if (lock := layer / LAYER_LOCK_NAME).exists() else "",
        )

    def text(self) -> str:
        """Return what an installed layer says of itself."""
        said = {self.kind: self.name, "version": self.version, "lock": self.lock}
        lines = ["# Written by its installer."]
        return "\n".join([*lines, *(f"{key} = {toml_text(one)}" for key, one in said.items()), ""])


def with_extras(
    cargo: Cargo, identity: Identity, tests: Sequence[ManifestTest], extras: Extras, scratch: Path
) -> Cargo:
    """Return the cargo of a release, or of a layer and its base, with what only an installer has.

    ``tests``: of the release; ``scratch``: a directory for files. Raises UsageError for a name that
    cannot be, StorageError.
    """
    files: dict[str, tuple[bytes, int]] = {}
    if name := extras.environment_file:
        text = environment_text(cargo).encode()
        _check_name(name, text, cargo)
        files[name] = (text, 0o444)
    if extras.hook is not None:
        files[HOOK_NAME] = (_read(extras.hook), 0o555)
    if script := script_of_tests(tests, activate=_is_activated(cargo)):
        files[TESTS_NAME] = (script.encode(), 0o444)
    if identity.kind == "layer":
        files[INSTALLED_NAME] = (identity.text().encode(), 0o444)
        return _with_files(cargo, files, scratch)
    return _listed(_with_files(cargo, files, scratch), scratch) if files else cargo


def _read(hook: Path) -> bytes:
    try:
        return hook.read_bytes()
    except OSError as error:
        raise StorageError(f"{hook}: {error.strerror}") from error


def _check_name(name: str, text: bytes, cargo: Cargo) -> None:
    """Raise UsageError for a name that cannot be; what was installed has this file already."""
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot be the name of a file to source",
            hints=["letters, digits, dots, hyphens and underscores, such as hepsoftrc"],
        )
    if name in cargo.entries and cargo.entries[name].sha256 != digest_of_bytes(text):
        raise UsageError(f"{name}: {cargo.name} has a file of that name")
    if name == LAYER_LOCK_NAME:
        raise UsageError(f"{name}: what lamina calls the lock of a layer, once it has one")


def _with_files(cargo: Cargo, files: dict[str, tuple[bytes, int]], scratch: Path) -> Cargo:
    entries, sources = dict(cargo.entries), dict(cargo.sources)
    for path, (data, mode) in files.items():
        entries[path] = Entry(
            kind="file", mode=mode, size=len(data), sha256=sha256(data).hexdigest()
        )
        sources[path] = _written(scratch / path, data, mode)
    return dataclasses.replace(cargo, entries=entries, sources=sources)


def _listed(cargo: Cargo, scratch: Path) -> Cargo:
    """Return a release's cargo whose listing and manifest know all that is in it."""
    entries, sources = dict(cargo.entries), dict(cargo.sources)
    listing, manifest = f"{INTERNAL}/{MTREE_NAME}", f"{INTERNAL}/{MANIFEST_NAME}"
    text = dump_mtree({path: one for path, one in entries.items() if path not in OUTSIDE}).encode()
    told = load_manifest(sources[manifest])
    told = told.model_copy(update={"files_digest": digest_of_bytes(text)})
    sources[listing] = _written(scratch / listing, text, 0o444)
    sources[manifest] = _written(scratch / manifest, dump_manifest(told).encode(), 0o444)
    entries.pop(f"{INTERNAL}/{SIGNATURE_NAME}", None)  # It is of another manifest.
    return dataclasses.replace(cargo, entries=entries, sources=sources)


def _written(path: Path, data: bytes, mode: int) -> Path:
    fs.make_directory(path.parent)
    fs.write_bytes(path, data, mode=mode, durable=False)
    return path


def environment_text(cargo: Cargo) -> str:
    """Return what is sourced to use a release, by sh, bash and zsh.

    It names the prefix, which is replaced like that of all files.
    """
    prefix = cargo.parts[0].prefix
    lines = [
        "# To use what is installed here in sh, bash or zsh: source this file.",
        f"unset {' '.join(UNSET)}",
        f'export LAMINA_PREFIX="{prefix}"',
    ]
    if _is_activated(cargo):
        lines.append(f'. "{prefix}/{_ACTIVATE}"')
    else:
        lines += [
            'case ":${PATH-}:" in',
            f'":{prefix}/bin:"*) ;;',
            f'*) export PATH="{prefix}/bin${{PATH:+:$PATH}}" ;;',
            "esac",
        ]
    return "\n".join(lines) + "\n"


def _is_activated(cargo: Cargo) -> bool:
    """Tell whether it is a layer, or has conda packages, which may have scripts to be sourced."""
    return _ACTIVATE in cargo.entries and not {"conda-meta", LAYER_NAME}.isdisjoint(cargo.entries)


def script_of_tests(tests: Sequence[ManifestTest], *, activate: bool = False) -> str:
    """Return the script that runs the tests of a release again; empty where it has none."""
    lines = [f'. "$PREFIX/{_ACTIVATE}"'] if activate and tests else []
    for one in tests:
        about = shlex.quote(one.subject)
        command = f"/bin/sh -c {about}"
        if one.kind == "import":
            about = shlex.quote(f"import {one.subject}")
            command = f'"$PREFIX/bin/python" -c {about}'
        lines.append(f"try {about} {command}")
    return _TEST_HEAD + "\n".join([*lines, 'exit "$failed"']) + "\n" if lines else ""
