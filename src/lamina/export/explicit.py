"""conda's explicit list: the address and digest of each archive, in the order of installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, assert_never

from lamina.core.errors import UsageError
from lamina.stack.explicit_list import MARK

if TYPE_CHECKING:
    from lamina.export.conda_files import CondaExport
    from lamina.lock.conda import LockedConda

DigestKind = Literal["md5", "sha256"]


def dump_explicit(export: CondaExport, digest: DigestKind) -> str:
    """Return the list for one target, which is what the format holds.

    What comes from the package index cannot be in it; a comment says how many those are. Raises
    UsageError where a package has no MD5 and MD5s are asked for.
    """
    [target] = export.targets
    packages = export.packages(target)
    if digest == "md5" and (missing := [one.file for one in packages if one.md5 is None]):
        raise UsageError(
            f"no MD5 in the lock of {missing[0]}"
            + (f", and of {len(missing) - 1} more" if len(missing) > 1 else ""),
            hints=["lamina export --as explicit --digest sha256"],
        )
    lines = [f"# {export.lock.stack} for {target}, written by lamina export"]
    if count := len(export.lock.packages_for(target)):
        lines.append(f"# not here: {count} of the package index; lamina export --as requirements")
    lines += [f"# platform: {target.platform}", MARK]
    return "\n".join([*lines, *(_line(export, one, digest) for one in packages)]) + "\n"


def _line(export: CondaExport, package: LockedConda, digest: DigestKind) -> str:
    url = export.url(package)
    match digest:
        case "md5":
            return f"{url}#{package.md5}"
        case "sha256":
            return f"{url}#sha256:{package.sha256}"
        case _:
            assert_never(digest)
