"""Pages over HTTP, with the proxies and certificates that the environment names."""

from __future__ import annotations

import netrc
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

from lamina.core import report
from lamina.core.errors import LaminaError, UpstreamUnavailableError
from lamina.core.run import redact

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    import httpx2

_PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that may be other ones in a moment."""
_BLOCK = 1 << 20
_LARGEST_ANSWER = 1 << 26
"""Bytes that are kept in memory: what is larger goes elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An answer that is no failure of the server."""

    address: str
    """Where it came from, after redirections."""
    status: int
    content_type: str
    content: bytes
    content_range: str = ""
    """Which bytes of which total the content is, as RFC 9110 writes it; empty: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server says to any request, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By their names, in lower case."""
    content: bytes
    """Empty where it went elsewhere."""


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The blocks of a file, from its beginning each time that they are asked for."""

    path: Path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as stream:
            yield from iter(lambda: stream.read(_BLOCK), b"")


class HttpClient:
    """Gets pages; may be used by several threads at once.

    Credentials are those in the address, otherwise those that netrc has for its host.
    ``UV_HTTP_TIMEOUT`` (seconds) and ``UV_HTTP_RETRIES`` count as they do for uv.
    """

    def __init__(self, environ: Mapping[str, str], *, first_pause: float = 0.25) -> None:
        import httpx2

        context = _certificates(environ)
        self._tries = 1 + _number(environ, "UV_HTTP_RETRIES", 3)
        self._first_pause = first_pause
        self._logins = _logins(environ)
        self._client = httpx2.Client(
            verify=context,
            trust_env=False,
            follow_redirects=True,
            timeout=_number(environ, "UV_HTTP_TIMEOUT", 30),
            mounts=_mounts(environ, context),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, address: str, *, accept: str = "*/*", byte_range: str = "") -> Page:
        """Return the answer, whatever its status below 500.

        ``byte_range`` such as ``0-99`` or ``-100`` asks for a part; a server may send the whole.
        Raises UpstreamUnavailableError when, after retries, there is none.
        """
        import httpx2

        if address.startswith("file:"):
            return _local_page(address)
        reason = ""
        headers = {"Accept": accept}
        if byte_range:
            headers |= {"Range": f"bytes={byte_range}", "Accept-Encoding": "identity"}
        for attempt in range(self._tries):
            if attempt:
                time.sleep(self._first_pause * 2 ** (attempt - 1))
            try:
                answer = self._client.get(address, headers=headers, auth=self._login(address))
            except (httpx2.RequestError, httpx2.InvalidURL) as error:
                reason = str(error) or type(error).__name__
                continue
            if answer.status_code not in _PASSING:
                return Page(
                    address=str(answer.url),
                    status=answer.status_code,
                    content_type=answer.headers.get("content-type", ""),
                    content=answer.content,
                    content_range=answer.headers.get("content-range", ""),
                )
            reason = f"HTTP status {answer.status_code}"
        tries = f"after {self._tries} tries" if self._tries > 1 else "once tried"
        raise UpstreamUnavailableError(
            f"no answer from {redact(address)} {tries}: {reason}",
            hints=["check the network and the proxy variables, then run it again"],
        )

    def ask(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Path | None = None,
        into: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Return what a server says to one request, once asked.

        A file is sent in blocks, and once more where a redirection asks for it. ``into`` takes the
        content of an answer without error in blocks. Raises UpstreamUnavailableError where there is
        no answer, or none to its end.
        """
        import httpx2

        sent = {**headers, "Accept-Encoding": "identity"}
        try:
            content: bytes | _Blocks | None
            if isinstance(body, Path):
                content = _Blocks(body)
                sent["Content-Length"] = str(body.stat().st_size)
            else:
                content = body
            with self._client.stream(method, address, headers=sent, content=content) as answer:
                taken = b""
                if into is not None and answer.is_success:
                    for block in answer.iter_raw(_BLOCK):
                        into(block)
                else:
                    taken = _limited(answer.iter_raw(_BLOCK), address)
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise UpstreamUnavailableError(
                f"no answer from {redact(address)}: {reason}",
                hints=["check the network and the proxy variables, then run it again"],
            ) from error
        return Answer(status=answer.status_code, headers=answer.headers, content=taken)

    def _login(self, address: str) -> tuple[str, str] | None:
        """Return the user and password of netrc, None where the address has its own."""
        parts = urlsplit(address)
        if self._logins is None or "@" in parts.netloc or not parts.hostname:
            return None
        found = self._logins.authenticators(parts.hostname)
        return (found[0], found[2] or "") if found else None


def _limited(blocks: Iterable[bytes], address: str) -> bytes:
    taken = bytearray()
    for block in blocks:
        taken += block
        if len(taken) > _LARGEST_ANSWER:
            raise UpstreamUnavailableError(
                f"the answer from {redact(address)} has no end: more than {_LARGEST_ANSWER} bytes"
            )
    return bytes(taken)


def _local_page(address: str) -> Page:
    """Return a file of this machine as a server would: of a directory, its index.html."""
    path = Path(unquote(urlsplit(address).path))
    file = path / "index.html" if path.is_dir() else path
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Page(address=address, status=404, content_type="", content=b"")
    except OSError as error:
        raise UpstreamUnavailableError(f"{file}: {error.strerror}") from error
    kind = "text/html" if file.suffix == ".html" else "application/octet-stream"
    return Page(address=address, status=200, content_type=kind, content=content)


def _logins(environ: Mapping[str, str]) -> netrc.netrc | None:
    """Return what NETRC or ~/.netrc has; a file that is not there or not readable has nothing."""
    home = environ.get("HOME")
    name = environ.get("NETRC") or (f"{home}/.netrc" if home else "")
    try:
        return netrc.netrc(name) if name else None
    except OSError:
        return None
    except (netrc.NetrcParseError, UnicodeDecodeError) as error:
        # Its text may quote a password.
        report.warn(f"{name}: not used, because it cannot be read ({type(error).__name__})")
        return None


def _number(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable, "")
    return int(text) if text.isdecimal() else default


def _certificates(environ: Mapping[str, str]) -> ssl.SSLContext:
    import ssl

    import httpx2

    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if path := environ.get(variable):
            try:
                return ssl.create_default_context(cafile=path)
            except OSError as error:
                unreadable = isinstance(error, ssl.SSLError)
                reason = "no certificates in it" if unreadable else error.strerror
                raise LaminaError(f"{variable}: {path}: {reason}") from error
    if environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context(capath=environ["SSL_CERT_DIR"])
    return httpx2.create_ssl_context(trust_env=False)


def _mounts(
    environ: Mapping[str, str], context: ssl.SSLContext
) -> dict[str, httpx2.BaseTransport | None]:
    """Return a transport for each scheme that has a proxy, and none for the hosts without."""
    import httpx2

    proxies = {
        f"{scheme}://": _lower_or_upper(environ, f"{scheme}_proxy")
        for scheme in ("http", "https", "all")
    }
    bare = {host.strip() for host in _lower_or_upper(environ, "no_proxy").split(",")} - {""}
    if "*" in bare:
        return {}
    mounts: dict[str, httpx2.BaseTransport | None] = {
        pattern: httpx2.HTTPTransport(
            verify=context,
            trust_env=False,
            proxy=proxy if "://" in proxy else f"http://{proxy}",
        )
        for pattern, proxy in proxies.items()
        if proxy
    }
    if mounts:
        for host in bare:
            name = host.lstrip("*").lstrip(".")
            mounts |= {f"all://{name}": None, f"all://*.{name}": None}
    return mounts


def _lower_or_upper(environ: Mapping[str, str], variable: str) -> str:
    return environ.get(variable) or environ.get(variable.upper()) or ""
