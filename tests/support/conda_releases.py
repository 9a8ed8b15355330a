"""Stacks of conda packages: their lamina.toml, their lock made by hand, and requests to publish."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lamina.archive.package import PLACEHOLDER
from lamina.channel.index import index_channel
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.engines.uv_install import UvInstaller
from lamina.engines.uv_program import UvProgram
from lamina.lock.conda import LockedProvision, locked_conda
from lamina.lock.files import dump_lock
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import Platform, PythonSeries, SystemFloor, Target
from lamina.model.versions import parse_release_version
from lamina.release.conda_supply import conda_supply
from lamina.release.draft import PublishRequest
from lamina.stack.files import parse_stack
from support.archives import write_package
from support.release_wheels import DirectoryLocator, lock_of, make_wheel
from support.releases import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.lock.document import Lock
    from lamina.model.conda import CondaRecord
    from lamina.release.publish import Outcome
    from lamina.stack.document import Stack

LINUX = Platform.LINUX_64
TARGET = Target(LINUX, PythonSeries.parse("3.12"))
PROVIDED = {"tool-box": "1.2", "native-part": "1.5"}
ACTIVATE = """\
export BOX_OF=$CONDA_PREFIX/share
export BOX_NOTE="it's a \\"note\\" with !marks and \\$ and ~"
export BOX_OLD=${BOX_PATH-unset}
export BOX_PATH=/box${BOX_PATH+:$BOX_PATH}
if [[ -n $BOX_OF ]]; then BOX_ONLY_HERE=1; fi
"""
DEACTIVATE = """\
unset BOX_OF BOX_NOTE
if [ "$BOX_OLD" = unset ]; then unset BOX_PATH; else BOX_PATH=$BOX_OLD; fi
unset BOX_OLD
"""
CALLER = {
    "caller.py": "import tool_box\nanswer = 42\ndef main():\n    print('called', answer)\n",
    "caller-1.0.dist-info/entry_points.txt": "[console_scripts]\ncaller = caller:main\n",
}


def write_parts(directory: Path, work: Path) -> Path:
    """Write a channel of small packages: one with scripts for activation, two that clobber."""
    target = directory / "linux-64"
    files = {
        "etc/conda/activate.d/box.sh": ACTIVATE,
        "etc/conda/deactivate.d/box.sh": DEACTIVATE,
        "etc/conda/activate.d/own.fish": "set -gx OWN_OF fish\n",
        "etc/conda/activate.d/own.sh": "export OWN_OF=sh\n",
        "etc/conda/deactivate.d/own.sh": "unset OWN_OF\n",
        "etc/conda/deactivate.d/own.fish": "set -e OWN_OF\n",
        "etc/conda/env_vars.d/box.json": '{"BOX_VAR": "of $ the box"}\n',
        "share/box/prefix.txt": f"{PLACEHOLDER}/share\n",
    }
    write_package(target, work, "box", "1.0", files=files)
    for name in ("left", "right"):
        files = {"share/both.txt": f"{name}\n", "share/same.txt": "same\n"}
        write_package(target, work, name, "1.0", files=files)
    write_package(target, work, "rooted", files={"lib/rooted": f"{PLACEHOLDER}/lib\0"})
    write_package(target, work, "wheelish", "1.0", files={"bin/caller": "#!/bin/sh\n"})
    index_channel(directory)
    return directory


def stack_text(channels: Iterable[Path], specs: Iterable[str], **stack: Any) -> str:
    """Return a lamina.toml."""
    lines = {"name": "boxed", "version": "1.0", "python": "3.12"} | stack
    test = {"imports": ["tool_box", "caller"], "commands": ["tool-box", 'test -n "$BOX_OF"']}
    test = lines.pop("test", test)
    packages = ['caller = "*"'] if lines.pop("wheels", True) else []
    return "\n".join(
        [
            "[stack]",
            'platforms = ["linux-64"]',
            *(f"{key} = {_toml(value)}" for key, value in lines.items()),
            "[resolve]",
            f"channels = {[str(one) for one in channels]}",
            "[conda]",
            *(f'{one} = "*"' for one in specs),
            "[packages]",
            *packages,
            "[test]",
            *(f"{key} = {value}" for key, value in test.items()),
            "",
        ]
    )


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def conda_lock(stack: Stack, channels: list[Path], specs: list[str], wheels: list[Path]) -> Lock:
    """Return a lock of what channels offer for specs, and of wheels."""
    virtual = virtual_packages(LINUX, floor=SystemFloor(glibc=(2, 99)))
    addresses = CondaChannels(addresses=[str(one) for one in channels], cache=channels[0] / ".c")
    records = solve(
        addresses, SolveRequest(specs=[*specs, "python"], platform=LINUX, virtual=virtual)
    )
    locked = []
    for one in records:
        home = next(each for each in channels if (each / one.subdir / one.file_name).exists())
        provided = {one.name: PROVIDED[one.name]} if one.name in PROVIDED else {}
        provides = tuple(
            LockedProvision(name=name, version=version)  # type: ignore[arg-type]
            for name, version in provided.items()
        )
        locked.append(
            locked_conda(
                one, channel=str(home), requested_by=_who(one, records, specs), provides=provides
            )
        )
    return lock_of(stack, wheels).model_copy(update={"conda": tuple(locked)})


def _who(one: CondaRecord, records: list[CondaRecord], specs: list[str]) -> tuple[str, ...]:
    """Return who asked for a package."""
    others = {each.name for each in records if one.name in [s.split()[0] for s in each.depends]}
    return (*(["stack"] if one.name in specs else []), *sorted(others)) or ("stack",)


def write_stack(
    directory: Path, channels: list[Path], specs: list[str], wheels: list[Path], **stack: Any
) -> Path:
    """Write lamina.toml and lamina.lock; return the former."""
    path = directory / "lamina.toml"
    directory.mkdir(parents=True, exist_ok=True)
    text = stack_text(channels, specs, wheels=bool(wheels), **stack)
    path.write_text(text, encoding="utf-8")
    parsed = parse_stack(path.read_text(encoding="utf-8"), path)
    lock = conda_lock(parsed, channels, specs, wheels)
    (directory / "lamina.lock").write_text(dump_lock(lock), encoding="utf-8")
    return path


def conda_request(
    top: Path,
    environ: Mapping[str, str],
    channels: list[Path],
    specs: list[str],
    *,
    stack: Mapping[str, Any] | None = None,
    wheels: list[Path] | None = None,
    **changes: Any,
) -> PublishRequest:
    """Return a request for a release of conda packages, with one of an index on top, or others."""
    if wheels is None:
        wheels = [make_wheel(top / "wheels", "caller", "1.0", CALLER)]
    text = stack_text(channels, specs, **(stack or {}))
    parsed = parse_stack(text, "lamina.toml")
    lock = conda_lock(parsed, channels, specs, wheels)
    log = top / "publish.log"
    uv = UvProgram(environ=environ, log=log)
    indexes = {PUBLIC_INDEX: "https://index.example.org/simple"}
    request = PublishRequest(
        root=top / "root",
        stack=parsed,
        stack_text=text,
        version=parse_release_version(str((stack or {}).get("version", "1.0"))),
        lock=lock,
        target=TARGET,
        interpreter=None,
        installer=UvInstaller(uv=uv, indexes=indexes, shared=True),
        locator=DirectoryLocator(top / "wheels"),
        uv=uv,
        environ=environ,
        now=NOW,
        log=log,
        conda=conda_supply(lock, top, environ, top / "cache"),
    )
    return dataclasses.replace(request, **changes)


SPECS = ["tool-box", "box"]


@dataclasses.dataclass(frozen=True)
class Published:
    """A release that many tests share, and must not change."""

    request: PublishRequest
    outcome: Outcome
    channels: list[Path]

    @property
    def prefix(self) -> Path:
        """Where it is."""
        return self.outcome.release.prefix
