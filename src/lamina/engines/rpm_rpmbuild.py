"""rpmbuild: RPMs by RPM's own program."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import NotSupportedError, UsageError
from lamina.core.run import base_environment, run
from lamina.engines.rpm_package import BUILD_HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.engines.rpm_package import RpmFile, RpmPackage

RPMBUILD_HINTS = ["dnf install rpm-build", "apt-get install rpm"]
_MACROS = {
    "_build_id_links": "none",
    "debug_package": "%{nil}",
    "__os_install_post": "%{nil}",
    "__arch_install_post": "%{nil}",
    "_build_pkgcheck": "%{nil}",
    # What is there is not this package's alone, and has to stay.
    "__check_files": "%{nil}",
    "__spec_install_pre": "%{___build_pre}",
    "_unpackaged_files_terminate_build": "0",
    "_buildhost": BUILD_HOST,
    "optflags": "%{nil}",
    "_binary_payload": "w3.zstdio",
    "source_date_epoch_from_changelog": "0",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
}
_SPECIAL = re.compile(r'[\\\[\]{}*?"%]')
"""What rpmbuild has no quotes for in names of files."""
_UNQUOTED = re.compile(r"""[\\\[\]{}*?"'%\s]""")
"""What must not be in a name that is a pattern: rpmbuild takes that apart once more."""
# In RPM's own Lua, so that an empty root needs no shell for it.
_RELOCATION = """\
%posttrans -p <lua>
local prefix = RPM_INSTALL_PREFIX
if type(prefix) == "table" then prefix = prefix[1] end
if prefix and prefix ~= "{prefix}" then
    local quoted = "'" .. string.gsub(prefix .. "/bin/lamina-unpack", "'", "'\\\\''") .. "'"
    local done = os.execute(quoted)
    if done ~= true and done ~= 0 then error("lamina-unpack failed") end
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpmbuild:
    """An RpmBuilder."""

    program: Path
    environ: Mapping[str, str]
    scratch: Path
    log: Path

    def build(self, package: RpmPackage, root: Path, target: Path) -> None:
        """Write the RPM; raises CommandFailedError, UsageError for a path with a blank."""
        if re.search(r"[\s%]", str(target)):
            raise UsageError(f"{target.parent}: rpmbuild cannot work where there is a blank or %")
        _check_names(package, root)
        spec = self.scratch / f"{target.name}.spec"
        fs.write_text(spec, render_spec(package), durable=False)
        # One each: several rpmbuild at once would make the same directories.
        own = {"_topdir": str(self.scratch / f"{target.name}.top"), "_rpmdir": str(target.parent)}
        own["_rpmfilename"] = target.name
        words: list[str | Path] = [self.program, "-bb", "--quiet", "--buildroot", root]
        words += ["--target", f"{package.arch}-linux"]
        for name, value in (_MACROS | own).items():
            words += ["--define", f"{name} {value}"]
        env = base_environment(self.environ)
        # A person's own macros are in the home directory.
        env |= {"HOME": str(self.scratch), "SOURCE_DATE_EPOCH": str(package.seconds)}
        env["LC_ALL"] = "C.UTF-8"
        run([*words, spec], env=env, log=self.log)


def render_spec(package: RpmPackage) -> str:
    """Return the spec file of a package whose files are there already."""
    lines = [f"Name: {package.name}"]
    lines += [f"Epoch: {package.version.epoch}"] if package.version.epoch else []
    lines += [
        f"Version: {package.version.version}",
        f"Release: {package.release}",
        f"Summary: {_plain(package.summary)}",
        f"License: {_plain(package.licence)}",
        f"Packager: {BUILD_HOST}",
        "AutoReqProv: no",
    ]
    lines += [f"Prefix: {package.prefix}"] if package.relocatable else []
    lines += [f"Requires: {one}" for one in package.requires]
    lines += [f"Obsoletes: {one}" for one in package.obsoletes]
    lines += ["", "%description", _plain(package.summary), ""]
    lines += ["%install", ":", "", "%clean", ":", ""]
    if package.relocates:
        lines += [_RELOCATION.replace("{prefix}", package.prefix)]
    lines += ["%files", *map(_file, package.files)]
    return "\n".join(lines) + "\n"


def _pattern(path: str) -> str:
    return _UNQUOTED.sub("?", path) if _SPECIAL.search(path) else path


def _check_names(package: RpmPackage, root: Path) -> None:
    """Raise NotSupportedError where a name as rpmbuild gets it would be two files."""
    for one in package.files:
        if _SPECIAL.search(one.path):
            there = Path(f"{root}{one.path}")
            pattern = _pattern(there.name)
            found = [
                other.name for other in there.parent.iterdir() if fnmatchcase(other.name, pattern)
            ]
            if len(found) > 1:
                raise NotSupportedError(
                    f"rpmbuild cannot tell {found[0]!r} from {found[1]!r}, in {one.path}",
                    hints=["--with nfpm"],
                )


def _plain(text: str) -> str:
    return " ".join(text.replace("%", "%%").split())


def _file(one: RpmFile) -> str:
    path = _pattern(one.path)
    match one.kind:
        case "dir":
            return f'%dir %attr({one.mode:04o}, root, root) "{path}"'
        case "link":
            return f'%attr(-, root, root) "{path}"'
        case _:
            return f'%attr({one.mode:04o}, root, root) "{path}"'
