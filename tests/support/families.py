"""Stacks that extend each other, in directories of their own, with one root and one index."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.model.platforms import current_platform

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import Answer, CommandLine

HERE = current_platform()


@dataclass(frozen=True, kw_only=True)
class Family:
    """Writes, locks and publishes stacks by their names."""

    lamina: CommandLine

    @property
    def root(self) -> Path:
        """Where they are published."""
        return self.lamina.directory / "root"

    def write(
        self,
        name: str,
        packages: str = "",
        *,
        extends: str = "",
        version: str = "1.0",
        resolve: str = "",
        stack: str = "",
        more: str = "",
    ) -> Path:
        """Write a lamina.toml and return its directory; ``extends`` is the inside of the array."""
        platforms = "" if "platforms" in stack else f'platforms = ["{HERE}"]'
        python = "" if "python" in stack else 'python = "3.12"'
        text = f"""
[stack]
name = "{name}"
version = "{version}"
{python}
{platforms}
{f"extends = [{extends}]" if extends else ""}
{stack}

[resolve]
{resolve}

[packages]
{packages}

{more}
"""
        return self.lamina.write(f"{name}/lamina.toml", text).parent

    def lock(self, name: str, *options: str, expect: int = 0) -> Answer:
        """Lock a stack."""
        return self._call("lock", name, *options, expect=expect)

    def publish(self, name: str, *options: str, expect: int = 0) -> Answer:
        """Publish a stack."""
        return self._call("publish", name, "--no-test", *options, expect=expect)

    def _call(self, verb: str, name: str, *options: str, expect: int) -> Answer:
        return self.lamina(verb, "--stack", name, "--root", self.root, *options, expect=expect)

    def release(self, name: str, packages: str = "", **more: str) -> None:
        """Write, lock and publish."""
        self.write(name, packages, **more)
        self.lock(name)
        self.publish(name)

    def prefix(self, name: str, version: str = "1.0") -> Path:
        """Return where a release is."""
        return self.root / "releases" / name / version / HERE

    def lock_of(self, name: str) -> dict[str, Any]:
        """Return a lock as it is in its file."""
        path = self.lamina.directory / name / "lamina.lock"
        return tomllib.loads(path.read_text(encoding="utf-8"))

    def packages(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the packages of a lock by name."""
        return {one["name"]: one for one in self.lock_of(name).get("package", [])}

    def versions(self, name: str) -> dict[str, str]:
        """Return the versions of a lock by name."""
        return {name: one["version"] for name, one in self.packages(name).items()}
