"""Pages over HTTP, against a server on loopback."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from lamina.core.errors import LaminaError, UpstreamUnavailableError
from lamina.core.http import HttpClient
from support.index_server import IndexServer
from support.reporters import kept_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.wheel("a", "1.0")
        yield server


def client(environ: dict[str, str], **more: str) -> HttpClient:
    return HttpClient(environ | more, first_pause=0.001)


def test_an_answer_below_500_is_no_failure(server: IndexServer, environ: dict[str, str]) -> None:
    with client(environ) as http:
        assert http.get(f"{server.url}/b/").status == 404
    assert server.requests == ["/simple/b/"]


@pytest.mark.parametrize(
    ("retries", "asked", "said"),
    [("0", 1, "once tried"), ("2", 3, "after 3 tries"), ("many", 4, "after 4 tries")],
)
def test_a_busy_server_is_asked_again(
    server: IndexServer, environ: dict[str, str], retries: str, asked: int, said: str
) -> None:
    server.failures["/simple/a/"] = 99
    with (
        client(environ, UV_HTTP_RETRIES=retries) as http,
        pytest.raises(UpstreamUnavailableError) as caught,
    ):
        http.get(f"{server.url}/a/")
    assert caught.value.message == f"no answer from {server.url}/a/ {said}: HTTP status 503"
    assert len(server.requests) == asked


def test_a_server_that_is_not_there(environ: dict[str, str]) -> None:
    with (
        client(environ, UV_HTTP_RETRIES="1") as http,
        pytest.raises(UpstreamUnavailableError) as caught,
    ):
        http.get(NOWHERE.replace("//", "//user:secret@"))
    assert "after 2 tries" in caught.value.message
    assert "secret" not in caught.value.message
    assert "proxy" in caught.value.hints[0]


@pytest.mark.parametrize("where", ["in the address", "in NETRC", "in ~/.netrc"])
def test_credentials(server: IndexServer, environ: dict[str, str], where: str) -> None:
    server.credentials = "user:secret"
    with client(environ) as http:
        assert http.get(f"{server.url}/a/").status == 401
    address = f"{server.url}/a/"
    if where == "in the address":
        address = address.replace("//", "//user:secret@")
    else:
        _write_netrc(environ, "NETRC" if where == "in NETRC" else "HOME")
    with client(environ) as http:
        assert http.get(address).status == 200


def _write_netrc(environ: dict[str, str], variable: str) -> None:
    from pathlib import Path

    path = Path(environ["HOME"]) / ("other" if variable == "NETRC" else ".netrc")
    path.write_text("machine 127.0.0.1\nlogin user\npassword secret\n")
    path.chmod(0o600)
    if variable == "NETRC":
        environ["NETRC"] = str(path)


def test_credentials_of_the_address_come_before_those_of_netrc(
    server: IndexServer, environ: dict[str, str]
) -> None:
    server.credentials = "user:secret"
    _write_netrc(environ, "NETRC")
    with client(environ) as http:
        address = f"{server.url}/a/".replace("//", "//user:wrong@")
        assert http.get(address).status == 401


def test_a_broken_netrc_is_named_and_not_quoted(
    server: IndexServer, environ: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login user passwd secret\n")
    with kept_warnings() as warned, client(environ, NETRC=str(path)) as http:
        assert http.get(f"{server.url}/a/").status == 200
    [said] = warned
    assert str(path) in said
    assert "secret" not in said


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), ("", "no certificates in it"), ("x", "no certificates")],
    ids=["absent", "empty", "something else"],
)
def test_certificates_that_cannot_be_read(
    environ: dict[str, str], tmp_path: Path, variable: str, content: str | None, reason: str
) -> None:
    path = tmp_path / "certificates.pem"
    if content is not None:
        path.write_text(content)
    for other in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        environ.pop(other, None)
    with pytest.raises(LaminaError) as caught:
        client(environ, **{variable: str(path)})
    assert caught.value.message.startswith(f"{variable}: {path}: {reason}")


def test_a_part_of_a_file(environ: dict[str, str]) -> None:
    with IndexServer(ranges=True) as server, client(environ) as http:
        content = server.wheel("a", "1.0").content
        address = f"{server.url.removesuffix('/simple')}/files/a-1.0-py3-none-any.whl"
        page = http.get(address, byte_range="2-5")
        assert (page.status, page.content) == (206, content[2:6])
        assert page.content_range == f"bytes 2-5/{len(content)}"
        assert http.get(address, byte_range="-4").content == content[-4:]


@pytest.mark.parametrize(
    ("variables", "through"),
    [
        ({"http_proxy": "PROXY"}, True),
        ({"HTTP_PROXY": "PROXY"}, True),
        ({"all_proxy": "PROXY"}, True),
        ({"https_proxy": "PROXY"}, False),
        ({"http_proxy": "PROXY", "no_proxy": "127.0.0.1"}, False),
        ({"http_proxy": "PROXY", "NO_PROXY": " x.example.org , 127.0.0.1"}, False),
        ({"http_proxy": "PROXY", "no_proxy": "*"}, False),
        ({"http_proxy": "PROXY", "no_proxy": "index.example.org"}, True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_which_requests_go_through_a_proxy(
    server: IndexServer, environ: dict[str, str], variables: dict[str, str], *, through: bool
) -> None:
    clean = {name: value for name, value in environ.items() if "proxy" not in name.lower()}
    with IndexServer() as proxy:
        host = proxy.url.removesuffix("/simple").removeprefix("http://")
        given = {name: host if value == "PROXY" else value for name, value in variables.items()}
        with client(clean | given) as http:
            http.get(f"{server.url}/a/")
        assert (len(proxy.requests), len(server.requests)) == ((1, 0) if through else (0, 1))


class Moved(BaseHTTPRequestHandler):
    """Sends what is sent to /first to /second, and takes it there."""

    protocol_version = "HTTP/1.1"
    taken: ClassVar[list[bytes]] = []

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        first = self.path == "/first"
        if not first:
            self.taken.append(content)
        self.send_response(307 if first else 201)
        self.send_header("Location", "/second")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_file_is_sent_once_more_where_the_server_wants_it(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    body = tmp_path / "body"
    body.write_bytes(bytes(range(256)) * 9000)
    with ThreadingHTTPServer(("127.0.0.1", 0), Moved) as server, client(environ) as http:
        threading.Thread(target=server.serve_forever).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/first"
            answer = http.ask("PUT", address, headers={}, body=body)
        finally:
            server.shutdown()
    assert answer.status == 201
    assert Moved.taken == [body.read_bytes()]
