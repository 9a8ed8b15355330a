from __future__ import annotations

import pytest

from lamina.core.errors import DocumentError
from lamina.model.platforms import Platform
from lamina.model.processors import archspec_name, check_march, features_of, lacking, runs_on
from lamina.stack.files import digest_of_resolution, parse_stack
from support.stacks import stack_text

V3 = {"avx2", "bmi1", "bmi2", "fma", "f16c", "movbe"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x86-64-v3", "x86_64_v3"),
        ("x86_64_v3", "x86_64_v3"),
        ("znver3", "zen3"),
        ("zen3", "zen3"),
        ("skylake-avx512", "skylake_avx512"),
        ("armv8.2-a", "armv8.2a"),
        ("x86-64", "x86_64"),
    ],
)
def test_names_of_compilers_and_of_archspec(text: str, name: str) -> None:
    assert check_march(text) == text
    assert archspec_name(text) == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("native", "another one on each machine"),
        ("x86-64-v5", r"did you mean 'x86[-_]64"),
        ("-O3", "such as 'x86-64-v3'"),
        ("", "such as 'x86-64-v3'"),
    ],
)
def test_names_that_nobody_knows(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_march(text)


def test_a_level_has_what_those_below_have() -> None:
    assert features_of("x86-64-v3") >= V3 | features_of("x86-64-v2")
    assert not features_of("x86-64-v2") & V3


@pytest.mark.parametrize(
    ("march", "platform", "runs"),
    [
        ("x86-64-v3", Platform.LINUX_64, True),
        ("x86-64-v3", Platform.OSX_64, True),
        ("x86-64-v3", Platform.LINUX_AARCH64, False),
        ("neoverse_n1", Platform.LINUX_AARCH64, True),
        ("neoverse_n1", Platform.LINUX_64, False),
    ],
)
def test_which_platforms_have_such_processors(
    march: str, platform: Platform, *, runs: bool
) -> None:
    assert runs_on(march, platform) is runs


def test_what_a_processor_lacks() -> None:
    has = sorted(features_of("x86-64-v3"))
    whole = ["processor\t: 0", f"flags\t\t: fpu {' '.join(has)}"]
    assert not lacking("x86-64-v3", whole)
    less = [line.replace(" avx2", "") for line in whole]
    assert lacking("x86-64-v3", less) == {"avx2"}
    # Of the first processor only, and nothing where nothing is told.
    assert lacking("x86-64-v3", [*less, *whole]) == {"avx2"}
    assert not lacking("x86-64-v3", ["model name: something"])


def build_table(march: str) -> str:
    platforms = '["linux-64", "osx-arm64"]'
    return stack_text("", platforms=platforms, more=f"[build]\nmarch = {march}\n")


def test_a_stack_names_one_for_all_or_one_for_each() -> None:
    one = parse_stack(build_table('"x86-64-v3"'), "lamina.toml").build
    assert one.march_on(Platform.LINUX_64) == "x86-64-v3"
    assert one.march_on(Platform.OSX_ARM64) is None
    each = parse_stack(
        build_table('{ linux-64 = "haswell", osx-arm64 = "m1" }'), "lamina.toml"
    ).build
    assert each.march_on(Platform.LINUX_64) == "haswell"
    assert each.march_on(Platform.OSX_ARM64) == "m1"
    assert parse_stack(stack_text(""), "lamina.toml").build.march_on(Platform.LINUX_64) is None


@pytest.mark.parametrize(
    ("march", "where", "found"),
    [
        ('"x86-64-v33"', "build.march", "no micro-architecture"),
        ('"native"', "build.march", "another one on each machine"),
        ('"power9le"', "build.march", "of no platform of the stack"),
        ('{ linux-64 = "m1" }', "build.march.linux-64", "of no platform of the stack"),
        ('{ linux-aarch64 = "neoverse_n1" }', "build.march.linux-aarch64", "of no platform"),
        ('{ linux-65 = "x86-64-v2" }', "build.march.linux-65", "'linux-65' is not allowed"),
        ("3", "build.march", "found 3"),
    ],
)
def test_a_stack_that_names_a_wrong_one(march: str, where: str, found: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse_stack(build_table(march), "lamina.toml")
    [problem] = error.value.problems
    assert problem.where == where
    assert found in problem.found


def test_channels_choose_by_it_so_that_a_lock_goes_stale() -> None:
    def digest(march: str, *, conda: bool) -> str:
        more = f'[build]\nmarch = "{march}"\n'
        more += '[conda]\npython = "3.12.*"\n' if conda else ""
        text = stack_text("", resolve='channels = ["main"]', more=more)
        return str(digest_of_resolution(parse_stack(text, "lamina.toml")))

    assert digest("x86-64-v3", conda=True) != digest("x86-64-v2", conda=True)
    assert digest("x86-64-v3", conda=False) == digest("x86-64-v2", conda=False)
