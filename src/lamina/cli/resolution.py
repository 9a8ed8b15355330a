"""``lamina lock`` and ``lamina check``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lamina.cli.options import (
    Output,
    dry_run_option,
    environment,
    output_options,
    root_option,
    stack_file,
    stack_option,
)
from lamina.core import report
from lamina.core.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from lamina.core.errors import LaminaError
    from lamina.lock.document import Lock
    from lamina.model.names import PackageName
    from lamina.resolve.findings import ClosureReport
    from lamina.resolve.heritage import Heritage
    from lamina.stack.document import Stack


@click.command()
@click.option(
    "--check",
    "check_only",
    is_flag=True,
    help="Fail when the lock is missing or stale; no network.",
)
@click.option(
    "--upgrade", "-U", is_flag=True, help="Take the newest versions that the stack allows."
)
@click.option(
    "--upgrade-package",
    "-P",
    "packages",
    multiple=True,
    metavar="NAME",
    help="Take the newest version of one package.",
)
@dry_run_option
@stack_option
@root_option
@output_options
def lock(
    output: Output,
    stack_path: Path | None,
    *,
    check_only: bool,
    upgrade: bool,
    packages: tuple[str, ...],
    dry_run: bool,
    root: Path,
) -> None:
    """Resolve the stack and write lamina.lock beside lamina.toml.

    Every platform and Python series of the stack is in the one lock. With exclude-newer in the
    stack, the lock depends on the stack alone; without it, versions stay until they have to move.
    Stacks that it extends are looked for in --root; --upgrade takes their newest releases that fit.
    """
    from lamina.lock.files import LOCK_NAME
    from lamina.lock.summary import counted
    from lamina.resolve.freshness import load_fresh_lock
    from lamina.resolve.paths import check_paths
    from lamina.stack.files import check_patches, load_stack

    if check_only and (upgrade or packages or dry_run):
        raise UsageError("--check changes nothing, so that it goes with no other option")
    path = stack_file(stack_path)
    stack = load_stack(path)
    lock_path = path.with_name(LOCK_NAME)
    if check_only:
        check_patches(stack, path)
        fresh = load_fresh_lock(stack, lock_path, root)
        check_paths(fresh, lock_path, environment())
        summary = f"{lock_path} is up to date: {counted(fresh)}"
        output.result(summary, {"lock": str(lock_path), "fresh": True})
        return
    wish = _Wish(upgrade=upgrade, packages=packages, dry_run=dry_run, root=root)
    _lock(output, stack, path, wish)


class _Wish:
    """What the options of ``lamina lock`` ask for."""

    def __init__(
        self, *, upgrade: bool, packages: tuple[str, ...], dry_run: bool, root: Path
    ) -> None:
        self.upgrade = upgrade
        self.packages = packages
        self.dry_run = dry_run
        self.root = root


def _lock(output: Output, stack: Stack, path: Path, wish: _Wish) -> None:
    from lamina.lock.files import LOCK_NAME, dump_lock, save_lock
    from lamina.lock.summary import counted
    from lamina.resolve.freshness import compare_locks
    from lamina.resolve.heritage import inherit
    from lamina.resolve.locking import lock_stack

    lock_path = path.with_name(LOCK_NAME)
    previous = _previous(lock_path)
    upgraded = _upgraded(wish, stack, previous)
    timed = stack.resolve.exclude_newer is not None and not stack.stack.extends
    if timed and (wish.upgrade or upgraded):
        report.note("the stack has exclude-newer: its lock holds the newest as of then in any case")
    new = lock_stack(
        stack,
        environ=environment(),
        heritage=inherit(stack, path, wish.root, None if wish.upgrade else previous),
        directory=path.parent,
        previous=previous,
        upgrade=wish.upgrade,
        upgrade_packages=upgraded,
    )
    changed = previous is None or dump_lock(previous) != dump_lock(new)
    changes = compare_locks(previous, new)
    if changed and not wish.dry_run:
        save_lock(new, lock_path)
    done = "unchanged" if not changed else "would write" if wish.dry_run else "wrote"
    targets = ", ".join(map(str, new.targets))
    # Of a first lock everything is new: the count says it.
    lines = changes.lines() if previous is not None else []
    if new.parents:
        lines.append(f"extends {', '.join(one.name for one in new.parents)}")
    lines.append(f"{done} {lock_path}: {counted(new)} for {targets}")
    output.result(
        "\n".join(lines),
        {
            "lock": str(lock_path),
            "changed": changed,
            "written": changed and not wish.dry_run,
            "packages": len(new.packages),
            "conda": len(new.conda),
            "targets": [str(one) for one in new.targets],
            "parents": [one.name for one in new.parents],
            "changes": changes.as_json(),
        },
    )


def _upgraded(wish: _Wish, stack: Stack, previous: Lock | None) -> set[PackageName]:
    """Return the packages to upgrade; raises UsageError for what the lock will not have."""
    from packaging.utils import canonicalize_name

    from lamina.model.document import near_match
    from lamina.model.names import parse_package_name
    from lamina.resolve.demands import listed_names

    known = set(listed_names(stack)) | {one.name for one in (previous.packages if previous else ())}
    known |= {canonicalize_name(one) for one in stack.conda}
    known |= {canonicalize_name(one.name) for one in (previous.conda if previous else ())}
    names: set[PackageName] = set()
    for text in wish.packages:
        try:
            name = parse_package_name(text)
        except ValueError as error:
            raise UsageError(f"--upgrade-package: {error}") from error
        if name not in known:
            near = near_match(name, known)
            suggestion = f" (did you mean {near!r}?)" if near else ""
            raise UsageError(
                f"--upgrade-package: {name} is neither in the stack nor in its lock{suggestion}"
            )
        names.add(name)
    return names


def _previous(lock_path: Path) -> Lock | None:
    """Return the lock that is there; one that makes no sense is replaced.

    One that may make sense to others, a newer lamina or another user, is not: DocumentError.
    """
    from lamina.lock.files import load_lock

    if not lock_path.exists():
        return None
    try:
        return load_lock(lock_path)
    except DocumentError as error:
        newer = any(one.where == "schema" for one in error.problems)
        if newer or isinstance(error.__cause__, OSError) or not lock_path.is_file():
            aside = shlex.quote(str(lock_path))
            hints = ["update lamina", f"mv {aside} {aside}.old"] if newer else [f"ls -l {aside}"]
            raise DocumentError(lock_path, error.problems, hints=hints) from error
        report.warn(f"the lock that is there is not used: {error.message}")
        return None


@click.command()
@click.option(
    "--audit",
    "database",
    type=click.Path(path_type=Path),
    metavar="DB",
    help="Look up known vulnerabilities in DB: a directory of OSV documents, or a zip of them.",
)
@click.option(
    "--prefix",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="PATH",
    help="Check what is installed in PATH, in place of what is locked.",
)
@stack_option
@root_option
@output_options
def check(
    output: Output,
    stack_path: Path | None,
    *,
    database: Path | None,
    prefix: Path | None,
    root: Path,
) -> None:
    """Check the stack: its documents, its lock and, when it is closed, its closure.

    In a closed stack each missing dependency, each version conflict, each file for another platform
    or another Python is named, not only the first, with who asks, and with the waivers that were
    used and those that nothing needs any more. It is the lock that is checked, without installing
    anything; with --prefix, what is installed.
    With --audit, vulnerabilities that [audit] accept does not name end it with exit code 4.
    """
    from lamina.lock.files import LOCK_NAME
    from lamina.resolve.audit.audit import audit
    from lamina.resolve.findings import closure_error
    from lamina.resolve.freshness import load_fresh_lock
    from lamina.resolve.paths import check_paths
    from lamina.stack.files import load_stack

    path = stack_file(stack_path)
    stack = load_stack(path)
    absent = _absent(stack, path)
    stale: DocumentError | None = None
    fresh = None
    try:
        fresh = load_fresh_lock(stack, path.with_name(LOCK_NAME), root)
        check_paths(fresh, path.with_name(LOCK_NAME), environment())
    except DocumentError as error:
        stale = error
    wanted = stack.resolve.closed or prefix is not None
    whole = _inherited(stack, path, root, fresh).stack if wanted or fresh is not None else stack
    closure = _closure(whole, fresh, prefix)
    audited = audit(whole, fresh, database) if database is not None and fresh is not None else None
    text = _rendered(stack, closure, sound=stale is None and absent is None)
    value = _as_json(stack, closure, stale)
    value["missing"] = [str(one) for one in absent.problems] if absent is not None else []
    if audited is not None:
        text = "\n".join(filter(None, [text, *audited.lines()]))
        value["audit"] = audited.as_json()
    output.result(text, value)
    closed, found = stack.resolve.closed, None
    if closure.findings:
        found = closure_error(closure.findings, closed=closed, prefix=prefix)
    _end(found, absent, stale, audited.error() if audited is not None else None)


def _absent(stack: Stack, path: Path) -> DocumentError | None:
    """Return what is wrong with the files that a stack names beside its lamina.toml."""
    from lamina.stack.files import check_patches

    try:
        check_patches(stack, path)
    except DocumentError as error:
        return error
    return None


def _end(*errors: LaminaError | None) -> None:
    """Raise the first of the errors; the others are said before it."""
    found = [one for one in errors if one is not None]
    for one in found[1:]:
        report.warn(one.message)
    if found:
        raise found[0]


def _closure(stack: Stack, fresh: Lock | None, prefix: Path | None) -> ClosureReport:
    """Check what is installed, else what is locked, else what the index offers."""
    from lamina.resolve.closed_set import check_installed, check_locked, locks_of
    from lamina.resolve.closure import check_closure
    from lamina.resolve.findings import ClosureReport

    if prefix is None and not stack.resolve.closed:
        return ClosureReport()
    with report.step("check every package against its metadata"):
        if prefix is not None:
            return check_installed(stack, prefix, locks_of(prefix, fresh))
        if fresh is not None:
            return check_locked(stack, fresh, environment())
        return check_closure(stack, environment())


def _inherited(stack: Stack, path: Path, root: Path, fresh: Lock | None) -> Heritage:
    from lamina.resolve.heritage import inherit, inherit_as_locked

    if fresh is None:
        return inherit(stack, path, root, None)
    return inherit_as_locked(stack, path, root, fresh)


def _rendered(stack: Stack, closure: ClosureReport, *, sound: bool) -> str:
    lines = [f"waived: {one}" for one in closure.waivers]
    lines += [f"waiver that nothing needs: {one}" for one in closure.needless_waivers]
    lines += [f"not checked, says what it needs when built: {one}" for one in closure.unchecked]
    lines += [f"passed over, {one}" for one in closure.passed_over]
    if not closure.findings and sound:
        kind = "closed" if stack.resolve.closed else "open"
        lines.append(f"{stack.stack.name} is in order: documents, lock, {kind} set of packages")
    return "\n".join(lines)


def _as_json(stack: Stack, closure: ClosureReport, stale: DocumentError | None) -> dict[str, Any]:
    return {
        "stack": stack.stack.name,
        "closed": stack.resolve.closed,
        "lock": "fresh" if stale is None else [str(one) for one in stale.problems],
        "findings": [one.as_json() for one in closure.findings],
        "waivers": list(closure.waivers),
        "needless-waivers": list(closure.needless_waivers),
        "unchecked": list(closure.unchecked),
        "passed-over": list(closure.passed_over),
    }
