"""What every Linux of some age has, by the policies of auditwheel (PEP 600)."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.core.errors import NotSupportedError
from lamina.model.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditwheel.policy import WheelPolicies

_MACHINES = {Platform.LINUX_64: "x86_64", Platform.LINUX_AARCH64: "aarch64"}
_LOADER = re.compile(r"ld-linux.*|ld64\.so\.[12]|linux-vdso.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The oldest Linux that binaries run on."""

    tag: str
    """The platform tag of a wheel, with its older name where there is one."""
    libraries: frozenset[str]
    """What such a system always has, by SONAME."""
    known: bool = True
    """Whether it is one of manylinux; otherwise the binaries are for nobody knows which."""

    def has(self, soname: str) -> bool:
        """Tell whether a library is the system's."""
        return soname in self.libraries or _LOADER.fullmatch(soname) is not None


def policy_for(platform: Platform, symbols: Iterable[str]) -> Policy:
    """Return the policy for binaries that use versions of symbols such as ``GLIBC_2.28``.

    Raises NotSupportedError for a platform that is not Linux.
    """
    policies = _policies(platform)
    found = policies.versioned_symbols_policy({"": set(symbols)})
    known = found.name != policies.linux.name
    return Policy(
        tag=".".join([*sorted(found.aliases), found.name]),
        libraries=frozenset((found if known else policies.lowest).whitelist),
        known=known,
    )


@functools.cache
def _policies(platform: Platform) -> WheelPolicies:
    from auditwheel.architecture import Architecture
    from auditwheel.libc import Libc
    from auditwheel.policy import WheelPolicies

    machine = _MACHINES.get(platform)
    if machine is None:
        raise NotSupportedError(f"compiled modules of {platform}: only those of Linux can be read")
    return WheelPolicies(libc=Libc.GLIBC, arch=Architecture(machine))
