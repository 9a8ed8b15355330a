"""The C library of this machine as a layer, for an image that stands on nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import NotSupportedError
from lamina.core.run import base_environment, run
from lamina.export.oci.layers import writing_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lamina.export.oci.blobs import Blobs
    from lamina.export.oci.layers import Compression, WrittenLayer

_FOUND = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_AT_ONCE = 200
_LOADED = ("libgcc_s.so.1",)
"""What glibc itself opens when it is needed: pthread_cancel(3)."""
_BLOCK = 1 << 20


def libraries_of(
    programs: Iterable[tuple[str, Path]], environ: Mapping[str, str]
) -> dict[str, Path]:
    """Return path -> file of what programs need of this machine: the loader and its libraries.

    ``programs``: each with its path in the tree that it belongs to, and where it is read. What one
    opens by itself (dlopen(3)) is not seen. Raises NotSupportedError where there is no glibc.
    """
    pairs = list(programs)
    files = [str(one) for _, one in pairs]
    # One of them may be a copy of an interpreter, which is not where the rest is.
    trees = {Path(str(one).removesuffix(path)).resolve() for path, one in pairs}
    found: set[Path] = set()
    environment = base_environment(environ) | {"LC_ALL": "C"}
    for start in range(0, len(files), _AT_ONCE):
        batch = files[start : start + _AT_ONCE]
        told = run(["ldd", *batch], env=environment, check=False).stdout
        found |= {Path(one) for one in _FOUND.findall(told)}
    outside = sorted(
        one for one in found if not any(one.resolve().is_relative_to(top) for top in trees)
    )
    library = next((one for one in outside if one.name == "libc.so.6"), None)
    if library is None:
        raise NotSupportedError(
            "no glibc is found on this machine for the programs of the release",
            hints=["--base LAYOUT, an image that has one"],
        )
    outside += [library.with_name(one) for one in _LOADED if library.with_name(one).exists()]
    # Its directory is one that the loader always looks into; others may be known to this
    # machine's ld.so.cache only.
    return {
        str(one if one.name.startswith("ld-") else library.with_name(one.name)): one
        for one in outside
    }


def write_libc(
    blobs: Blobs, libraries: Mapping[str, Path], compression: Compression
) -> WrittenLayer:
    """Write the layer: the libraries where the loader finds them, and /tmp."""
    with writing_layer(blobs, "C library of this machine", compression) as writing:
        written: set[str] = set()
        for name, source in sorted(libraries.items()):
            path = name.lstrip("/")
            for parent in reversed([str(one) for one in Path(path).parents if str(one) != "."]):
                if parent not in written:
                    writing.writer.directory(parent, 0o755)
                    written.add(parent)
            writing.writer.file(path, 0o755, source.stat().st_size, _blocks(source))
        writing.writer.directory("tmp", 0o1777)
    report.note("of this machine: " + ", ".join(sorted(Path(one).name for one in libraries)))
    return writing.layer


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block
