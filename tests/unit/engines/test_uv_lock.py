from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lamina.core.errors import LaminaError
from lamina.engines.uv_lock import (
    PROJECT_NAME,
    Preference,
    UvProject,
    comparable,
    dump_preferences,
    dump_project,
    read_uv_lock,
)
from lamina.model.names import IndexName, parse_package_name

A, B = parse_package_name("a"), parse_package_name("b")
PROJECT = UvProject(
    requirements=("a>=1 ; sys_platform == 'linux'",),
    environments=("sys_platform == 'linux'",),
    requires_python=">=3.11",
    default_index="https://index.example.org/simple",
)
LOCK = f"""
version = 1
[[package]]
name = "{PROJECT_NAME}"
version = "0"
source = {{ virtual = "." }}
dependencies = [{{ name = "a", marker = "sys_platform == 'linux'" }}]

[[package]]
name = "a"
version = "1.0"
source = {{ registry = "https://index.example.org/simple" }}
dependencies = [{{ name = "b", version = "2", extra = ["x"] }}]
sdist = {{ url = "https://index.example.org/f/a-1.0.tar.gz", hash = "sha256:{"1" * 64}", size = 7 }}
wheels = [
    {{ url = "https://index.example.org/f/a-1.0%2Blocal-py3-none-any.whl", \
hash = "sha256:{"2" * 64}", upload-time = "2026-01-01T00:00:00Z" }},
]
[package.optional-dependencies]
fast = [{{ name = "b" }}]

[[package]]
name = "b"
version = "2"
source = {{ registry = "../index" }}
wheels = [{{ path = "b/b-2-py3-none-any.whl", hash = "sha256:{"3" * 64}" }}]
"""


def test_a_file_without_a_digest_is_refused() -> None:
    """An index need not give digests, but a lock has to."""
    text = LOCK.replace(f', hash = "sha256:{"1" * 64}"', "")
    with pytest.raises(LaminaError, match=r"no digest of a-1\.0\.tar\.gz") as caught:
        read_uv_lock(text, Path("/tree/project"))
    assert "#sha256=" in caught.value.hints[0]


def test_reading() -> None:
    lock = read_uv_lock(LOCK, Path("/tree/project"))
    assert [one.name for one in lock.packages] == ["a", "b"]
    assert lock.project.dependencies[0].marker == "sys_platform == 'linux'"
    a, b = lock.packages
    assert a.dependencies[0].extras == ("x",)
    assert a.dependencies[0].version == "2"
    assert a.optional["fast"][0].name == "b"
    assert a.wheels[0].filename == "a-1.0+local-py3-none-any.whl"
    assert a.wheels[0].uploaded == "2026-01-01T00:00:00Z"
    assert a.sdist is not None
    assert a.sdist.sha256 == "1" * 64
    assert b.registry == "file:///tree/index"
    assert b.wheels[0].address == "file:///tree/index/b/b-2-py3-none-any.whl"


def test_the_project_is_toml_whatever_the_texts() -> None:
    project = UvProject(
        requirements=('a ; extra == "x\\y"',),
        environments=PROJECT.environments,
        requires_python=">=3.11",
        default_index="https://index.example.org/simple",
        indexes={IndexName("ours"): "https://ours.example.org/simple"},
        package_indexes={A: IndexName("ours")},
        constraints=("b!=2",),
        excluded={A: (B,)},
    )
    document = tomllib.loads(dump_project(project))
    assert document["project"]["dependencies"] == list(project.requirements)
    settings = document["tool"]["uv"]
    assert settings["sources"] == {"a": {"index": "ours"}}
    assert settings["exclude-dependencies"] == [{"package": {"name": "a"}, "dependencies": ["b"]}]
    assert settings["constraint-dependencies"] == ["b!=2"]
    assert settings["index"][0]["explicit"] is True
    assert settings["required-environments"] == settings["environments"]


def test_preferences() -> None:
    project = UvProject(
        requirements=(),
        environments=PROJECT.environments,
        requires_python=">=3.11",
        default_index="",
        preferences=(Preference(name=A, version="1", registry="https://index.example.org"),),
    )
    document = tomllib.loads(dump_preferences(project))
    assert document["package"] == [
        {"name": "a", "version": "1", "source": {"registry": "https://index.example.org"}}
    ]


@pytest.mark.parametrize(
    ("address", "same"),
    [
        pytest.param(
            "https://index.example.org/simple/", "https://index.example.org/simple", id="/"
        ),
        pytest.param(
            "https://me:secret@index.example.org/simple",
            "https://index.example.org/simple",
            id="credentials",
        ),
    ],
)
def test_what_makes_no_difference_to_an_address(address: str, same: str) -> None:
    assert comparable(address) == same
