"""What reading an archive raises where its bytes, or what it says of itself, are not in order.

None of the readers has one class for that, nor a list: these were found with archives cut off and
altered byte by byte.
"""

from __future__ import annotations

import csv
import lzma
import tarfile
import zipfile
import zlib

from lamina.archive.zstd import ZstdError

DAMAGE = (
    # of tarfile and zipfile for a header that cannot be, and of zipfile for a wrong checksum
    tarfile.TarError,
    zipfile.BadZipFile,
    # of the ways to compress, for a stream that is none of theirs
    zlib.error,
    lzma.LZMAError,
    ZstdError,
    # of gzip and bz2 for the same, and of the system for a disk that fails
    OSError,
    # of all of them where a stream ends too soon
    EOFError,
    # of tarfile for a number that is none, and of what decodes a name or a text
    ValueError,
    # of zipfile for a member with a password; below it NotImplementedError, for a way to compress
    # that it does not know, and RecursionError, of tarfile and json for headers without end
    RuntimeError,
)  # fmt: skip
"""Of the bytes."""

MISSHAPEN = (
    # of a member, a field or a column that is not there
    LookupError,
    # of JSON with a list where there has to be a mapping, or the other way round
    TypeError,
    AttributeError,
    # of a RECORD with a line that is none
    csv.Error,
)  # fmt: skip
"""Of what is read in documents that an archive has."""
