"""The program that holds rattler-build: ``python -m lamina.engines.conda_build_worker IN OUT``.

IN and OUT are files of JSON. It is a process of its own because a build keeps the lock of the
interpreter (GIL) until it ends, so that nothing else could go on, not even an interrupt.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rattler_build
from rattler_build import (
    JinjaConfig,
    Package,
    PlatformConfig,
    RenderConfig,
    Stage0Recipe,
    ToolConfiguration,
    VariantConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rattler_build import RenderedVariant

_VARIANTS = "variants.yaml"
_PROBE = "lamina_skip"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class _SkipError(Exception):
    """A condition in ``build.skip`` that is none."""


class _Log:
    """Writes what the engine says to standard output, line by line."""

    def on_download_start(self, event: Any) -> None:
        """Name what is fetched."""

    def on_download_progress(self, event: Any) -> None:
        """Say nothing."""

    def on_download_complete(self, event: Any) -> None:
        """Say nothing."""

    def on_build_step(self, event: Any) -> None:
        """Name the step."""
        _say(f"== {event.step_name}: {event.message}")

    def on_log(self, event: Any) -> None:
        """Write a line."""
        head = "" if event.level == "info" else f"{event.level}: "
        _say(f"{head}{event.message}")


def render(request: dict[str, Any]) -> dict[str, Any]:
    """Return the outputs of recipes, and what is wrong with those that are no recipes."""
    outputs, problems = [], []
    for recipe in request["recipes"]:
        try:
            outputs += list(_outputs(Path(recipe), request))
        except (rattler_build.RattlerBuildError, _SkipError) as error:
            problems.append({"recipe": recipe, "message": str(error)})
    return {"outputs": outputs, "problems": problems}


def _outputs(recipe: Path, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stage0, variants = _rendered(recipe, request)
    seen = set()
    for one in variants:
        told = one.recipe.to_dict()
        key = (told["package"]["name"], told["build"]["string"])
        if key in seen:
            continue
        seen.add(key)
        noarch = one.recipe.build.noarch
        yield {
            "recipe": str(recipe),
            "name": key[0],
            "version": told["package"]["version"],
            "build": key[1],
            "subdir": "noarch" if noarch else request["platform"],
            "variant": {name: str(value) for name, value in sorted(one.variant.items())},
            "skipped": _is_skipped(stage0, one, request),
            "staging": [cache.to_dict() for cache in one.recipe.staging_caches],
            "rendered": told,
        }


def _rendered(recipe: Path, request: dict[str, Any]) -> tuple[Stage0Recipe, list[RenderedVariant]]:
    stage0 = Stage0Recipe.from_file(recipe)
    config = RenderConfig(platform=_platforms(request))
    return stage0, stage0.render(_variants(recipe, request), config)


def _platforms(request: dict[str, Any]) -> PlatformConfig:
    target = request["platform"]
    return PlatformConfig(
        target_platform=target, host_platform=target, build_platform=request["build_platform"]
    )


def _variants(recipe: Path, request: dict[str, Any]) -> VariantConfig:
    """Return the variants beside a recipe and those that were given, which count more."""
    beside = recipe.with_name(_VARIANTS)
    files: list[str | Path] = [*([beside] if beside.is_file() else []), *request["variants"]]
    context = JinjaConfig(platform=_platforms(request))
    found = VariantConfig.from_files_with_context(files, context) if files else VariantConfig()
    fixed = request["fixed"]
    # What is zipped with a key that has one value now would have no partner.
    zipped = [[key for key in keys if key not in fixed] for keys in found.zip_keys or []]
    values = {**found.to_dict(), **fixed}
    return VariantConfig(values, [keys for keys in zipped if len(keys) > 1] or None)


def _is_skipped(stage0: Stage0Recipe, one: RenderedVariant, request: dict[str, Any]) -> bool:
    """Tell whether ``build.skip`` holds: the engine leaves that to its command line.

    Of recipes with many outputs it leaves out what is skipped itself.
    """
    told = stage0.to_dict()
    if "outputs" in told:
        return False
    conditions = list(_conditions(told["build"].get("skip") or []))
    return any(_holds(text, told, one, request) for text in conditions)


def _conditions(skip: Any) -> Iterator[str]:
    """Yield the conditions in ``build.skip``, those inside of if/then as one."""
    for one in skip if isinstance(skip, list) else [skip]:
        match one:
            case {"if": condition, "then": then}:
                yield from (f"({condition}) and ({inner})" for inner in _conditions(then))
                otherwise = _conditions(one.get("else") or [])
                yield from (f"not ({condition}) and ({inner})" for inner in otherwise)
            case _:
                text = str(one).strip().removeprefix("${{").removesuffix("}}").strip()
                yield text.lower() if isinstance(one, bool) else text


def _holds(
    condition: str, told: dict[str, Any], one: RenderedVariant, request: dict[str, Any]
) -> bool:
    """Let the engine evaluate a condition: as a variable of a recipe that has nothing else."""
    probe = {
        "context": {**told.get("context", {}), _PROBE: f"${{{{ {condition} }}}}"},
        "package": {"name": "probe", "version": "1"},
    }
    variant = {key: [value] for key, value in one.variant.items() if not key.endswith("_platform")}
    config = RenderConfig(platform=_platforms(request))
    try:
        found = Stage0Recipe.from_dict(probe).render(VariantConfig(variant), config)
    except rattler_build.RattlerBuildError as error:
        # The place that the engine names is one in the probe.
        said = re.search(r'message: "(.*?)", span', str(error))
        text = f"invalid value for 'skip': {condition}: {said[1] if said else error}"
        raise _SkipError(text) from error
    return str(found[0].recipe.context.get(_PROBE)).lower() not in {"false", "none", "0", ""}


def build(request: dict[str, Any]) -> dict[str, Any]:
    """Build one output of a recipe; return the archive or why there is none."""
    recipe = Path(request["recipe"])
    try:
        _, variants = _rendered(recipe, request)
        wanted = (request["name"], request["build"])
        one = next(
            one for one in variants if (one.recipe.package.name, one.recipe.build.string) == wanted
        )
        result = one.run_build(
            tool_config=ToolConfiguration(test_strategy="skip", keep_build=True),
            output_dir=request["output_dir"],
            channels=request["channels"],
            progress_callback=_Log(),
            no_build_id=True,
            no_include_recipe=True,
            package_format="conda:1",
        )
    except rattler_build.RattlerBuildError as error:
        return {"error": _words(error)}
    return {"archive": str(result.packages[0])}


def run_tests(request: dict[str, Any]) -> dict[str, Any]:
    """Run the tests inside of an archive."""
    try:
        package = Package.from_file(request["archive"])
        total = len(package.tests)
        # All at once, the engine would end with the first failure and number it anew.
        for index in range(total):
            result = package.run_test(index, channel=request["channels"], progress_callback=_Log())
            if not result.success:
                return {"error": f"test {index + 1} of {total} failed"}
    except rattler_build.RattlerBuildError as error:
        return {"error": _words(error)}
    return {"tests": total}


def _words(error: Exception) -> str:
    return str(error).removeprefix("PyRattlerBuildError: ").strip()


def main() -> None:
    """Do what the request says."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    work = {"render": render, "build": build, "test": run_tests}[request["what"]]
    answer = work(request)
    if "error" in answer:
        _say(f"error: {answer['error']}")
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
