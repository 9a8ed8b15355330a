"""What the headers of an archive may ask for: nothing that fills memory before a member is seen."""

from __future__ import annotations

import tarfile
from typing import Any

_LARGEST = 1 << 20
"""Bytes of a long name, or of all that a pax header says."""
LONGEST_LINK = 4096
"""Bytes of a link's target (PATH_MAX)."""
_READ_WHOLE = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)
"""Kinds of headers whose content tarfile takes into memory as a whole."""


class BoundedHeader(tarfile.TarInfo):
    """For ``tarfile.open(tarinfo=...)``: raises ValueError for a header that is too large."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        """Go on with a header; what tarfile says subclasses may override.

        Not frombuf, which the reader of newer Pythons passes by (CPython issue 141707).
        """
        if self.type in _READ_WHOLE and self.size > _LARGEST:
            raise ValueError(f"a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc]
