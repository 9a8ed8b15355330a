"""``lamina build``: a stack's sources become wheels, recipes become packages in a channel."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lamina.cli.options import (
    dry_run_option,
    environment,
    given_options,
    on_option,
    output_options,
    root_option,
    stack_file,
    stack_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.build.plan import Plan, Planned
    from lamina.build.runner import Result, Workplace
    from lamina.cli.options import Output
    from lamina.engines.conda_build import Rendering
    from lamina.model.platforms import Platform


_OF_RECIPES = (
    "channels", "target", "variants", "target_platform", "system_compilers", "skip_tests",
)  # fmt: skip
_OF_STACKS = ("on", "python", "series", "stack_path", "root")
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("recipes", metavar="[RECIPE_DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--channel",
    "channels",
    metavar="DIR",
    type=_DIRECTORY,
    multiple=True,
    help="A channel that requirements come from, the first before others; may be given again.",
)
@click.option(
    "--to",
    "target",
    metavar="DIR",
    type=_DIRECTORY,
    help="The channel that gets the packages [default: the first --channel].",
)
@click.option(
    "-m",
    "--variants",
    "variants",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Variants, over those beside a recipe; may be given again, the last counts most.",
)
@click.option("--target-platform", metavar="PLATFORM", help="Build for it [default: this one].")
@click.option(
    "--system-compilers",
    is_flag=True,
    help="compiler() and stdlib() in recipes are those of this machine.",
)
@click.option("--skip-tests", is_flag=True, help="Do not run the tests of the recipes.")
@click.option("--keep-going", is_flag=True, help="Build what does not need what failed.")
@click.option(
    "--python",
    "python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The interpreter to build the stack for [default: found on this machine].",
)
@click.option("--series", help="The Python series to build the stack for [default: its newest].")
@on_option
@stack_option
@root_option
@dry_run_option
@output_options
def build(
    output: Output,
    *,
    recipes: tuple[Path, ...],
    channels: tuple[Path, ...],
    target: Path | None,
    variants: tuple[Path, ...],
    target_platform: str | None,
    system_compilers: bool,
    skip_tests: bool,
    keep_going: bool,
    python: Path | None,
    series: str | None,
    on: str,
    stack_path: Path | None,
    root: Path,
    dry_run: bool,
) -> int:
    """Build what the stack takes from source, or the recipes in each RECIPE_DIR into a channel.

    Without RECIPE_DIR: each package of lamina.toml with source = true becomes a wheel in the cache,
    after those that it needs, built with the packages of the stack. What is there already, made of
    the same, is not built again; publish installs it from there.

    With RECIPE_DIR, which holds a recipe or directories with recipes, and a --channel: all their
    outputs are put in order first. The channel is indexed after each, so that later ones are built
    with earlier ones. What is in the channel already, made of the same recipe, files and variant,
    is not built again.
    """
    if not recipes:
        from lamina.cli.build_stack import build_stack

        _refuse_options_of_recipes()
        return build_stack(
            output, stack_file(stack_path), root=root, python=python, series=series,
            keep_going=keep_going, dry_run=dry_run, on=on,
        )  # fmt: skip
    _refuse_options_of_stacks()
    from lamina.build.recipe_files import find_recipes
    from lamina.engines.conda_build import Rendering

    if not channels:
        raise click.UsageError("recipes are built into a channel: --channel DIR")
    here, platform = _platforms(target_platform)
    sources, fixed = _sources(channels, target or channels[0], here if system_compilers else None)
    rendering = Rendering(platform=platform, build_platform=here, variants=variants, fixed=fixed)
    place = _workplace(target or channels[0], sources, tested=not skip_tests, keep_going=keep_going)
    planned = _plan(find_recipes(recipes), rendering, place)
    return _run(output, planned, rendering, place, dry_run=dry_run)


def _run(
    output: Output, planned: Plan, rendering: Rendering, place: Workplace, *, dry_run: bool
) -> int:
    from lamina.build.runner import run_plan

    if dry_run:
        if not place.keep_going:
            planned.check()
        output.result(_render_plan(planned), {"outputs": _plan_value(planned), "dry-run": True})
        return 0
    results = run_plan(planned, rendering, place)
    output.result(_render(results), {"outputs": [_value(one) for one in results]})
    _raise_failures(results)
    return 0


def _refuse_options_of_recipes() -> None:
    """Raise UsageError for options that mean nothing without a recipe."""
    for option in given_options(_OF_RECIPES).values():
        raise click.UsageError(f"{option} is for recipes: name a RECIPE_DIR")


def _refuse_options_of_stacks() -> None:
    """Raise UsageError for options that mean nothing with a recipe."""
    for option in given_options(_OF_STACKS).values():
        raise click.UsageError(f"{option} is for stacks, and this builds recipes, here")


def _workplace(
    channel: Path, sources: Sequence[Path], *, tested: bool, keep_going: bool
) -> Workplace:
    from lamina.build.runner import Workplace
    from lamina.core.clock import source_date
    from lamina.engines.index_addresses import cache_directory

    environ = environment()
    cache = cache_directory(environ)
    return Workplace(
        channel=channel,
        channels=sources,
        work=cache / "build",
        logs=cache / "logs" / "build",
        moment=source_date(environ) or datetime.now(UTC).replace(microsecond=0),
        tested=tested,
        keep_going=keep_going,
        environ=environ,
    )


def _platforms(wanted: str | None) -> tuple[Platform, Platform]:
    """Return the platform of this machine and that to build for; raises UsageError."""
    from lamina.core.errors import NotSupportedError, UsageError
    from lamina.model.platforms import Platform, current_platform

    try:
        here = current_platform()
    except ValueError as error:
        raise NotSupportedError(str(error)) from error
    if wanted is not None and wanted not in list(Platform):
        raise UsageError(
            f"--target-platform {wanted!r}: no platform", hints=[f"one of {', '.join(Platform)}"]
        )
    return here, Platform(wanted) if wanted else here


def _sources(
    channels: Sequence[Path], target: Path, compilers: Platform | None
) -> tuple[list[Path], dict[str, str]]:
    """Return the channels that requirements come from, and what variants they fix."""
    from lamina.build.compilers import system_compilers
    from lamina.channel.index import index_channel
    from lamina.core import fs
    from lamina.core.errors import UsageError
    from lamina.engines.index_addresses import cache_directory

    for one in channels:
        if not one.is_dir() and one != target:
            raise UsageError(f"{one}: no such channel", hints=[f"lamina channel bootstrap {one}"])
    if not target.is_dir():
        fs.make_directory(target)
        index_channel(target)
    found = list(dict.fromkeys(one.resolve() for one in (target, *channels)))
    if compilers is None:
        return found, {}
    environ = environment()
    ours = system_compilers(cache_directory(environ) / "compilers", compilers, environ)
    return [*found, ours.channel], dict(ours.fixed)


def _plan(recipes: Sequence[Path], rendering: Rendering, place: Workplace) -> Plan:
    from lamina.build.plan import plan
    from lamina.engines.conda_solve import CondaChannels
    from lamina.engines.index_addresses import cache_directory

    channels = CondaChannels(
        addresses=[str(one) for one in place.channels],
        cache=cache_directory(place.environ) / "repodata",
    )
    return plan(
        recipes,
        rendering,
        channel=place.channel,
        channels=channels,
        tested=place.tested,
        environ=place.environ,
    )


def _render_plan(planned: Plan) -> str:
    many = planned.planned
    return "\n".join(f"{one.output.subdir}/{one.output.stem}: {one.fate}" for one in many)


def _plan_value(planned: Plan) -> list[dict[str, Any]]:
    return [_identity(one) | {"outcome": one.fate} for one in planned.planned]


def _identity(planned: Planned) -> dict[str, Any]:
    one = planned.output
    return {
        "name": one.name,
        "version": one.version,
        "build": one.build,
        "subdir": one.subdir,
        "recipe": str(one.recipe),
        "variant": dict(one.variant),
        "digest": planned.digest,
    }


def _render(results: Sequence[Result]) -> str:
    lines = []
    for one in results:
        output = one.planned.output
        text = f"{output.subdir}/{output.stem}: {one.outcome}"
        if one.tests:
            text += f", {one.tests} test{'s' if one.tests != 1 else ''} passed"
        if one.outcome == "not tried" and one.error is not None:
            text += f", {one.error.message}"
        lines.append(text + (f" (log: {one.log})" if one.log else ""))
    return "\n".join(lines)


def _value(result: Result) -> dict[str, Any]:
    return _identity(result.planned) | {
        "outcome": result.outcome,
        "tests": result.tests,
        "log": str(result.log) if result.log else None,
        "error": result.error.message if result.error else None,
    }


def _raise_failures(results: Sequence[Result]) -> None:
    """Raise the error of what failed, or one for all of them."""
    from lamina.core.errors import BuildFailedError

    failed = [one.error for one in results if one.outcome == "failed" and one.error is not None]
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise BuildFailedError("\n\n".join(one.message for one in failed))
