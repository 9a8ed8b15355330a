"""Shared libraries of other packages, taken into a wheel under names of their own.

As auditwheel does it: a name with the hash of the content, so that two wheels with different
builds of a library can be loaded into one process.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import NotSupportedError, UnsatisfiableError
from lamina.engines.elf import Elf, read_elf
from lamina.engines.manylinux import Policy, policy_for
from lamina.engines.patchelf import patch_file
from lamina.press.outcome import Bundled
from lamina.press.stock import OF_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.model.platforms import Platform
    from lamina.press.conda_package import CondaPackage
    from lamina.press.places import Staged
    from lamina.press.stock import Stock, Supply

_LIBPYTHON = re.compile(r"libpython3[\w.]*\.so[\d.]*")


@dataclass(slots=True, kw_only=True)
class Bundler:
    """Makes the compiled files of one wheel find what they need on every Linux of some age."""

    package: CondaPackage
    platform: Platform
    staged: Staged
    stock: Stock
    directory: str
    """Of the wheel, for the libraries: ``NAME.libs``."""
    environ: Mapping[str, str]
    binaries: dict[str, Elf] = field(default_factory=dict)
    """By their places in the wheel, those taken in too."""
    bundled: dict[str, Bundled] = field(default_factory=dict)
    """By SONAME."""
    missing: dict[str, str] = field(default_factory=dict)
    """SONAME of what nobody has -> the file that needs it."""

    def bundle(self) -> Policy:
        """Take in and patch; return the policy that all of it keeps.

        Raises UnsatisfiableError for libraries that no package has, NotSupportedError for a
        program that would need one of another package.
        """
        self.binaries = dict(self._elves())
        policy = self._policy()
        waiting = list(self.binaries)
        for place in waiting:  # grows on the way
            for soname in self._foreign(place, policy):
                if soname in self.bundled or soname in self.missing:
                    continue
                supply = self.stock.find(soname, self.package.depends, self.platform)
                if supply is None:
                    self.missing[soname] = place
                else:
                    waiting.append(self._take(soname, supply))
        if self.missing:
            self._refuse()
        for place in self.binaries:
            self._patch(place)
        return self._policy()

    def _elves(self) -> Iterator[tuple[str, Elf]]:
        for place in self.staged.files:
            path = self.staged.top / place
            with path.open("rb") as stream:
                if stream.read(4) != b"\x7fELF":
                    continue
            if (found := read_elf(path.read_bytes())) is not None:
                yield place, found

    def _policy(self) -> Policy:
        symbols = {one for elf in self.binaries.values() for one in elf.wanted}
        return policy_for(self.platform, symbols)

    def _foreign(self, place: str, policy: Policy) -> list[str]:
        """Return what a file needs that neither the system nor the wheel itself has."""
        return [
            soname
            for soname in self.binaries[place].needs
            if not policy.has(soname)
            and not _LIBPYTHON.fullmatch(soname)
            and self._own(soname) is None
        ]

    def _own(self, soname: str) -> str | None:
        """Return the place of a library that is among the modules of the wheel."""
        found = (place for place in self.binaries if posixpath.basename(place) == soname)
        return next((one for one in found if not one.startswith(f"{self.staged.data}/")), None)

    def _take(self, soname: str, supply: Supply) -> str:
        base, _, ending = soname.partition(".")
        name = f"{base}-{fs.sha256_of(supply.file)[:8]}.{ending}"
        place = f"{self.directory}/{name}"
        target = self.staged.top / place
        fs.make_directory(target.parent)
        fs.write_bytes(target, supply.file.read_bytes(), mode=0o755, durable=False)
        self.staged.files.append(place)
        self.binaries[place] = read_elf(target.read_bytes()) or Elf()
        self.bundled[soname] = Bundled(library=soname, file=place, package=supply.package.label)
        return place

    def _patch(self, place: str) -> None:
        """Give a file the names of what was taken in, and the ways to it and to its neighbours."""
        elf = self.binaries[place]
        own = {soname: found for soname in elf.needs if (found := self._own(soname))}
        renamed = {one: self.bundled[one] for one in elf.needs if one in self.bundled}
        removed = [one for one in elf.needs if _LIBPYTHON.fullmatch(one)]
        if renamed and place.startswith(f"{self.staged.data}/"):
            raise NotSupportedError(
                f"{self.package.contents.file}: {place.rpartition('/')[2]} needs "
                f"{', '.join(renamed)}, and a program finds no library of its wheel"
            )
        if removed:
            self.staged.warnings.append(f"{place}: no longer linked to {', '.join(removed)}")
        ways = [_way(place, other) for other in own.values()]
        ways += [_way(place, one.file) for one in renamed.values()]
        search = ":".join(dict.fromkeys(ways))
        taken = {one.file for one in self.bundled.values()}
        soname = posixpath.basename(place) if place in taken else ""
        if not (renamed or removed or soname) and search == ":".join(elf.search):
            return
        patch_file(
            self.staged.top / place,
            environ=self.environ,
            search=search,
            soname=soname,
            renamed={one: posixpath.basename(renamed[one].file) for one in renamed},
            removed=removed,
        )

    def _refuse(self) -> None:
        """Raise for what is missing: which library, what needs it, and who could have it."""
        lines = [f"  {soname}, which {self.missing[soname]} needs" for soname in self.missing]
        here = {one.contents.name for one in self.stock.given}
        away = [
            spec
            for spec in self.package.depends
            if not spec.startswith("__") and spec.split()[0] not in here | OF_PYTHON
        ]
        file = self.package.contents.file
        where = "in none of the packages that are given" if here else "in no package given"
        words = f"; {file.name} depends on {', '.join(away)}, not given" if away else ""
        raise UnsatisfiableError(
            f"{file}: no library, {where}{words}:\n" + "\n".join(lines),
            hints=[f"lamina press --with {one.split()[0]}-....conda {file}" for one in away[:3]],
        )


def _way(place: str, other: str) -> str:
    """Return the search path entry that leads from a file to the directory of another."""
    way = posixpath.relpath(posixpath.dirname(other) or ".", posixpath.dirname(place) or ".")
    return "$ORIGIN" if way == "." else f"$ORIGIN/{way}"
