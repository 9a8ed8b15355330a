"""Source distributions: fetched once, checked, unpacked, and asked who they are."""

from __future__ import annotations

import errno
import io
import tarfile
import zipfile
import zlib
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lamina.core import fs
from lamina.core.errors import (
    BuildFailedError,
    IntegrityError,
    StorageError,
    UpstreamUnavailableError,
)
from lamina.core.http import HttpClient
from lamina.model.digests import digest_of_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.api import ArtifactLocator
    from lamina.model.artifacts import Artifact

_ODD_NAMES = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}


def fetch_sources(
    artifacts: Iterable[Artifact],
    directory: Path,
    *,
    locator: ArtifactLocator,
    environ: Mapping[str, str],
) -> dict[Artifact, Path]:
    """Return each artifact's file in a directory, fetched where it is not there as locked.

    Raises IntegrityError for other bytes than those locked, UpstreamUnavailableError.
    """
    found = {one: directory / one.sha256[:24] / one.filename for one in artifacts}
    missing = [one for one, path in found.items() if not _is_whole(path, one)]
    if missing:
        addresses = locator.addresses(missing)
        with HttpClient(environ) as client:
            for one in missing:
                _fetch(one, addresses[one], found[one], client)
    return found


def _is_whole(path: Path, artifact: Artifact) -> bool:
    return path.is_file() and fs.sha256_of(path) == artifact.sha256


def _fetch(artifact: Artifact, address: str, path: Path, client: HttpClient) -> None:
    page = client.get(address)
    if page.status != 200:
        raise UpstreamUnavailableError(f"{artifact.filename}: HTTP status {page.status}")
    if (digest := digest_of_bytes(page.content)) != artifact.sha256:
        raise IntegrityError(
            f"{artifact.filename}: its sha256 is {digest}, and should be {artifact.sha256}",
            hints=["find out why it changed; lamina lock takes the index as it is now"],
        )
    fs.make_directory(path.parent)
    fs.write_bytes(path, page.content, durable=False)


def unpack(path: Path, directory: Path) -> Path:
    """Unpack a source distribution and return the one directory in it; raises IntegrityError."""
    fs.make_directory(directory)
    try:
        with fs.change("unpack", directory):
            _extract(path, directory)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        said = str(error).partition("\n")[0].rstrip(":")
        raise IntegrityError(f"{path.name}: cannot be unpacked: {said}") from error
    except StorageError as error:
        if getattr(error.__cause__, "errno", None) in _ODD_NAMES:
            raise IntegrityError(f"{path.name}: has a name that no file can have") from error
        raise
    tops = sorted(one for one in directory.iterdir() if one.is_dir())
    if len(tops) != 1:
        raise IntegrityError(
            f"{path.name}: has {len(tops)} directories at its top, and should have one"
        )
    return tops[0]


def _extract(path: Path, directory: Path) -> None:
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            extract_zip(archive, directory)
        return
    with tarfile.open(path) as archive:
        archive.extractall(directory, filter="data")


def extract_zip(archive: zipfile.ZipFile, directory: Path) -> None:
    """Unpack it, with the programs in it as such; `..` and roots in names are left out."""
    for member in archive.infolist():
        path = Path(archive.extract(member, directory))
        if (member.external_attr >> 16) & 0o111 and path.is_file():
            path.chmod(0o755)


def check_identity(source: Path, artifact: Artifact) -> None:
    """Raise BuildFailedError where the metadata in sources are those of another package."""
    path = source / "PKG-INFO"
    if not path.is_file():
        return
    told = HeaderParser().parsestr(path.read_text("utf-8", "replace"))
    refuse_another(told.get("Name", ""), told.get("Version", ""), artifact, artifact.filename)


def refuse_another(name: str, version: str, artifact: Artifact, where: str) -> None:
    """Raise BuildFailedError unless a name and a version are those of an artifact."""
    try:
        same = not version or Version(version) == Version(artifact.version)
    except InvalidVersion:
        same = False
    if (name and canonicalize_name(name) != artifact.package) or not same:
        raise BuildFailedError(
            f"{where}: its metadata say {name} {version}, and it should be "
            f"{artifact.package} {artifact.version}"
        )
