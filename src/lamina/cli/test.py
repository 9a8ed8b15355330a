"""``lamina test``: whether what is installed works."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from lamina.cli.options import environment, fresh_log, output_options, root_option, writable_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.cli.options import Output
    from lamina.release.root import Release
    from lamina.testing.outcome import TestReport
    from lamina.testing.release import TestRequest


@click.command()
@click.argument("release", metavar="RELEASE")
@click.option(
    "-p",
    "--package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="Only this package, and its own test suite too; may be given again.",
)
@click.option(
    "--suite/--no-suite",
    "suites",
    default=None,
    help="Run the packages' own test suites, from their sources [default: with --package].",
)
@click.option(
    "--accept",
    multiple=True,
    metavar="'KIND NAME=REASON'",
    help="What may fail, such as 'program tool=needs a display'; may be given again.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report as JUnit XML.",
)
@click.option("--record", is_flag=True, help="Keep the report in the root, for release show.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Suites at once [default: a core each].",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=1800.0,
    metavar="SECONDS",
    help="How long one suite may take [default: 1800].",
)
@root_option
@output_options
def test(
    output: Output,
    *,
    release: str,
    packages: tuple[str, ...],
    suites: bool | None,
    accept: tuple[str, ...],
    junit: Path | None,
    record: bool,
    jobs: int | None,
    timeout: float,
    root: Path,
) -> int:
    """Test RELEASE as it is installed; exit 5 when something fails.

    Every package is imported and every console script asked for its --help. The own tests of a
    package run against the installed one, with what they need besides in a layer that is thrown
    away.
    """  # fmt: skip
    from lamina.cli.release import find_release, own_root_of
    from lamina.core.errors import BuildFailedError
    from lamina.engines.index_addresses import cache_directory
    from lamina.testing.release import TestRequest, test_release

    found, environ, now = find_release(release, root), environment(), datetime.now(UTC)
    kept_in, reasons = own_root_of(found) if record else None, _reasons(found, accept)
    log = fresh_log(cache_directory(environ) / "logs" / f"test-{found.stack}-{found.version}.log")
    request = TestRequest(
        release=found,
        environ=environ,
        now=now,
        log=log,
        packages=packages,
        suites=bool(packages) if suites is None else suites,
        seconds=timeout,
        reasons=reasons,
        **({} if jobs is None else {"jobs": jobs}),
    )
    told = test_release(request)
    if junit is not None:
        _write_junit(junit, told)
    if kept_in is not None:
        _keep(told, request, kept_in)
    if not packages:
        _warn_of_unused(told, reasons)
    output.result("\n".join(told.lines()), told.value() | {"log": str(log)})
    return 0 if told.sound else BuildFailedError.exit_code


def _warn_of_unused(told: TestReport, reasons: Mapping[str, str]) -> None:
    from lamina.core import report
    from lamina.testing.outcome import unused

    for label in unused(told.outcomes, reasons):
        report.warn(f"accepted, and did not fail: {label}")


def _keep(told: TestReport, request: TestRequest, root: Path) -> None:
    from lamina.release.reports import keep_report

    opened = writable_root(root)
    keep_report(opened, request.release, told.value(), environ=request.environ, now=request.now)


def _write_junit(path: Path, report: TestReport) -> None:
    from lamina.core import fs
    from lamina.testing.junit import dump_junit

    fs.write_text(path, dump_junit(report))


def _reasons(release: Release, given: tuple[str, ...]) -> Mapping[str, str]:
    """Return what may fail, by the stack of the release and by what a person says now."""
    from lamina.release.sources import stack_inside
    from lamina.testing.outcome import Kind

    reasons = dict(stack_inside(release).test.accept)
    for text in given:
        label, equals, reason = text.partition("=")
        words = label.split()
        if not equals or not reason.strip() or len(words) != 2:
            raise click.UsageError(f"--accept {text!r}: say what and why: 'import gui=no display'")
        if words[0] not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise click.UsageError(f"--accept {text!r}: {words[0]!r} is none of {kinds}")
        reasons[" ".join(label.split())] = reason.strip()
    return reasons
