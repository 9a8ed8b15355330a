"""What may be in an archive: nothing that would be written, or lead, outside of its directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    import tarfile


def leads_out(name: str, target: str) -> bool:
    """Tell whether a link ``name`` to ``target`` could point outside of the top directory.

    A target may go up first, and then down: ``a/../b`` depends on what ``a`` is, and is refused.
    """
    parts = [part for part in target.split("/") if part not in {"", "."}]
    up = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    return target.startswith("/") or ".." in parts[up:] or up > name.count("/")


def unsafe_name(name: str) -> str:
    """Return why a member may not be called so; empty where it may."""
    if name.startswith("\\") or (len(name) > 1 and name[1] == ":"):
        return "an absolute path"
    return "a path with a back slash" if "\\" in name else outward_path(name)


def outward_path(path: str) -> str:
    """Return why a path need not lead to something in its tree, on Unix; empty where it does."""
    parts = path.split("/")
    if _NOWHERE.isdisjoint(parts):
        return "a path with a zero byte" if "\0" in path else ""
    if not parts[0]:
        return "an absolute path"
    return "a path that goes up" if ".." in parts else "a path that is not in its shortest form"


_NOWHERE = frozenset({"", ".", ".."})


class MemberRules:
    """Checks the members of one archive, each as it comes, and raises IntegrityError."""

    def __init__(self, where: str, *, listed: bool = False) -> None:
        """Know no member yet; ``listed``: each is compared with a listing, of a tree on Unix.

        Links may lead anywhere then, and back slashes are letters as others. Nothing can be below
        a link in any case.
        """
        self._where = where
        self._listed = listed
        self._links: set[str] = set()
        self._names: set[str] = set()

    def check(self, member: tarfile.TarInfo) -> str:
        """Return the member's path as it may be used."""
        name = member.name.removeprefix("./").rstrip("/")
        reason = outward_path(name) if self._listed else unsafe_name(name)
        if reason:
            raise self._refused(member.name, reason)
        if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            raise self._refused(name, "a device or pipe")
        if name in self._names and not member.isdir():
            raise self._refused(name, "in the archive twice")
        parents = name.split("/")[:-1]
        if any("/".join(parents[: i + 1]) in self._links for i in range(len(parents))):
            raise self._refused(name, "below a link")
        if member.issym():
            if not self._listed and leads_out(name, member.linkname):
                raise self._refused(name, f"a link to {member.linkname}, outside of the package")
            if any(other.startswith(f"{name}/") for other in self._names):
                raise self._refused(name, "a link in the place of a directory")
            self._links.add(name)
        if member.islnk() and member.linkname.removeprefix("./") not in self._names - self._links:
            raise self._refused(name, f"a hard link to {member.linkname}, not in the package")
        self._names.add(name)
        return name

    def _refused(self, name: str, reason: str) -> IntegrityError:
        return IntegrityError(f"{self._where}: member {name!r} is {reason}")
