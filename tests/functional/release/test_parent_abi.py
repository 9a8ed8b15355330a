"""A stack is not published over parents whose ABI is not the one that it was locked with."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from support.families import HERE, Family
from support.index_server import LINUX, UPLOADED, IndexServer, Offer, make_sdist

if TYPE_CHECKING:
    from support.command_line import CommandLine

ABI = "cpython-312-x86_64-linux-gnu"


@pytest.fixture
def family(index_server: IndexServer, command_line: CommandLine) -> Family:
    """Return a family with compiled packages: solid, which others need, and lonely."""
    for version in ("1.0", "2.0"):
        for name in ("solid", "lonely"):
            index_server.wheel(name, version, tag=LINUX)
        index_server.wheel("soft", version)
    index_server.wheel("user", "1.0", ["solid", "soft"], tag=LINUX)
    _offer_sdist(index_server)
    index_server.immutable = True
    found = Family(lamina=command_line)
    base(found)
    return found


def _offer_sdist(index: IndexServer) -> None:
    """Offer sources of which every build is another one."""
    plain = make_sdist("made", "1.0", ["solid"])
    buffer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(plain)) as given,
        tarfile.open(fileobj=buffer, mode="w:gz") as archive,
    ):
        for member in given:
            source = given.extractfile(member)
            assert source is not None
            text = source.read().decode()
            text = text.replace('"built = True\\n"', '"built = " + repr(os.urandom(9)) + "\\n"')
            text = text.replace("import zipfile", "import os, zipfile")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    content = buffer.getvalue()
    index.offers["made"] = [
        Offer(
            filename="made-1.0.tar.gz",
            sha256=hashlib.sha256(content).hexdigest(),
            content=content,
            uploaded=UPLOADED,
        )
    ]


def base(family: Family, **versions: str) -> None:
    wanted = {"solid": "1.0", "lonely": "1.0", "soft": "1.0"} | versions
    family.write("base", "\n".join(f'{name} = "=={one}"' for name, one in wanted.items()))
    family.lock("base")


def abi(family: Family, name: str = "top") -> list[str]:
    [parent] = family.lock_of(name)["parent"]
    return list(parent.get("abi", ()))


def test_the_identity_is_the_python_and_what_compiled_packages_need(family: Family) -> None:
    family.write("top", 'user = "*"', extends='{ lock = "../base" }')
    family.lock("top")
    assert abi(family) == [ABI, "solid 1.0"]
    family.write("other", 'soft = "*"', extends='{ lock = "../base" }')
    family.lock("other")
    assert abi(family, "other") == [ABI]


def test_another_abi_of_a_parent_is_a_conflict(family: Family) -> None:
    family.write("top", 'user = "*"', extends='{ lock = "../base" }')
    family.lock("top")
    base(family, solid="2.0")
    error = family.publish("top", expect=7).stderr
    assert "base has another ABI than when this stack was locked: solid 1.0 then, " in error
    assert " then, solid 2.0 now" in error
    assert "hint: lamina lock\n" in error
    family.lock("top")
    family.publish("top")


def test_other_changes_of_a_parent_only_make_the_lock_stale(family: Family) -> None:
    family.write("top", 'user = "*"', extends='{ lock = "../base" }')
    family.lock("top")
    base(family, soft="2.0", lonely="2.0")
    error = family.publish("top", expect=3).stderr
    assert "base changed since the stack was locked" in error


def test_a_release_of_the_same_name_in_another_root_is_looked_at_too(family: Family) -> None:
    family.publish("base")
    family.write("top", 'user = "*"', extends='"base"')
    family.lock("top")
    base(family, solid="2.0")
    elsewhere = family.lamina.directory / "elsewhere"
    for name, code in (("base", 0), ("top", 7)):
        family.lamina("publish", "--stack", name, "--no-test", "--root", elsewhere, expect=code)


def test_a_python_of_another_abi_than_that_of_the_parent(family: Family) -> None:
    family.publish("base")
    family.write("top", 'user = "*"', extends='"base"')
    family.lock("top")
    manifest = family.prefix("base") / ".lamina" / "release.toml"
    text = manifest.read_text()
    assert f'soabi = "{ABI}"' in text
    manifest.chmod(0o644)
    manifest.write_text(text.replace(ABI, ABI.replace("312", "312d")))
    error = family.publish("top", expect=7).stderr
    assert f"the Python of base/1.0 has the ABI {ABI.replace('312', '312d')}, and " in error
    assert "hint: lamina publish --python /" in error


def _built(family: Family, version: str) -> str:
    site = family.prefix("top", version) / "lib" / "python3.12" / "site-packages"
    return (site / "made.py").read_text()


def test_what_is_built_from_sources_is_built_again_for_another_abi(family: Family) -> None:
    made = 'made = { version = "*", source = true }'

    def publish(version: str) -> str:
        family.release("top", made, extends='{ lock = "../base" }', version=version)
        return _built(family, version)

    first = publish("1.0")
    assert publish("1.1") == first
    base(family, soft="2.0")
    assert publish("1.2") == first
    base(family, solid="2.0")
    assert publish("1.3") != first
    base(family)
    assert publish("1.4") == first
    assert HERE in str(family.prefix("top", "1.4"))
