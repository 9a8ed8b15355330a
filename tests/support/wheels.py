"""Tiny wheels and a package index made of files, so that tests need no network."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


def metadata(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    requires_python: str = "",
    extras: Iterable[str] = (),
) -> str:
    """Return the METADATA of a wheel, or the PKG-INFO of a source distribution."""
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join(lines) + "\n"


def wheel_contents(name: str, version: str, files: Mapping[str, str], about: str) -> dict[str, str]:
    """Return everything in a wheel of files, RECORD included: path -> text."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    contents = dict(files) | {
        f"{info}/METADATA": about,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return contents | {f"{info}/RECORD": record_of(contents, info)}


def record_of(contents: Mapping[str, str | bytes], info: str) -> str:
    """Return the RECORD of a wheel."""
    encoded = {name: _encoded(content) for name, content in contents.items()}
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in encoded.items()]
    return "\n".join([*record, f"{info}/RECORD,,"]) + "\n"


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def zipped(contents: Mapping[str, str | bytes]) -> bytes:
    """Return a wheel; the same contents give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """What a wheel of one module, or more files, consists of."""

    name: str
    version: str
    requires: Sequence[str] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Console scripts: name -> ``module:function``."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files by their path in the wheel."""
    headers: Sequence[str] = ()
    """Further lines of its METADATA."""

    @property
    def module(self) -> str:
        """The module: a package with the version and a function ``main``."""
        return self.name.replace("-", "_")

    @property
    def filename(self) -> str:
        """The name of the wheel."""
        return f"{self.module}-{self.version}-py3-none-any.whl"

    def contents(self) -> dict[str, str]:
        """Return path -> text, RECORD included."""
        info = f"{self.module}-{self.version}.dist-info"
        code = f"__version__ = {self.version!r}\n"
        code += f"def main():\n    print({self.name!r}, __version__)\n"
        files = {f"{self.module}/__init__.py": code} | dict(self.files)
        if self.scripts:
            lines = [f"{name} = {target}" for name, target in self.scripts.items()]
            files[f"{info}/entry_points.txt"] = "\n".join(["[console_scripts]", *lines]) + "\n"
        about = metadata(self.name, self.version, self.requires)
        about += "".join(f"{line}\n" for line in self.headers)
        return wheel_contents(self.name, self.version, files, about)

    def write(self, directory: Path) -> Path:
        """Write the wheel into a directory."""
        path = directory / self.filename
        path.write_bytes(zipped(self.contents()))
        return path

    def unpack(self, site: Path) -> None:
        """Put the content into a site-packages directory, without scripts."""
        for name, text in self.contents().items():
            path = site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def _digest(data: bytes) -> str:
    digest = hashlib.sha256(data).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True)
class FileIndex:
    """A simple index (PEP 503) in a directory."""

    path: Path

    @property
    def address(self) -> str:
        """The address that uv takes."""
        return self.path.as_uri()

    def add(self, *wheels: Wheel) -> None:
        """Offer wheels."""
        for wheel in wheels:
            project = self.path / wheel.name
            project.mkdir(parents=True, exist_ok=True)
            file = wheel.write(project)
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            page = project / "index.html"
            text = page.read_text(encoding="utf-8") if page.exists() else "<!DOCTYPE html>\n"
            link = f'<a href="{file.name}#sha256={digest}">{file.name}</a>\n'
            page.write_text(text + link, encoding="utf-8")
