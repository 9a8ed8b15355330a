"""A package index on loopback that serves files made by the test."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from support.wheels import metadata, wheel_contents, zipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ANY = "py3-none-any"
LINUX = "cp312-cp312-manylinux_2_17_x86_64"
FILE = "application/octet-stream"
UPLOADED = "2026-01-01T00:00:00Z"


def make_wheel(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    requires_python: str = "",
    extras: Iterable[str] = (),
    note: str = "",
) -> bytes:
    """Return a wheel with one module that knows its version; the same input, the same bytes."""
    module = name.replace("-", "_")
    files = {f"{module}.py": f"__version__ = {version!r}\nnote = {note!r}\n"}
    about = metadata(name, version, requires, requires_python=requires_python, extras=extras)
    return zipped(wheel_contents(name, version, files, about))


def make_sdist(
    name: str, version: str, requires: Iterable[str] = (), *, broken: bool = False
) -> bytes:
    """Return a source distribution that builds without any build requirement, or not at all."""
    top = f"{name.replace('-', '_')}-{version}"
    about = metadata(name, version, requires)
    backend = _BACKEND.format(name=name, version=version, requires=list(requires))
    if broken:
        backend = "raise RuntimeError('made for another century')"
        # With all that newer ones say, nobody would have to build it to know what it needs.
        about = f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n"
    files = {
        f"{top}/PKG-INFO": about,
        f"{top}/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n',
        f"{top}/backend.py": backend,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


_BACKEND = """
import zipfile
NAME, VERSION, REQUIRES = "{name}", "{version}", {requires}
MODULE = NAME.replace("-", "_")
def build_wheel(directory, config_settings=None, metadata_directory=None):
    file = MODULE + "-" + VERSION + "-py3-none-any.whl"
    info = MODULE + "-" + VERSION + ".dist-info/"
    lines = ["Metadata-Version: 2.1", "Name: " + NAME, "Version: " + VERSION]
    lines += ["Requires-Dist: " + one for one in REQUIRES]
    with zipfile.ZipFile(directory + "/" + file, "w") as archive:
        archive.writestr(MODULE + ".py", "built = True\\n")
        archive.writestr(info + "METADATA", "\\n".join(lines) + "\\n")
        archive.writestr(
            info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        )
        archive.writestr(info + "RECORD", "")
    return file
"""


@dataclass(kw_only=True)
class Offer:
    """A file on the index: what its page says and what is served."""

    filename: str
    sha256: str
    content: bytes
    uploaded: str
    requires_python: str = ""


@dataclass(kw_only=True)
class IndexServer:
    """A simple index (PEP 503 and 691); use it in a ``with`` statement."""

    html_only: bool = False
    ranges: bool = False
    """Serve parts of files, as most indexes do."""
    offers: dict[str, list[Offer]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    """Path -> how many times it answers with 503 before it works."""
    sent: int = 0
    """Bytes sent as parts of files."""
    credentials: str = ""
    """``user:password`` that every request has to bring; empty: none."""
    immutable: bool = False
    """Say of files that they never change, as public indexes do: caches then keep them."""
    digests: bool = True
    """The pages give the digest of each file."""
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"served": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address of the index."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def wheel(
        self,
        name: str,
        version: str,
        requires: Sequence[str] = (),
        *,
        tag: str = ANY,
        requires_python: str = "",
        extras: Sequence[str] = (),
        uploaded: str = UPLOADED,
        note: str = "",
    ) -> Offer:
        """Offer a wheel."""
        content = make_wheel(
            name, version, requires, requires_python=requires_python, extras=extras, note=note
        )
        filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
        return self._offer(name, filename, content, uploaded, requires_python)

    def sdist(
        self,
        name: str,
        version: str,
        requires: Sequence[str] = (),
        *,
        uploaded: str = UPLOADED,
        broken: bool = False,
    ) -> Offer:
        """Offer a source distribution; a ``broken`` one cannot be built any more."""
        filename = f"{name.replace('-', '_')}-{version}.tar.gz"
        content = make_sdist(name, version, requires, broken=broken)
        return self._offer(name, filename, content, uploaded, "")

    def _offer(
        self, name: str, filename: str, content: bytes, uploaded: str, requires_python: str
    ) -> Offer:
        offer = Offer(
            filename=filename,
            sha256=hashlib.sha256(content).hexdigest(),
            content=content,
            uploaded=uploaded,
            requires_python=requires_python,
        )
        self.offers.setdefault(name, []).append(offer)
        return offer

    def json_page(self, name: str) -> bytes:
        """Return the page of PEP 691."""
        files = [
            {
                "filename": one.filename,
                "url": f"../../files/{one.filename}",
                "hashes": {"sha256": one.sha256} if self.digests else {},
                "upload-time": one.uploaded,
                "size": len(one.content),
                **({"requires-python": one.requires_python} if one.requires_python else {}),
            }
            for one in self.offers[name]
        ]
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": files, "versions": []}
        return json.dumps(page).encode()

    def html_page(self, name: str) -> bytes:
        """Return the page of PEP 503."""
        links = "".join(
            f'<a href="../../files/{one.filename}#sha256={one.sha256}" '
            f'data-upload-time="{one.uploaded}">{one.filename}</a><br>\n'
            for one in self.offers[name]
        )
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


class _Handler(BaseHTTPRequestHandler):
    served: IndexServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.served.requests.append(self.path)
        if not self._is_allowed():
            self._answer(401, "text/plain", b"who?", {"WWW-Authenticate": "Basic"})
            return
        if self.served.failures[self.path] > 0:
            self.served.failures[self.path] -= 1
            self._answer(503, "text/plain", b"busy")
            return
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "simple" and name in self.served.offers:
            self._page(name)
            return
        for one in (offer for offers in self.served.offers.values() for offer in offers):
            if kind == "files" and one.filename == name:
                self._file(one.content)
                return
        self._answer(404, "text/plain", b"not here")

    do_HEAD = do_GET  # noqa: N815

    def _is_allowed(self) -> bool:
        wanted = base64.b64encode(self.served.credentials.encode()).decode()
        given = self.headers.get("Authorization", "")
        return not self.served.credentials or given == f"Basic {wanted}"

    def _file(self, content: bytes) -> None:
        wanted = self.headers.get("Range", "") if self.served.ranges else ""
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        if not wanted:
            known = {"Cache-Control": "public, max-age=365000000, immutable"}
            self._answer(200, FILE, content, known if self.served.immutable else None)
            return
        start = int(first) if first else max(0, len(content) - int(last))
        end = min(int(last) + 1, len(content)) if first else len(content)
        part = content[start:end]
        self.served.sent += len(part)
        header = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
        self._answer(206, FILE, part, header)

    def _page(self, name: str) -> None:
        if not self.served.html_only and "json" in self.headers.get("Accept", ""):
            content = self.served.json_page(name)
            self._answer(200, "application/vnd.pypi.simple.v1+json", content)
        else:
            self._answer(200, "text/html", self.served.html_page(name))

    def _answer(
        self,
        status: int,
        content_type: str,
        content: bytes,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        if content_type != FILE:
            # Pages change during a test, so they are asked for each time; files do not.
            self.send_header("Cache-Control", "no-cache")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
