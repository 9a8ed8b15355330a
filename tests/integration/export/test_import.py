"""A pack becomes a release again, and what is not whole or not what it says becomes nothing."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import tarfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.streams import Reading
from lamina.archive.zstd import decompressing
from lamina.core import fs
from lamina.core.errors import ConflictError, IntegrityError, LaminaError, NotSupportedError
from lamina.engines.signing import sign
from lamina.export.arrival import Imported, ImportRequest, import_members, import_pack
from lamina.release.backend import DIRECTORY
from lamina.release.history import read_history
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.mounts import mounted
from support.packs import run
from support.reporters import kept_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.release.root import Release
    from support.command_line import CommandLine
    from support.packs import Shipped

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def bring(shipped: Shipped, archive: Path, root: Path) -> Release:
    return import_pack(
        ImportRequest(
            archive=archive, root=root, environ=shipped.environ, now=NOW, backend=DIRECTORY
        )
    ).release


@pytest.fixture(scope="module")
def root(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a root with the release that came in the pack."""
    path = tmp_path_factory.mktemp("arrived") / "root"
    bring(shipped, shipped.archive, path)
    yield path
    fs.remove_tree(path)


def test_the_release_is_what_was_published_somewhere_else(shipped: Shipped, root: Path) -> None:
    prefix = root / "releases" / "small" / "1.0" / str(shipped.release.platform)
    release = release_at(prefix)
    assert release is not None
    findings = verify_release(release)
    assert findings.sound, findings.lines()
    assert run(prefix / "bin" / "greet") == f"hello from {prefix}\n"
    assert not (prefix / "bin" / "lamina-unpack").exists()
    before, after = shipped.release.manifest(), release.manifest()
    changes = {"prefix": str(prefix), "files_digest": after.files_digest}
    assert after == before.model_copy(update=changes)
    assert prefix.stat().st_mode & 0o777 == 0o555
    [move] = read_history(root, release.stack)
    assert (move.action, move.after, move.why) == (
        "import", "1.0", f"from small.tar.zst, for {release.platform}",
    )  # fmt: skip


def test_a_release_that_is_there_is_never_replaced(shipped: Shipped, root: Path) -> None:
    with pytest.raises(ConflictError, match="releases never change"):
        bring(shipped, shipped.archive, root)


def test_where_programs_cannot_be_started_nothing_is_unpacked(
    shipped: Shipped, tmp_path: Path
) -> None:
    with mounted(tmp_path, "noexec,size=300m"):
        with pytest.raises(NotSupportedError, match="a file system without exec"):
            bring(shipped, shipped.archive, tmp_path / "root")
        assert not list(tmp_path.glob("root/releases/*/*/*"))
        assert not list(tmp_path.glob("root/.staging/*"))


def test_an_installer_installs_itself(installer: Path, command_line: CommandLine) -> None:
    said = command_line("import", installer, "--root", "root", expect=2).stderr
    assert f"{installer}: an installer; what is imported is a pack or an image" in said
    assert f"hint: sh {installer} -b -p DIR" in said


@pytest.fixture(scope="module")
def plain(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the first half a MB of the pack, without compression, as members to change."""
    path = tmp_path_factory.mktemp("plain") / "plain.tar"
    with shipped.archive.open("rb") as packed, decompressing(packed) as stream:
        path.write_bytes(stream.read(1 << 19))
    return path


def changed(plain: Path, target: Path, change: Any) -> Path:
    """Write the members of an archive that is cut off once more, each as a function returns it."""
    with plain.open("rb") as stream, tarfile.open(target, "w") as written:
        source = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115 (it has no end)
        try:
            for member in source:
                content = source.extractfile(member) if member.isreg() else None
                data = content.read() if content else b""
                for one, new in change(member, data):
                    one.size = len(new)
                    written.addfile(one, io.BytesIO(new))
        except tarfile.ReadError:
            pass
    return target


def refused(shipped: Shipped, archive: Path, root: Path) -> LaminaError:
    """Return why an archive is refused, of which nothing is left."""
    with pytest.raises(LaminaError) as caught:
        bring(shipped, archive, root)
    assert not list(root.glob("releases/*"))
    assert not list(root.glob(".staging/*"))
    return caught.value


@pytest.mark.parametrize("part", [0.00001, 0.01, 0.9, 0.9999], ids=str)
def test_what_is_cut_off_says_where(shipped: Shipped, tmp_path: Path, part: float) -> None:
    archive = tmp_path / "small.tar.zst"
    shutil.copyfile(shipped.archive, archive)
    with archive.open("r+b") as stream:
        stream.truncate(int(archive.stat().st_size * part))
    error = refused(shipped, archive, tmp_path / "root")
    assert isinstance(error, IntegrityError)
    assert "damaged or cut off" in error.message


def test_bytes_that_changed_on_the_way_are_found(shipped: Shipped, tmp_path: Path) -> None:
    archive = tmp_path / "small.tar.zst"
    data = bytearray(shipped.archive.read_bytes())
    data[len(data) // 3] ^= 0x10
    archive.write_bytes(data)
    error = refused(shipped, archive, tmp_path / "root")
    assert isinstance(error, IntegrityError)


def as_it_is(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(member, data)]


def test_an_altered_file_is_named(shipped: Shipped, plain: Path, tmp_path: Path) -> None:
    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        return [(member, data.swapcase() if member.name == ".lamina/base.json" else data)]

    error = refused(shipped, changed(plain, tmp_path / "x.tar", change), tmp_path / "root")
    assert isinstance(error, IntegrityError)
    assert ".lamina/base.json is not the one that its manifest names" in error.message


@pytest.mark.parametrize("name", [".lamina/files.mtree", ".lamina/release.toml"])
def test_an_altered_listing_or_manifest_is_refused(
    shipped: Shipped, plain: Path, tmp_path: Path, name: str
) -> None:
    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        if member.name == name:
            data = data.replace(b"size=93 ", b"size=94 ").replace(b'est = "', b'est = "0', 5)
        return [(member, data)]

    refused(shipped, changed(plain, tmp_path / "x.tar", change), tmp_path / "root")


def test_a_manifest_cannot_lead_out_of_the_root(
    shipped: Shipped, plain: Path, tmp_path: Path
) -> None:
    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        if member.name == ".lamina/release.toml":
            data = data.replace(b'version = "1.0"', b'version = "../../../1.0"')
        return [(member, data)]

    error = refused(shipped, changed(plain, tmp_path / "x.tar", change), tmp_path / "root")
    assert "version" in error.message


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "bad",
    [
        special("/etc/lamina-was-here", tarfile.REGTYPE),
        special("bin/../../out", tarfile.REGTYPE),
        special("bin/device", tarfile.CHRTYPE),
        special("bin/pipe", tarfile.FIFOTYPE),
        special("bin/python", tarfile.SYMTYPE, "/bin/sh"),
        special("bin/greet", tarfile.LNKTYPE, ".lamina/pack.json"),
        special("bin/more", tarfile.REGTYPE),
    ],
    ids=lambda one: f"{one.name} {one.type.decode()}",
)
def test_members_that_a_pack_cannot_have_are_refused(
    shipped: Shipped, plain: Path, tmp_path: Path, bad: tarfile.TarInfo
) -> None:
    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        return (
            [(bad, b""), (member, data)] if member.name == ".lamina/base.json" else [(member, data)]
        )

    error = refused(shipped, changed(plain, tmp_path / "x.tar", change), tmp_path / "root")
    assert isinstance(error, IntegrityError)
    assert bad.name in error.message


def test_other_archives_are_no_packs(shipped: Shipped, tmp_path: Path) -> None:
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as written:
        written.addfile(special("bin/greet", tarfile.REGTYPE))
    assert "no pack of lamina" in refused(shipped, archive, tmp_path / "root").message


def test_a_layer_is_not_a_release(shipped: Shipped, plain: Path, tmp_path: Path) -> None:
    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        if member.name == ".lamina/pack.json":
            value = json.loads(data)
            value["prefixes"] *= 2
            data = json.dumps(value).encode()
        return [(member, data)]

    error = refused(shipped, changed(plain, tmp_path / "x.tar", change), tmp_path / "root")
    assert error.exit_code == 2
    assert "a layer, and no release" in error.message


def relisted(shipped: Shipped, plain: Path, target: Path, old: bytes, new: bytes) -> Path:
    """Write the members once more with another listing, and the manifest that names it."""
    listing = (shipped.release.internal / "files.mtree").read_bytes()
    other = listing.replace(old, new, 1)
    assert other != listing
    digests = [sha256(one).hexdigest().encode() for one in (listing, other)]

    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        if member.name == ".lamina/release.toml":
            data = data.replace(digests[0], digests[1])
        return [(member, other if member.name == ".lamina/files.mtree" else data)]

    return changed(plain, target, change)


EMPTY = b"type=file mode=0444 size=0 sha256digest=" + sha256().hexdigest().encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"./../../../was-here type=dir mode=0755", "goes up"),
        (b"TOP/was-here type=dir mode=0755", "absolute"),
        (b"./out type=link link=../../..\n./out/was-here " + EMPTY, "in no directory"),
        (b"./nowhere/was-here " + EMPTY, "in no directory"),
        (b"./was-here " + EMPTY.replace(b"0444", b"4555"), "mode 4555"),
    ],
    ids=["up", "absolute", "below-a-link", "below-nothing", "setuid"],
)
def test_a_listing_cannot_lead_out_of_the_release(
    shipped: Shipped, plain: Path, tmp_path: Path, line: bytes, said: str
) -> None:
    line = line.replace(b"TOP", str(tmp_path).encode())
    archive = relisted(shipped, plain, tmp_path / "x.tar", b"#mtree\n", b"#mtree\n" + line + b"\n")
    error = refused(shipped, archive, tmp_path / "root")
    assert isinstance(error, IntegrityError)
    assert said in error.message
    assert not list(tmp_path.rglob("was-here"))


@pytest.mark.parametrize(
    "name", [".lamina/files.mtree", ".lamina/release.toml", ".lamina/base.json"]
)
def test_a_later_layer_cannot_replace_what_was_compared(
    shipped: Shipped, plain: Path, tmp_path: Path, name: str
) -> None:
    first = changed(plain, tmp_path / "x.tar", as_it_is)
    with tarfile.open(tmp_path / "y.tar", "w") as written:
        written.addfile(special(name, tarfile.REGTYPE))
    request = ImportRequest(
        archive=first, root=tmp_path / "root", environ=shipped.environ, now=NOW, backend=DIRECTORY
    )
    layers = (Reading(one).members() for one in (first, tmp_path / "y.tar"))
    with pytest.raises(IntegrityError, match="twice"):
        import_members(request, itertools.chain.from_iterable(layers))


@dataclass(frozen=True, kw_only=True)
class Signed:
    """The pack with a signature in it, and who may sign."""

    request: ImportRequest
    signature: Path
    signers: Path
    others: Path

    def bring(self, root: Path, signers: Path | None) -> Imported:
        request = replace(self.request, root=root, signers=signers)
        members = (Reading(one).members() for one in (self.request.archive, self.signature))
        return import_members(request, itertools.chain.from_iterable(members))


@pytest.fixture(scope="module")
def signed(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    top = tmp_path_factory.mktemp("signed")
    for name in ("ann", "bob"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", top / name)
        public = (top / f"{name}.pub").read_text()
        (top / f"{name}.signers").write_text(f"{name}@lab {public}")
    manifest = top / "release.toml"
    shutil.copy(shipped.release.internal / "release.toml", manifest)
    signature = sign(manifest, top / "ann", environ=shipped.environ)
    with tarfile.open(top / "signature.tar", "w") as written:
        written.add(signature, ".lamina/release.toml.sig")
    request = ImportRequest(
        archive=shipped.archive, root=top, environ=shipped.environ, now=NOW, backend=DIRECTORY
    )
    return Signed(
        request=request,
        signature=top / "signature.tar",
        signers=top / "ann.signers",
        others=top / "bob.signers",
    )


def test_who_signed_it_is_known_of_what_was_packed(
    signed: Signed, shipped: Shipped, tmp_path: Path
) -> None:
    imported = signed.bring(tmp_path / "root", signed.signers)
    assert imported.signed_by == "ann@lab"
    [move] = read_history(tmp_path / "root", shipped.release.stack)
    assert move.why == f"from small.tar.zst, for {shipped.release.platform}, signed by ann@lab"
    # It is of a manifest that names another place.
    assert not (imported.release.internal / "release.toml.sig").exists()
    assert verify_release(imported.release).sound
    fs.remove_tree(tmp_path / "root")


def test_what_nobody_of_the_list_signed_is_not_brought(
    signed: Signed, shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    with pytest.raises(IntegrityError, match=r"not signed by anybody in .*bob.signers"):
        signed.bring(root, signed.others)
    words = ("import", shipped.archive, "--root", root, "--signers", signed.signers)
    answer = command_line(*words, expect=6)
    assert "error: small/1.0 is not signed\n" in answer.stderr
    assert not list((root / "releases").rglob("*"))
    assert not list((root / ".staging").iterdir())


def test_a_signature_that_is_not_checked_is_spoken_of(signed: Signed, tmp_path: Path) -> None:
    with kept_warnings() as warned:
        imported = signed.bring(tmp_path / "root", None)
    assert imported.signed_by is None
    [said] = warned
    assert said.startswith("small/1.0 is signed, and nobody has checked by whom: ")
    fs.remove_tree(tmp_path / "root")


@pytest.mark.parametrize("inside", ["../other", None], ids=str)
def test_what_names_the_prefix_is_in_the_release(
    shipped: Shipped, tmp_path: Path, inside: str | None
) -> None:
    archive = tmp_path / "x.tar"
    with (
        shipped.archive.open("rb") as packed,
        decompressing(packed) as stream,
        tarfile.open(fileobj=stream, mode="r|") as source,
        tarfile.open(archive, "w") as written,
    ):
        for member in source:
            content = source.extractfile(member) if member.isreg() else None
            data = content.read() if content else b""
            if member.name == ".lamina/prefixes.json":
                value = json.loads(data)
                value["prefixes"][0]["inside"] = inside
                data = json.dumps(value).encode()
            member.size = len(data)
            written.addfile(member, io.BytesIO(data))
    error = refused(shipped, archive, tmp_path / "root")
    assert isinstance(error, IntegrityError)
    assert ".lamina/prefixes.json" in error.message
    archive.unlink()
