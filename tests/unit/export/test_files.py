from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import UsageError
from lamina.export.addresses import dump_addresses
from lamina.export.files import ExportRequest, chosen_targets, single_target
from lamina.export.pylock import dump_pylock_export
from lamina.export.requirements import dump_requirements
from lamina.lock.document import Lock, LockedArtifact, LockedPackage
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX, IndexName, StackName, parse_package_name
from lamina.model.platforms import Platform, Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.model.artifacts import Artifact

LINUX, MACOS = Target.parse("linux-64/3.12"), Target.parse("osx-arm64/3.13")
OURS = IndexName("ours")


def locked(
    name: str, version: str, *, index: IndexName = PUBLIC_INDEX, targets: tuple[Target, ...] = ()
) -> LockedPackage:
    return LockedPackage(
        name=parse_package_name(name),
        version=version,
        index=index,
        targets=targets,
        requested_by=("stack",),
        artifacts=(
            LockedArtifact(
                file=f"{name}-{version}-py3-none-any.whl",
                sha256=Sha256(f"{len(name) + ord(version[0]):064x}"),
            ),
        ),
    )


LOCK = Lock(
    stack=StackName("small"),
    stack_digest=Sha256("0" * 64),
    targets=(LINUX, MACOS),
    packages=(
        locked("a", "1", targets=(LINUX,)),
        locked("a", "2", targets=(MACOS,)),
        locked("b", "1"),
        locked("tool", "1", index=OURS),
    ),
)


class Locator:
    """Knows every address, and writes credentials into it."""

    def addresses(self, artifacts: Iterable[Artifact]) -> dict[Artifact, str]:
        """Return them."""
        return {
            one: f"https://me:secret@{one.index}.example.org/{one.filename}" for one in artifacts
        }


def request_for(*targets: Target) -> ExportRequest:
    indexes = {
        PUBLIC_INDEX: "https://index.example.org/simple",
        OURS: "https://ours.example.org/simple",
    }
    return ExportRequest(lock=LOCK, targets=targets, indexes=indexes)


def test_requirements_tell_versions_apart_by_markers() -> None:
    text = dump_requirements(request_for(LINUX, MACOS), Locator())
    one, two = (line for line in text.splitlines() if line.startswith("a=="))
    assert one.startswith("a==1 ; (python_full_version >= '3.12'")
    assert two.startswith("a==2 ; (python_full_version >= '3.13'")
    assert "b==1 \\" in text.splitlines()


def test_requirements_of_another_index_name_the_file() -> None:
    lines = dump_requirements(request_for(LINUX), Locator()).splitlines()
    assert "tool @ https://ours.example.org/tool-1-py3-none-any.whl \\" in lines


@pytest.mark.parametrize("dump", [dump_requirements, dump_pylock_export, dump_addresses])
def test_no_credentials_are_written(dump: object) -> None:
    assert callable(dump)
    assert "secret" not in dump(request_for(LINUX), Locator())


def test_explicit_lines() -> None:
    lines = dump_addresses(request_for(MACOS), Locator()).splitlines()
    assert [line.partition("#")[0] for line in lines[1:]] == [
        "a @ https://pypi.example.org/a-2-py3-none-any.whl",
        "b @ https://pypi.example.org/b-1-py3-none-any.whl",
        "tool @ https://ours.example.org/tool-1-py3-none-any.whl",
    ]


@pytest.mark.parametrize(
    ("wanted", "here", "expected"),
    [
        pytest.param("osx-arm64/3.13", Platform.LINUX_64, (MACOS,), id="asked for"),
        pytest.param(None, Platform.LINUX_64, (LINUX,), id="this machine"),
        pytest.param(None, Platform.WIN_64, None, id="another machine"),
        pytest.param(None, None, None, id="an unknown machine"),
        pytest.param("win-64/3.12", None, None, id="not in the lock"),
    ],
)
def test_one_target(
    wanted: str | None, here: Platform | None, expected: tuple[Target, ...] | None
) -> None:
    if expected is None:
        with pytest.raises(UsageError, match=r"linux-64/3\.12, osx-arm64/3\.13") as caught:
            single_target(LOCK, wanted, here)
        assert caught.value.hints == ("--target linux-64/3.12",)
    else:
        assert single_target(LOCK, wanted, here) == expected


def test_all_targets_without_a_wish() -> None:
    assert chosen_targets(LOCK, None) == (LINUX, MACOS)
