"""Addresses from an index's pages, against a server on loopback."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import IntegrityError, LaminaError, UpstreamUnavailableError
from lamina.core.http import HttpClient
from lamina.engines.index_addresses import IndexAddresses
from lamina.model.artifacts import Artifact
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX, IndexName, parse_package_name
from support.index_server import IndexServer, Offer
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from pathlib import Path

OURS = IndexName("ours")


def artifact_of(offer: Offer, index: IndexName = PUBLIC_INDEX, sha256: str = "") -> Artifact:
    name, version = offer.filename.split("-")[:2]
    return Artifact(
        package=parse_package_name(name),
        version=version,
        index=index,
        filename=offer.filename,
        sha256=Sha256(sha256 or offer.sha256),
    )


@pytest.mark.parametrize("html_only", [False, True], ids=["json", "html"])
def test_addresses_are_found_on_the_pages(
    environ: dict[str, str], tmp_path: Path, *, html_only: bool
) -> None:
    with IndexServer(html_only=html_only) as server:
        wanted = [artifact_of(server.wheel(name, "1.0")) for name in ("a", "b", "c")]
        locator = IndexAddresses(environ, {PUBLIC_INDEX: server.url}, tmp_path)
        base = server.url.removesuffix("/simple")
        assert locator.addresses(wanted) == {one: f"{base}/files/{one.filename}" for one in wanted}
        server.requests.clear()
        again = IndexAddresses(environ, {PUBLIC_INDEX: server.url}, tmp_path)
        assert len(again.addresses(wanted)) == 3
        assert server.requests == []
        fresh = IndexAddresses(environ, {PUBLIC_INDEX: server.url}, tmp_path, refresh=True)
        fresh.addresses(wanted)
        assert len(server.requests) == 3


def test_each_artifact_is_looked_up_on_its_own_index(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with IndexServer() as ours, IndexServer() as public:
        offer = ours.wheel("tool", "1.0")
        public.wheel("tool", "1.0")
        locator = IndexAddresses(environ, {OURS: ours.url, PUBLIC_INDEX: public.url}, tmp_path)
        wanted = artifact_of(offer, OURS)
        assert locator.addresses([wanted])[wanted].startswith(ours.url.removesuffix("simple"))
        assert public.requests == []


def test_another_digest_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    with IndexServer() as server:
        wanted = artifact_of(server.wheel("a", "1.0"), sha256="0" * 64)
        locator = IndexAddresses(environ, {PUBLIC_INDEX: server.url}, tmp_path)
        with pytest.raises(IntegrityError, match="is not the file that was locked"):
            locator.addresses([wanted])


def test_a_file_that_is_gone_is_named_with_its_index(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with IndexServer() as server:
        wanted = artifact_of(server.wheel("a", "1.0"))
        server.offers["a"].clear()
        locator = IndexAddresses(environ, {PUBLIC_INDEX: server.url}, tmp_path)
        with pytest.raises(LaminaError, match=r"'pypi' does not offer a-1.0-py3-none-any.whl"):
            locator.addresses([wanted])
        del server.offers["a"]
        with pytest.raises(LaminaError, match="does not offer"):
            locator.addresses([wanted])


def test_an_index_that_does_not_answer(environ: dict[str, str], tmp_path: Path) -> None:
    with IndexServer() as server:
        wanted = artifact_of(server.wheel("a", "1.0"))
    locator = IndexAddresses(
        environ | {"UV_HTTP_RETRIES": "0"}, {PUBLIC_INDEX: "http://127.0.0.1:9/simple"}, tmp_path
    )
    with pytest.raises(UpstreamUnavailableError, match=r"127\.0\.0\.1:9"):
        locator.addresses([wanted])


def test_an_unknown_index(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(LaminaError, match="nothing says where the index 'ours' is"):
        IndexAddresses(environ, {}, tmp_path).index_address(OURS)


def test_credentials_are_used_and_not_kept(environ: dict[str, str], tmp_path: Path) -> None:
    digest = Sha256("1" * 64)
    address = "https://me:secret@index.example.org/simple"
    locator = IndexAddresses(environ, {OURS: address}, tmp_path)
    locator.remember(OURS, {digest: "https://me:secret@index.example.org/f/a-1.0.tar.gz"})
    wanted = Artifact(
        package=parse_package_name("a"),
        version="1.0",
        index=OURS,
        filename="a-1.0.tar.gz",
        sha256=digest,
    )
    found = locator.addresses([wanted])[wanted]
    assert found == "https://me:secret@index.example.org/f/a-1.0.tar.gz"
    [cache] = (tmp_path / "addresses").iterdir()
    assert "secret" not in cache.read_text()


def test_a_torn_line_in_the_cache_is_passed_over(environ: dict[str, str], tmp_path: Path) -> None:
    locator = IndexAddresses(environ, {OURS: "https://index.example.org/simple"}, tmp_path)
    locator.remember(OURS, {Sha256("1" * 64): "https://index.example.org/a-1.0.tar.gz"})
    [cache] = (tmp_path / "addresses").iterdir()
    cache.write_text('{"sha256": "22\n[]\n' + cache.read_text() + '{"sha')
    locator.remember(OURS, {Sha256("3" * 64): "https://index.example.org/b-1.0.tar.gz"})
    locator.remember(OURS, {Sha256("3" * 64): "https://index.example.org/b-1.0.tar.gz"})
    known = [line for line in cache.read_text().splitlines() if "3" * 64 in line]
    assert len(known) == 2, "the first of them was torn by what stood before it"


_REMEMBER = """
import sys
from pathlib import Path
from lamina.engines.index_addresses import IndexAddresses
from lamina.model.digests import digest_of_bytes
from lamina.model.names import IndexName
ours = IndexName("ours")
locator = IndexAddresses({}, {ours: "https://index.example.org/simple"}, Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 20):
    digest = digest_of_bytes(str(number).encode())
    locator.remember(ours, {digest: f"https://index.example.org/{number}.whl"})
"""


def test_several_processes_may_remember_at_once(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", _REMEMBER, tmp_path, first])
        for first in ("0", "100", "200")
    ]
    assert [one.wait() for one in workers] == [0, 0, 0]
    [cache] = (tmp_path / "addresses").iterdir()
    assert len({json.loads(line)["address"] for line in cache.read_text().splitlines()}) == 60


def test_an_index_may_be_a_directory(environ: dict[str, str], tmp_path: Path) -> None:
    index = FileIndex(tmp_path / "an index")
    index.add(Wheel(name="tool", version="1.0"))
    [wheel] = (index.path / "tool").glob("*.whl")

    def artifact(name: str, content: bytes) -> Artifact:
        return Artifact(
            package=parse_package_name(name),
            version="1.0",
            index=OURS,
            filename=f"{name}-1.0-py3-none-any.whl",
            sha256=Sha256(hashlib.sha256(content).hexdigest()),
        )

    locator = IndexAddresses(environ, {OURS: index.address}, tmp_path / "cache")
    tool = artifact("tool", wheel.read_bytes())
    assert locator.addresses([tool]) == {tool: wheel.as_uri()}
    with pytest.raises(LaminaError, match=r"does not offer absent-1\.0-py3"):
        locator.addresses([artifact("absent", b"")])


def test_a_page_is_asked_for_again_while_the_server_is_busy(environ: dict[str, str]) -> None:
    with IndexServer() as server, HttpClient(environ, first_pause=0.01) as client:
        server.wheel("a", "1.0")
        server.failures["/simple/a/"] = 2
        assert client.get(f"{server.url}/a/").status == 200
        assert len(server.requests) == 3


def test_a_proxy_of_the_environment_is_used(environ: dict[str, str]) -> None:
    with IndexServer() as proxy:
        address = proxy.url.removesuffix("/simple")
        through = environ | {"http_proxy": address, "no_proxy": ""}
        with HttpClient(through) as client:
            assert client.get("http://index.example.org/simple/a/").status == 404
        assert proxy.requests == ["http://index.example.org/simple/a/"]
        with HttpClient(through | {"no_proxy": "127.0.0.1"}) as client:
            client.get(f"{proxy.url}/a/")
        assert proxy.requests[1:] == ["/simple/a/"]
