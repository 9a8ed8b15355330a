"""Releases in CVMFS: what is written, what readers see, and in which order things happen."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import (
    BuildFailedError,
    ConflictError,
    LaminaError,
    UsageError,
)
from lamina.engines.uv_install import UvInstaller
from lamina.model.names import PUBLIC_INDEX, TierName
from lamina.model.platforms import current_platform
from lamina.release.cvmfs import backend_of
from lamina.release.publish import publish
from lamina.release.start_index import LINE_NAME
from lamina.release.tiers import promote
from lamina.release.verify import verify_release
from support.release_wheels import lock_of, make_wheel, small_wheels
from support.releases import NOW, FakeInstaller, make_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lamina.engines.api import ArtifactLocator
    from lamina.model.artifacts import Artifact
    from lamina.release.root import Release
    from support.cvmfs_roots import Librarian

pytestmark = pytest.mark.namespaces
HERE = current_platform()


def _seen(librarian: Librarian, release: Release) -> Path:
    return librarian.client / release.prefix.relative_to(librarian.place)


def test_a_release_is_published_and_whole(librarian: Librarian) -> None:
    release = librarian.publish()
    assert release.prefix == librarian.place / "releases" / "small" / "1.0" / HERE
    assert (_seen(librarian, release) / ".lamina" / "release.toml").is_file()
    assert (release.prefix / ".cvmfscatalog").stat().st_size == 0
    assert verify_release(release).sound
    assert librarian.commands() == ["transaction", "publish"]
    assert not librarian.server.is_open()
    assert not librarian.note.exists()
    assert not list(librarian.work.glob("roots/*/.staging/*"))
    assert not list(librarian.server.mount.glob(".lamina*"))


def test_a_release_of_real_packages_runs_from_there(librarian: Librarian) -> None:
    request = librarian.request()
    installer = UvInstaller(
        uv=request.uv, indexes={PUBLIC_INDEX: "https://index.example.org/simple"}
    )
    place = "releases/small/1.0"
    tests = {
        "imports": ["greeter"],
        "commands": [
            f"greet | grep -q {librarian.place}/{place}",
            "! touch $VIRTUAL_ENV/new",
            f"test ! -e {librarian.work}/roots/*/.staging/*",
        ],
    }
    stack = make_stack(test=tests)
    outcome = publish(librarian.request(installer=installer, stack=stack))
    assert outcome.tested == "namespace"
    assert len(outcome.release.manifest().tests) == 4
    assert verify_release(outcome.release).sound


def test_what_cannot_be_shared_is_copied_once(librarian: Librarian) -> None:
    """The repository is another file system than that where releases are made."""
    librarian.publish()
    tried: list[str] = []
    with fs.observe(lambda how, path: tried.append(path.name) if how == "share" else None):
        librarian.publish("2.0")
    assert "greeter.py" in tried
    assert len([name for name in tried if name.startswith(".")]) == 1


@dataclasses.dataclass(frozen=True)
class _Meanwhile:
    """An installer in whose time something else happens."""

    happens: Callable[[], object]

    def install(
        self, artifacts: Iterable[Artifact], *, python: Path, locator: ArtifactLocator
    ) -> None:
        FakeInstaller().install(artifacts, python=python, locator=locator)
        self.happens()


def test_a_release_is_built_while_the_repository_is_mounted_anew(librarian: Librarian) -> None:
    """Its files are others then, as far as the system tells: what is left of them is installed."""
    first = librarian.publish()
    change = librarian.change()
    meanwhile = _Meanwhile(lambda: promote(librarian.root, first, [TierName("stable")], change))
    stack = make_stack(test={"imports": []})
    wheels = small_wheels(librarian.path / "wheels")
    lock = lock_of(stack, [*wheels, make_wheel(librarian.path / "wheels", "new", "1.0", {})])
    second = librarian.publish("2.0", installer=meanwhile, stack=stack, lock=lock)
    assert verify_release(second).sound
    assert (second.prefix / SITE / "greeter.py").is_file()
    assert librarian.root.tiers(first.stack) == {"stable": "1.0"}


def test_a_failing_test_opens_nothing(librarian: Librarian) -> None:
    with pytest.raises(BuildFailedError, match="nothing was published"):
        librarian.publish(stack=make_stack(test={"commands": ["exit 3"]}))
    assert librarian.commands() == []
    assert not librarian.place.exists()


SITE = "lib/python3.12/site-packages"


def test_the_next_release_writes_only_what_differs(librarian: Librarian) -> None:
    """Scripts name their prefix, so they differ, and what lists them; modules do not."""
    librarian.publish()
    new = librarian.publish("1.1")
    versions = "/sw/lamina/releases/small"
    assert librarian.template() == f"{versions}/1.0={versions}/1.1"
    inside = str(new.prefix.relative_to(librarian.server.mount))
    changes = librarian.server.written()
    assert all(path.startswith(f"{inside}/") for path in changes["written"])
    names = {path.removeprefix(f"{inside}/") for path in changes["written"]}
    assert names >= {".lamina/release.toml", ".lamina/files.mtree", "pyvenv.cfg", "bin/greet"}
    own = {name for name in names if name.startswith(SITE) and not name.endswith("/RECORD")}
    assert own == {f"{SITE}/{LINE_NAME}"}
    assert changes["removed"] == set()
    assert verify_release(new).sound
    assert (_seen(librarian, new) / SITE / "greeter.py").read_text() == "answer = 42\n"


def test_what_the_last_release_had_and_the_next_has_not_goes(librarian: Librarian) -> None:
    old = librarian.publish()
    fewer = librarian.request("1.1")
    packages = fewer.lock.packages[:1]
    new = librarian.publish("1.1", lock=fewer.lock.model_copy(update={"packages": packages}))
    assert verify_release(new).sound
    assert not (new.prefix / SITE / "numbers_of_ours.py").exists()
    assert (old.prefix / SITE / "numbers_of_ours.py").exists()
    assert verify_release(old).sound


def test_of_several_platforms_one_is_the_template(librarian: Librarian) -> None:
    librarian.publish()
    server = librarian.server
    other = f"{'osx-arm64' if HERE != 'osx-arm64' else 'linux-64'}"
    server.do("transaction", server.repository)
    (librarian.place / "releases/small/1.0" / other / "lib").mkdir(parents=True)
    (librarian.place / "releases/small/1.1" / other / "lib").mkdir(parents=True)
    server.do("publish", "-f", server.repository)
    assert verify_release(librarian.publish("1.1")).sound
    assert librarian.template().endswith(f"=/sw/lamina/releases/small/1.1/{HERE}")
    assert verify_release(librarian.publish("1.2")).sound
    assert [path.name for path in (librarian.place / "releases/small/1.2").iterdir()] == [HERE]


def test_a_last_release_that_is_not_as_it_was_does_no_harm(librarian: Librarian) -> None:
    """What was done to it by hand since is found, and made good."""
    old = librarian.publish()
    server = librarian.server
    server.do("transaction", server.repository)
    (old.prefix / SITE / "greeter.py").write_text("answer = 41\n")
    server.do("publish", "-f", server.repository)
    new = librarian.publish("1.1")
    assert verify_release(new).sound
    assert (new.prefix / SITE / "greeter.py").read_text() == "answer = 42\n"
    assert not verify_release(old).sound


def test_the_same_release_again_opens_nothing(librarian: Librarian) -> None:
    librarian.publish()
    assert publish(librarian.request()).status == "identical"
    assert librarian.commands() == ["transaction", "publish"]


def test_each_release_has_a_tag_that_nobody_used(librarian: Librarian) -> None:
    server, tag = librarian.server, f"small-1.0-{HERE}"
    server.do("transaction", server.repository)
    server.do("publish", "-f", "-a", tag, server.repository)
    librarian.publish()
    listed = server.do("tag", "-l", "-x", server.repository).splitlines()
    assert f"{tag}-2" in {line.split()[0] for line in listed}
    assert any(line.endswith(f"lamina: publish small/1.0 for {HERE}") for line in listed)


def test_readers_see_nothing_before_it_is_published(librarian: Librarian) -> None:
    librarian.publish()
    librarian.server.fail("publish", 1, "fail", at="middle")
    with pytest.raises(LaminaError, match="failed on demand"):
        librarian.publish("1.1")
    assert not (librarian.client / "releases/small/1.1").exists()
    assert not (librarian.place / "releases/small/1.1").exists()
    assert librarian.commands()[-3:] == ["transaction", "publish", "abort"]
    assert not librarian.note.exists()
    assert librarian.publish("1.1").version == "1.1"


def test_a_root_at_the_top_of_a_repository(librarian: Librarian) -> None:
    place = librarian.server.mount
    backend = backend_of(place, librarian.environ, NOW)
    for version in ("1.0", "1.1"):
        request = dataclasses.replace(librarian.request(version), root=place, backend=backend)
        assert verify_release(publish(request).release).sound
    assert librarian.template() == "/releases/small/1.0=/releases/small/1.1"


@pytest.mark.parametrize("version", ["1.0", "1.1"], ids=["first", "next"])
def test_who_is_overtaken_changes_nothing(librarian: Librarian, version: str) -> None:
    if version != "1.0":
        librarian.publish()
    path = librarian.path / version
    path.mkdir()
    environ = librarian.environ | {"LAMINA_CVMFS_WORK": str(path / "work")}
    other = dataclasses.replace(librarian, path=path, environ=environ)

    def meanwhile(_stage: Path) -> dict[str, str]:
        """Have somebody with another working directory publish the same release."""
        other.publish(version, run_tests=False)
        return {}

    with pytest.raises(ConflictError, match="somebody else has published there while"):
        librarian.publish(version, known=meanwhile)
    assert librarian.commands()[-4:] == ["transaction", "publish", "transaction", "abort"]
    theirs = librarian.root.releases()[-1]
    assert theirs.manifest().tested == "none"
    assert verify_release(theirs).sound


def test_a_machine_without_cvmfs_server(librarian: Librarian) -> None:
    librarian.environ["PATH"] = "/usr/bin:/bin"
    with pytest.raises(UsageError, match="there is no cvmfs_server on PATH") as caught:
        librarian.publish()
    assert caught.value.hints


def test_a_repository_of_another_machine(librarian: Librarian) -> None:
    place = librarian.server.mount.parent / "other.example.org" / "lamina"
    other = dataclasses.replace(
        librarian.request(), root=place, backend=backend_of(place, librarian.environ, NOW)
    )
    with pytest.raises(UsageError, match="no repository that this machine publishes; there is: st"):
        publish(other)


def test_a_directory_of_somebody_else_is_no_root(librarian: Librarian) -> None:
    server = librarian.server
    server.do("transaction", server.repository)
    librarian.place.mkdir(parents=True)
    (librarian.place / "thesis.tex").touch()
    server.do("publish", "-f", server.repository)
    with pytest.raises(ConflictError, match=r"holds 'thesis\.tex' and is no root"):
        librarian.publish()
