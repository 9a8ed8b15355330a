"""Turn a staged tree into what will be published: relocated, described, tested, read-only."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.clock import source_date
from lamina.core.errors import BuildFailedError, UsageError
from lamina.engines.probe import dump_probe, moved, probe
from lamina.engines.signing import sign
from lamina.engines.uv_python import version_of_uv
from lamina.lock.files import LOCK_NAME, digest_of_lock, dump_lock
from lamina.model.digests import digest_of_bytes
from lamina.release.alterations import release_alterations
from lamina.release.conda_part import keep_records_true
from lamina.release.contents import read_installed
from lamina.release.licences import UNKNOWN, summary_of
from lamina.release.manifest import (
    Manifest,
    ManifestConda,
    ManifestPackage,
    ManifestTools,
    dump_manifest,
)
from lamina.release.mtree import MTREE_NAME, dump_mtree, read_tree
from lamina.release.place import staging_place
from lamina.release.relocate import Relocation, relocate_scripts
from lamina.release.root import BUILDS_NAME, INTERNAL, KEPT_STACK_NAME, MANIFEST_NAME
from lamina.release.sbom import SBOM_NAME, Subject, dump_sbom
from lamina.release.start_index import has_index, write_index
from lamina.release.start_record import keep_record
from lamina.release.takeover import share_unchanged
from lamina.release.testing import run_tests

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.lock.conda import LockedConda
    from lamina.model.digests import Sha256
    from lamina.release.draft import Draft
    from lamina.release.manifest import ManifestTest, TestPlace
    from lamina.release.mtree import Entry
    from lamina.release.takeover import Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How much of a release was there already, and how much was written."""

    shared_files: int = 0
    shared_bytes: int = 0
    written_files: int = 0
    written_bytes: int = 0

    def line(self) -> str:
        """Return it for people; nothing where no file is shared."""
        if not self.shared_files:
            return ""
        return (
            f"{self.shared_files} files are those of earlier releases "
            f"({self.shared_bytes / 1e6:.1f} MB), {self.written_files} were written "
            f"({self.written_bytes / 1e6:.1f} MB)"
        )


def seal(draft: Draft, taken: Taken) -> tuple[Manifest, Tally]:
    """Make the stage ready to be renamed into place; return its manifest and what was written.

    The tests run with the tree at its final path, read-only, where this machine has mount
    namespaces; elsewhere in the stage, before its scripts name the final path.
    """
    request, stage, place = draft.request, draft.stage, draft.place
    table = request.stack.test
    tests: list[ManifestTest] = []
    tested: TestPlace = "skipped" if table.imports or table.commands else "none"
    if draft.is_tested and place is None:
        tests, tested = _test_in_stage(draft), "staging"
    about = describe(draft)
    # Last of all that may run code of packages: they could write into another release's files.
    share_unchanged(draft, taken)
    files_digest, tally = _relocate_and_list(draft, taken)
    if draft.is_tested and place is not None:
        tests, tested = run_tests(table, place), "namespace"
    manifest = _manifest(draft, about, files_digest=files_digest, tests=tests, tested=tested)
    path = stage / INTERNAL / MANIFEST_NAME
    fs.write_text(path, dump_manifest(manifest), mode=0o444)
    if request.key is not None:
        fs.set_mode(sign(path, request.key, environ=request.environ), 0o444)
    fs.set_mode(stage / INTERNAL, 0o555)
    return manifest, tally


def _test_in_stage(draft: Draft) -> list[ManifestTest]:
    """Run the tests where nothing but their manners keeps them from writing into the tree."""
    report.note("this machine has no mount namespaces: the tests run in the staging directory")
    request, stage = draft.request, draft.stage
    place = staging_place(stage=stage, environ=request.environ, log=request.log)
    before = _times(stage)
    tests = run_tests(request.stack.test, place)
    after = _times(stage)
    if touched := sorted(path for path, _ in before.items() ^ after.items()):
        raise BuildFailedError(
            f"the tests wrote into the release: {', '.join(sorted(set(touched))[:5])}",
            hints=[f"less {shlex.quote(str(request.log))}"],
        )
    return tests


def _times(top: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for directory, directories, files in os.walk(top):
        for name in (*directories, *files):
            path = f"{directory}/{name}"
            status = os.lstat(path)
            found[path] = (status.st_mtime_ns, status.st_size)
    return found


def describe(draft: Draft) -> Subject:
    """Keep the documents the release was made from, and what a layer has to know of it.

    Returns what its packages say of themselves.
    """
    request, stage = draft.request, draft.stage
    internal = stage / INTERNAL
    fs.make_directory(internal)
    fs.write_text(internal / KEPT_STACK_NAME, request.stack_text, durable=False)
    fs.write_text(internal / LOCK_NAME, dump_lock(request.lock), durable=False)
    if request.builds is not None:
        request.builds.keep(internal / BUILDS_NAME)
    try:
        described = probe(stage / "bin" / "python", environ=request.environ)
    except UsageError as error:
        raise BuildFailedError(
            f"the Python of the release does not start with these packages: {error.message}",
            hints=[f"less {request.log}"],
        ) from error
    text = dump_probe(moved(described, stage, draft.final))
    fs.write_text(internal / "base.json", text, durable=False)
    about = _about(draft)
    fs.write_text(internal / SBOM_NAME, dump_sbom(about, request.lock), durable=False)
    record = keep_record(draft)
    if has_index(draft):
        write_index(draft, record)
    if request.conda is not None:
        keep_records_true(stage, Relocation(stage=stage, final=draft.final))
    return about


def _relocate_and_list(draft: Draft, taken: Taken) -> tuple[Sha256, Tally]:
    """Write the final path into the tree and list it; return the digest of the listing."""
    entries = relocate_and_read(draft, taken)
    text = dump_mtree(entries)
    fs.set_mode(draft.stage / INTERNAL, 0o755)
    fs.write_text(draft.stage / INTERNAL / MTREE_NAME, text, mode=0o444, durable=False)
    shared = taken.shared(draft.stage)
    files = [one.size for one in entries.values() if one.kind == "file"]
    tally = Tally(
        shared_files=len(shared),
        shared_bytes=sum(shared.values()),
        written_files=len(files) - len(shared),
        written_bytes=sum(files) - sum(shared.values()),
    )
    return digest_of_bytes(text.encode()), tally


def relocate_and_read(draft: Draft, taken: Taken) -> dict[str, Entry]:
    """Write the final path into the tree, make it read-only and return what is in it.

    Raises IntegrityError when somebody wrote to a file of an earlier release meanwhile.
    """
    stage = draft.stage
    relocation = Relocation(stage=stage, final=draft.final)
    relocate_scripts(relocation)
    configuration = stage / "pyvenv.cfg"
    if configuration.is_file():
        fs.write_bytes(configuration, relocation.text(configuration.read_bytes()), durable=False)
    _keep_known(draft)
    fs.make_read_only(stage)
    fs.set_mode(stage, 0o755)
    with report.step("recording a digest of every file") as step:
        seen = {one.identity: one.sha256 for one in taken.known.values()}
        entries, leaks = read_tree(stage, needle=os.fsencode(stage.name), seen=seen)
        step.outcome = f"{len(entries)} files, links and directories"
    taken.check(stage, entries)
    for path in leaks:
        report.warn(f"{path} names the directory that it was built in")
    return entries


def _keep_known(draft: Draft) -> None:
    """Keep what layers want to know: now that scripts name the final path, no file changes."""
    if draft.request.known is None:
        return
    with report.step("look into the packages, for layers"):
        for name, text in draft.request.known(draft.stage).items():
            fs.write_text(draft.stage / INTERNAL / name, text, durable=False)


def _about(draft: Draft) -> Subject:
    """Return what the release is and what its packages say of themselves."""
    from importlib.metadata import version

    request, made = draft.request, draft.made
    tools = {"lamina": version("lamina"), "uv": version_of_uv(request.uv)}
    return Subject(
        stack=draft.release.stack,
        version=draft.release.version,
        target=request.target,
        python=draft.interpreter.version,
        created=made.created if made else source_date(request.environ) or request.now,
        tools=made.tools.model_dump() if made else tools,
        installed={one.name: one for one in read_installed(draft.stage)},
        alterations=release_alterations(draft.stage, request.stack),
    )


def _manifest(
    draft: Draft,
    about: Subject,
    *,
    files_digest: Sha256,
    tests: list[ManifestTest],
    tested: TestPlace,
) -> Manifest:
    request, release = draft.request, draft.release
    lock = request.lock
    licences = {
        one.package: about.installed[one.package].licence
        if one.package in about.installed
        else UNKNOWN
        for one in request.artifacts
    }
    conda = [_manifest_conda(one) for one in request.conda_packages]
    summary = summary_of([*licences.values(), *(one.licence for one in conda)])
    return Manifest(
        stack=release.stack,
        version=release.version,
        platform=release.platform,
        micro_architecture=request.stack.build.march_on(release.platform),
        prefix=str(release.prefix),
        created=about.created,
        lock_digest=digest_of_lock(lock),
        stack_digest=lock.stack_digest,
        files_digest=files_digest,
        tested=tested,
        python=draft.python,
        tools=ManifestTools(lamina=about.tools["lamina"], uv=about.tools["uv"]),
        licences=summary,
        indexes=dict(request.indexes),
        channels=dict(request.conda.recorded) if request.conda else {},
        conda=tuple(conda),
        parents=request.parents,
        tests=tuple(tests),
        packages=tuple(
            ManifestPackage(
                name=one.package,
                version=one.version,
                sha256=one.sha256,
                licence=licences[one.package],
            )
            for one in request.artifacts
        ),
    )


def _manifest_conda(one: LockedConda) -> ManifestConda:
    return ManifestConda(
        name=one.name,
        version=one.version,
        build=one.build,
        channel=one.channel,
        subdir=one.subdir,
        file=one.file,
        sha256=one.sha256,
        licence=one.licence or UNKNOWN,
    )
