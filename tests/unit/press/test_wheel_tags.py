"""Tags of wheels in the words of conda, and specs of conda in those of wheels."""

from __future__ import annotations

import pytest

from lamina.model.platforms import Platform, PythonSeries
from lamina.press.wheel_metadata import entry_points_with, not_named, specifiers
from lamina.press.wheel_tags import build_of


@pytest.mark.parametrize(
    ("tags", "abi", "series", "platforms", "system"),
    [
        (["py3-none-any"], "none", None, (), ()),
        (["py2.py3-none-any"], "none", None, (), ()),
        (["cp312-cp312-linux_x86_64"], "exact", "3.12", ("linux-64",), ()),
        (
            ["cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"],
            "exact", "3.12", ("linux-64",), ("__glibc >=2.17",),
        ),
        (
            ["cp39-abi3-manylinux_2_28_aarch64"],
            "stable", "3.9", ("linux-aarch64",), ("__glibc >=2.28",),
        ),
        (
            ["cp313-cp313-macosx_11_0_universal2"],
            "exact", "3.13", ("osx-64", "osx-arm64"), ("__osx >=11.0",),
        ),
        (["py3-none-manylinux1_x86_64"], "none", None, ("linux-64",), ("__glibc >=2.5",)),
        (["cp312-none-win_amd64"], "none", "3.12", ("win-64",), ()),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)  # fmt: skip
def test_builds(
    tags: list[str], abi: str, series: str | None, platforms: tuple[str, ...], system: tuple[str]
) -> None:
    found = build_of(tags)
    assert (found.abi, found.system) == (abi, system)
    assert found.series == (PythonSeries.parse(series) if series else None)
    assert found.platforms == tuple(map(Platform, platforms))


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("py2-none-any", "for py2, and only CPython 3"),
        ("pp310-pypy310_pp73-manylinux_2_17_x86_64", "for pp310"),
        ("cp313-cp313t-manylinux_2_17_x86_64", "for the ABI cp313t"),
        ("cp312-cp312-musllinux_1_2_x86_64", "no platform of ours"),
        ("cp312-cp312-manylinux_2_17_s390x", "no platform of ours"),
    ],
)
def test_what_conda_has_not(tag: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_of([tag])


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        ("", ""),
        ("*", ""),
        (">=1.2,<2.0a0", ">=1.2,<2.0"),
        ("1.2.*", "==1.2.*"),
        ("=1.2", "==1.2.*"),
        ("==1.2", "==1.2"),
        ("1.2", "==1.2"),
        ("!=1.5.*", "!=1.5.*"),
        ("~=1.4", "~=1.4"),
        (">=1.2.*", ">=1.2"),
        ("1.2 h123_0", "==1.2"),
    ],
)
def test_versions_of_specs(constraint: str, said: str) -> None:
    warnings: list[str] = []
    assert specifiers(constraint, warnings, "x") == said
    assert warnings == []


@pytest.mark.parametrize("constraint", [">=1|<0.5", "1.x.y", "^1.2$"])
def test_versions_that_wheels_cannot_say(constraint: str) -> None:
    warnings: list[str] = []
    assert specifiers(constraint, warnings, f"x {constraint}") == ""
    assert warnings == [f"x {constraint}: the versions cannot be said in a wheel; any of them"]


def test_what_metadata_does_not_name() -> None:
    depends = ["python >=3.9", "__glibc >=2.17", "typing_extensions", "libgcc", "libfoo >=1"]
    assert not_named(depends, ["Typing-Extensions>=4; extra == 'x'"], {}) == ["libfoo >=1"]
    assert not_named(depends, ["typing-extensions", "foo"], {"foo": "libfoo"}) == []


def test_entry_points_of_both_kinds() -> None:
    text = "[console_scripts]\na = m:f\n\n[x]\ny = z\n"
    assert entry_points_with(text, ["a = m:f"]) == text
    assert "[console_scripts]\nb = m:g\na = m:f\n" in entry_points_with(text, ["b = m:g"])
    assert entry_points_with("", ["b = m:g"]) == "[console_scripts]\nb = m:g\n"
