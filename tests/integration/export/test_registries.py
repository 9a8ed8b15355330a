"""Images to and from a registry: Debian's docker-registry, and servers that refuse."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core import fs
from lamina.core.errors import IntegrityError, LaminaError, UpstreamUnavailableError, UsageError
from lamina.core.http import HttpClient
from lamina.engines.registry import Registry
from lamina.export.oci.blobs import INDEX, MANIFEST, Blobs
from lamina.export.oci.registries import Pushed, pull, push
from lamina.model.image_references import ImageReference
from support.containers import HERE, RegistryServer, image_request, run, ship

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.packs import Shipped

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """Return a registry that all tests of this module push to."""
    with RegistryServer(tmp_path_factory.mktemp("registry") / "data") as started:
        yield started


@contextmanager
def asking(name: str, environ: dict[str, str]) -> Iterator[Registry]:
    with HttpClient(environ) as http:
        yield Registry(http, ImageReference.parse(name), environ, first_pause=0.01)


def send(shipped: Shipped, name: str, tmp_path: Path, environ: dict[str, str]) -> Pushed:
    """Push the image of a release."""
    done: list[Pushed] = []
    request = image_request(shipped.release, shipped.environ, tmp_path / f"scratch-{len(name)}")
    with asking(name, environ) as registry:
        tag = ImageReference.parse(name).manifest
        ship(
            [request],
            None,
            send=lambda blobs, images, top: done.append(push(registry, blobs, images, top, tag)),
        )
    return done[0]


def bring(name: str, layout: Path, environ: dict[str, str]) -> Any:
    layout.mkdir()
    with asking(name, environ) as registry:
        return pull(registry, ImageReference.parse(name), HERE, layout)


@pytest.mark.containers
def test_what_is_there_already_is_not_sent_again(
    shipped: Shipped, server: RegistryServer, environ: dict[str, str], tmp_path: Path
) -> None:
    name = f"{server.host}/hep/small"
    first = send(shipped, f"{name}:1.0", tmp_path, environ)
    assert (first.blobs, first.there) == (6, 0)
    again = send(shipped, f"{name}:latest", tmp_path, environ)
    assert (again.blobs, again.there, again.sent) == (0, 6, 0)
    told = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}:1.0"))
    assert told["Labels"]["lamina.release"] == "small/1.0"
    referrers = f"docker://{name}:{told['Digest'].replace(':', '-')}"
    index = json.loads(run("skopeo", "inspect", "--raw", "--tls-verify=false", referrers))
    [bill] = index["manifests"]
    assert bill["artifactType"] == "application/vnd.cyclonedx+json"
    image = bring(f"{name}:1.0", tmp_path / "layout", environ)
    assert image.descriptor.digest == told["Digest"]
    for one in image.layers:
        Blobs(tmp_path / "layout").check(one)
    by_digest = bring(f"{name}@{told['Digest']}", tmp_path / "other", environ)
    assert by_digest.descriptor == image.descriptor


@pytest.mark.containers
def test_what_others_copied_is_a_release_still(
    shipped: Shipped, server: RegistryServer, environ: dict[str, str], tmp_path: Path
) -> None:
    request = image_request(
        shipped.release, shipped.environ, tmp_path / "scratch", compression="gzip"
    )
    ship([request], tmp_path / "layout")
    name = f"{server.host}/copied/small:1"
    form = ("--format", "v2s2")  # Docker's own manifest, which has no annotations.
    run("skopeo", "copy", *form, "--dest-tls-verify=false", f"oci:{tmp_path}/layout:1.0",
        f"docker://{name}")  # fmt: skip
    image = bring(name, tmp_path / "brought", environ)
    assert image.labels["lamina.release"] == "small/1.0"
    assert "docker" in image.descriptor.media_type


@pytest.mark.containers
def test_what_is_not_there_is_said(
    server: RegistryServer, environ: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="there is no such image"):
        bring(f"{server.host}/nobody/knows:1", tmp_path / "layout", environ)


@pytest.mark.containers
def test_a_blob_that_the_registry_has_altered_is_named(
    shipped: Shipped, server: RegistryServer, environ: dict[str, str], tmp_path: Path
) -> None:
    name = f"{server.host}/damaged/small:1"
    send(shipped, name, tmp_path, environ)
    image = bring(name, tmp_path / "layout", environ)
    digest = image.layers[-1].digest.removeprefix("sha256:")
    data = server.directory / "docker/registry/v2/blobs/sha256" / digest[:2] / digest / "data"
    whole = data.read_bytes()
    fs.write_bytes(data, whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError, match=f"the blob sha256:{digest} is altered"):
        bring(name, tmp_path / "again", environ)
    fs.write_bytes(data, whole)


@contextmanager
def answering(answer: Callable[[Any], Answer]) -> Iterator[tuple[str, list[str]]]:
    """Serve what a function says, on loopback; yield the host and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(f"{self.command} {self.path} {self.headers.get('Authorization', '-')}")
            status, headers, body = answer(self)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{http.server_port}", asked
        finally:
            http.shutdown()
            thread.join()


def refusal(status: int, code: str = "DENIED") -> Callable[[Any], Answer]:
    said = json.dumps({"errors": [{"code": code, "message": "not you"}]}).encode()
    return lambda _: (status, {}, said)


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "docker login"), (403, "docker login"), (404, ""), (500, ""), (503, "")],
)
def test_a_registry_that_refuses_is_quoted(
    environ: dict[str, str], tmp_path: Path, status: int, hint: str
) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"x")
    with (
        answering(refusal(status)) as (host, asked),
        asking(f"{host}/a/b:1", environ) as registry,
        pytest.raises(UpstreamUnavailableError, match=f"status {status}; DENIED: not you") as error,
    ):
        registry.send(blob, "sha256:" + "0" * 64)
    assert hint in " ".join(error.value.hints)
    assert len(asked) == (3 if status >= 500 else 1)


def test_a_dead_registry_is_unavailable(environ: dict[str, str]) -> None:
    with answering(refusal(500)) as (host, _):
        pass
    with asking(f"{host}/a/b:1", environ) as registry, pytest.raises(UpstreamUnavailableError):
        registry.has("sha256:" + "0" * 64)


def test_a_manifest_other_than_the_one_named_is_refused(
    environ: dict[str, str], tmp_path: Path
) -> None:
    digest = "sha256:" + "0" * 64
    with (
        answering(lambda _: (200, {"Content-Type": MANIFEST}, b"{}")) as (host, _),
        pytest.raises(IntegrityError, match=f"the manifest {digest} is altered"),
    ):
        bring(f"{host}/a/b@{digest}", tmp_path / "layout", environ)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"config": 3}', b"\xff", b'{"manifests": 1}'])
def test_what_is_no_manifest_is_refused(
    environ: dict[str, str], tmp_path: Path, data: bytes
) -> None:
    with (
        answering(lambda _: (200, {"Content-Type": MANIFEST}, data)) as (host, _),
        pytest.raises(LaminaError),
    ):
        bring(f"{host}/a/b:1", tmp_path / "layout", environ)


def image_answers(config: bytes, *, size: int | None = None) -> Callable[[Any], Answer]:
    """Serve a manifest without layers, and a config that is said to have ``size`` bytes."""
    digest = f"sha256:{sha256(config).hexdigest()}"
    described = {"mediaType": "x", "digest": digest, "size": len(config) if size is None else size}
    manifest = json.dumps({"mediaType": MANIFEST, "config": described, "layers": []}).encode()
    return lambda asked: (
        (200, {}, config)
        if "/blobs/" in asked.path
        else (200, {"Content-Type": MANIFEST}, manifest)
    )


def test_a_blob_without_end_is_not_kept(environ: dict[str, str], tmp_path: Path) -> None:
    config = b'{"os": "linux"}' + b" " * (4 << 20)
    with (
        answering(image_answers(config, size=15)) as (host, _),
        pytest.raises(IntegrityError, match="more than its 15 bytes"),
    ):
        bring(f"{host}/a/b:1", tmp_path / "layout", environ)
    assert sum(one.stat().st_size for one in tmp_path.rglob("*") if one.is_file()) < 1000


def test_an_answer_without_end_is_not_kept(environ: dict[str, str], tmp_path: Path) -> None:
    with (
        answering(lambda _: (200, {"Content-Type": MANIFEST}, bytes(65 << 20))) as (host, _),
        pytest.raises(UpstreamUnavailableError, match="has no end"),
    ):
        bring(f"{host}/a/b:1", tmp_path / "layout", environ)


@pytest.mark.parametrize(
    "config",
    [b'{"config": "x"}', b'{"config": {"Labels": [1]}}', b'{"config": {"Labels": {"a": 1}}}',
     b'{"rootfs": 3}', b'{"rootfs": {"diff_ids": 3}}', b'{"rootfs": {"diff_ids": [3]}}'],
    ids=bytes.decode,
)  # fmt: skip
def test_what_is_no_config_is_refused(
    environ: dict[str, str], tmp_path: Path, config: bytes
) -> None:
    with (
        answering(image_answers(config)) as (host, _),
        pytest.raises(IntegrityError, match="no config of an image"),
    ):
        bring(f"{host}/a/b:1", tmp_path / "layout", environ)


def test_an_index_that_lists_nothing_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    with (
        answering(lambda _: (200, {"Content-Type": INDEX}, b'{"manifests": 1}')) as (host, _),
        pytest.raises(IntegrityError, match="no list of manifests"),
    ):
        bring(f"{host}/a/b:1", tmp_path / "layout", environ)


def login(environ: dict[str, str], tmp_path: Path, host: str) -> None:
    kept = {"auths": {host: {"auth": base64.b64encode(b"me:secret").decode()}}}
    (tmp_path / "auth.json").write_text(json.dumps(kept))
    environ["REGISTRY_AUTH_FILE"] = str(tmp_path / "auth.json")


def test_a_token_is_got_with_the_login_that_is_kept(
    environ: dict[str, str], tmp_path: Path
) -> None:
    def answer(request: Any) -> Answer:
        given = request.headers.get("Authorization", "")
        if request.path.startswith("/token"):
            good = given == "Basic " + base64.b64encode(b"me:secret").decode()
            return (200, {}, b'{"token": "abc"}') if good else (401, {}, b"")
        if given == "Bearer abc":
            return 200, {}, b""
        host = request.headers["Host"]
        challenge = f'Bearer realm="http://{host}/token",service="us"'
        return 401, {"WWW-Authenticate": challenge}, b""

    with answering(answer) as (host, asked):
        with asking(f"{host}/a/b:1", environ) as registry, pytest.raises(UpstreamUnavailableError):
            registry.has("sha256:" + "0" * 64)
        login(environ, tmp_path, host)
        with asking(f"{host}/a/b:1", environ) as registry:
            assert registry.has("sha256:" + "0" * 64)
            assert registry.has("sha256:" + "1" * 64)
    assert "scope=repository%3Aa%2Fb%3Apull%2Cpush" in asked[-3]
    assert len(asked) == 6, asked


def test_a_login_goes_to_nobody_else(environ: dict[str, str], tmp_path: Path) -> None:
    elsewhere: list[str] = []

    def other(request: Any) -> Answer:
        elsewhere.append(request.headers.get("Authorization", "-"))
        return 401, {"WWW-Authenticate": "Basic realm=here"}, b""

    with answering(other) as (thief, _):

        def answer(request: Any) -> Answer:
            if not request.headers.get("Authorization"):
                return 401, {"WWW-Authenticate": "Basic realm=here"}, b""
            there = f"http://localhost:{thief.rpartition(':')[2]}/blob"
            return 202 if request.command == "POST" else 307, {"Location": there}, b""

        with answering(answer) as (host, _):
            login(environ, tmp_path, host)
            with (
                asking(f"{host}/a/b:1", environ) as registry,
                pytest.raises(UpstreamUnavailableError),
            ):
                registry.fetch("sha256:" + "0" * 64, lambda _: None)
            blob = tmp_path / "blob"
            blob.write_bytes(b"x")
            with (
                asking(f"{host}/a/b:1", environ) as registry,
                pytest.raises(UpstreamUnavailableError),
            ):
                registry.send(blob, "sha256:" + "0" * 64)
    assert len(elsewhere) >= 2
    assert set(elsewhere) == {"-"}
