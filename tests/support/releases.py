"""Requests to publish small releases."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lamina.core import fs
from lamina.engines.interpreters import inspect_interpreter
from lamina.engines.uv_install import UvInstaller
from lamina.engines.uv_program import UvProgram
from lamina.model.document import validate
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import PythonSeries, Target, current_platform
from lamina.model.versions import parse_release_version
from lamina.release.draft import PublishRequest
from lamina.stack.document import Stack
from support.interpreters import find_interpreter
from support.release_wheels import DirectoryLocator, lock_of, small_wheels

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lamina.engines.api import ArtifactLocator
    from lamina.model.artifacts import Artifact

STACK = """\
[stack]
name = "small"
version = "1.0"
python = "3.12"
platforms = ["linux-64"]
"""
NOW = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)


def make_stack(*, test: dict[str, Any] | None = None, hook: str = "", **table: Any) -> Stack:
    """Return a stack of the two small wheels; ``hook`` runs after they are installed."""
    data = {
        "stack": {"name": "small", "version": "1.0", "python": "3.12"}
        | {"platforms": [str(current_platform())]}
        | table,
        "packages": {"greeter": "*", "numbers-of-ours": "*"},
        "test": test or {"imports": ["greeter"], "commands": ["greet"]},
        "hooks": {"greeter": {"post-install": hook}} if hook else {},
    }
    return validate(Stack, data, "lamina.toml")


@dataclass(frozen=True, slots=True)
class FakeInstaller:
    """An ArtifactInstaller that writes a module, a script and a RECORD for each artifact."""

    def install(
        self,
        artifacts: Iterable[Artifact],
        *,
        python: Path,
        locator: ArtifactLocator,  # noqa: ARG002
    ) -> None:
        """Write files as an installer would."""
        prefix = python.parent.parent
        site = next(prefix.glob("lib/python*/site-packages"))
        for one in artifacts:
            name = one.package.replace("-", "_")
            fs.write_text(site / f"{name}.py", "answer = 42\n", durable=False)
            script = f"#!{python}\nprint('run by {prefix}')\n"
            program = name.removesuffix("er")
            fs.write_text(prefix / "bin" / program, script, mode=0o755, durable=False)
            info = f"{name}-{one.version}.dist-info"
            fs.make_directory(site / info)
            lines = [f"{name}.py", f"../../../bin/{program}", f"{info}/RECORD"]
            record = "".join(f"{line},,\n" for line in lines)
            fs.write_text(site / info / "RECORD", record, durable=False)


def publish_request(tmp_path: Path, environ: dict[str, str], **changes: Any) -> PublishRequest:
    """Return a request for a release of the two small wheels, installed by uv."""
    series = changes.pop("series", "3.12")
    stack = changes.pop("stack", None) or make_stack(python=series)
    wheels = small_wheels(tmp_path / "wheels")
    interpreter = inspect_interpreter(find_interpreter(series), environ)
    assert interpreter is not None
    log = tmp_path / "publish.log"
    uv = UvProgram(environ=environ, log=log)
    request = PublishRequest(
        root=tmp_path / "root",
        stack=stack,
        stack_text=STACK,
        version=parse_release_version("1.0"),
        lock=lock_of(stack, wheels),
        target=Target(current_platform(), PythonSeries.parse(series)),
        interpreter=interpreter,
        installer=UvInstaller(uv=uv, indexes={PUBLIC_INDEX: "https://index.example.org/simple"}),
        locator=DirectoryLocator(tmp_path / "wheels"),
        uv=uv,
        environ=environ,
        now=NOW,
        log=log,
    )
    return dataclasses.replace(request, **changes)
