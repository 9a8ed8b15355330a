"""A channel made of an interpreter of this machine and of wheels that need no network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lamina.channel.bootstrap import Bootstrap, Bootstrapped, bootstrap
from lamina.engines.interpreters import inspect_interpreter
from lamina.engines.uv_program import UvProgram
from support.wheels import Wheel, wheel_contents, zipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOMENT = datetime(2026, 2, 1, tzinfo=UTC)
SERIES = "3.12"
_COMPILED = f"cp{SERIES.replace('.', '')}-cp{SERIES.replace('.', '')}-manylinux_2_17_x86_64"

TOOL = Wheel(
    name="tool-box",
    version="1.2",
    requires=["native-part>=1,<2", "win-part; sys_platform == 'win32'"],
    scripts={"tool-box": "tool_box:main"},
    headers=["Requires-Python: >=3.9", "Summary: A box of tools"],
)


def write_wheels(directory: Path) -> list[Path]:
    """Write a pure wheel with a program, and a compiled one that it needs."""
    directory.mkdir(parents=True, exist_ok=True)
    return [TOOL.write(directory), write_compiled(directory, "native-part", "1.5")]


def write_compiled(directory: Path, name: str, version: str) -> Path:
    """Write a wheel that says of itself that it is compiled, with a script of two kinds."""
    module = name.replace("-", "_")
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": f"def main():\n    print('{name} {version}')\n",
        f"{module}-{version}.data/scripts/{name}-script": "#!python\nprint(__file__)\n",
        f"{module}-{version}.data/data/share/{name}/data.txt": "data\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    contents = wheel_contents(name, version, files, about)
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {_COMPILED}\n"
    path = directory / f"{module}-{version}-{_COMPILED}.whl"
    path.write_bytes(zipped(contents))
    return path


def make_channel(
    channel: Path, wheels: list[Path], python: Path, environ: Mapping[str, str]
) -> Bootstrapped:
    """Bootstrap a channel of a Python and of wheels, from no index."""
    interpreter = inspect_interpreter(python, environ)
    assert interpreter is not None
    wanted = Bootstrap(
        interpreter=interpreter,
        requirements=["--no-index", *map(str, wheels)],
        moment=MOMENT,
        uv=UvProgram(environ=environ),
    )
    return bootstrap(channel, wanted)


def records_of(channel: Path, subdir: str) -> dict[str, Any]:
    """Return the repodata's records by package name; of several, the last."""
    document = json.loads((channel / subdir / "repodata.json").read_text(encoding="utf-8"))
    records = {**document["packages"], **document["packages.conda"]}
    return {record["name"]: record | {"fn": name} for name, record in records.items()}
