"""Releases of conda packages: self-contained, as they were hashed, and the same each time."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, IntegrityError, UsageError
from lamina.engines.conda_prefix import META, check_prefix
from lamina.engines.interpreters import inspect_interpreter
from lamina.layer.base import find_place, look_at
from lamina.layer.create import create_layer
from lamina.release.contents import read_contents
from lamina.release.mtree import MTREE_NAME
from lamina.release.publish import plan_publish, publish
from lamina.release.rebuild import rebuild
from lamina.release.repair import repair
from lamina.release.root import open_root
from lamina.release.sbom import SBOM_NAME
from lamina.release.verify import verify_release
from lamina.release.why import explain, render_reason
from support.conda_releases import CALLER, SPECS, conda_request
from support.release_wheels import make_wheel
from support.releases import NOW

if TYPE_CHECKING:
    from support.conda_releases import Published

BARE = {"PATH": ""}


def says(*words: Path | str, env: dict[str, str] | None = None) -> str:
    answer = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=True, env=env or BARE
    )
    assert answer.stderr == ""
    return answer.stdout.strip()


def test_it_needs_no_other_python(published: Published) -> None:
    prefix, release = published.prefix, published.outcome.release
    assert published.outcome.tested in {"namespace", "staging"}
    code = "import sys, ssl, sqlite3, caller; print(sys.prefix, sys.base_prefix, caller.__file__)"
    site = prefix / "lib" / "python3.12" / "site-packages"
    answer = says(release.interpreter, "-c", code).split()
    assert answer == [str(prefix), str(prefix), str(site / "caller.py")]
    assert says(prefix / "bin" / "caller") == "called 42"
    assert says(prefix / "bin" / "tool-box") == "tool-box 1.2"
    assert not (prefix / "pyvenv.cfg").exists()
    told = release.manifest().python
    assert (told.bundled, told.interpreter) == (True, f"{prefix}/bin/python3.12")


def test_no_library_is_found_outside(published: Published) -> None:
    """But for the C library of the machine and its kin."""
    elf = [
        path
        for path in published.prefix.rglob("*")
        if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"
    ]
    assert len(elf) > 20
    told = says("/usr/bin/env", "ldd", *elf, env={"PATH": os.defpath})
    assert "not found" not in told
    found = set(re.findall(r"=> (/\S+) \(", told))
    outside = {one.rpartition("/")[2] for one in found if not one.startswith(str(published.prefix))}
    kin = r"(libc|libm|libmvec|libdl|libpthread|librt|libutil|libgcc_s|libstdc\+\+|libresolv)\..*"
    assert {one for one in outside if not re.fullmatch(kin, one)} == set()


def test_what_it_says_of_itself_is_true(published: Published) -> None:
    prefix = published.prefix
    assert verify_release(published.outcome.release).sound
    assert check_prefix(prefix) == []
    for record in (prefix / META).glob("*.json"):
        text = record.read_text(encoding="utf-8")
        assert ".staging" not in text
        assert str(published.request.conda.cache) not in text  # type: ignore[union-attr]
    assert (prefix / META / "history").read_text(encoding="utf-8") == ""
    files = [path for path in prefix.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if b".staging" in path.read_bytes()] == []


def test_manifest_and_bill_list_both_sides(published: Published) -> None:
    release = published.outcome.release
    manifest = release.manifest()
    assert [one.name for one in manifest.packages] == ["caller"]
    found = {one.name: (one.version, one.licence) for one in manifest.conda}
    assert set(found) == {"box", "native-part", "python", "python_abi", "tool-box"}
    channel = str(published.channels[0])
    assert manifest.channels[channel] == published.channels[0].as_uri()
    bill = json.loads((release.internal / SBOM_NAME).read_text(encoding="utf-8"))
    parts = {one["name"]: one for one in bill["components"]}
    assert parts["box"]["purl"].startswith("pkg:conda/box@1.0?build=h0_0&channel=")
    edges = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    assert parts["native-part"]["bom-ref"] in edges[parts["tool-box"]["bom-ref"]]
    contents = read_contents(release)
    assert {"box", "python", "tool-box", "caller"} <= set(contents.packages)
    reason = explain(open_root(published.request.root), contents, "native-part")
    assert "the stack asks for tool-box -> native-part" in render_reason(reason)
    assert "needed by tool-box 1.2" in render_reason(reason)


def test_trap_12_what_is_noarch_is_compiled_like_all_else(published: Published) -> None:
    code = "import tool_box, caller, json; print(tool_box.__cached__, caller.__cached__)"
    for cached in says(published.outcome.release.interpreter, "-c", code).split():
        # PEP 552: by hash, and never compared.
        assert Path(cached).read_bytes()[4:8] == b"\1\0\0\0"


def test_trap_02_writing_in_a_release_changes_nothing_else(published: Published) -> None:
    files = [
        path for path in published.prefix.rglob("*") if path.is_file() and not path.is_symlink()
    ]
    assert {path.stat().st_nlink for path in files} == {1}
    assert {path.stat().st_mode & 0o222 for path in files} == {0}


def test_the_start_up_index_is_used(published: Published) -> None:
    code = "import caller, json; print(type(caller.__loader__), type(json.__loader__))"
    python = published.outcome.release.interpreter
    used = says(python, "-c", code)
    without = says(python, "-c", code, env={"PATH": "", "LAMINA_INDEX": "0"})
    assert used != without


@pytest.mark.heavy
def test_the_same_lock_gives_the_same_files(published: Published, tmp_path: Path) -> None:
    """Made again in place of what was moved away, from the channels and not from what is there."""
    release, request = published.outcome.release, published.request
    listing = (release.internal / MTREE_NAME).read_text(encoding="utf-8")
    away = request.root.with_name("away")
    request.root.rename(away)
    try:
        again = publish(dataclasses.replace(request, log=tmp_path / "log")).release
        assert (again.internal / MTREE_NAME).read_text(encoding="utf-8") == listing
    finally:
        fs.remove_tree(request.root)
        away.rename(request.root)


def test_published_again_it_is_there_already(published: Published) -> None:
    assert publish(published.request).status == "identical"
    plan = plan_publish(published.request, open_root(published.request.root))
    assert plan.bundle
    assert plan.packages == 6
    assert plan.interpreter.startswith("python 3.12.")


def test_the_next_release_shares_what_is_the_same_and_damage_is_mended(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(published.request.root, root, symlinks=True)
    stack = {"version": "1.1", "test": {}}
    request = conda_request(tmp_path, machine, published.channels, SPECS, stack=stack, root=root)
    outcome = publish(request)
    assert outcome.tally.shared_files > 10 * outcome.tally.written_files / 2
    release, opened = outcome.release, open_root(root)
    assert verify_release(release).sound
    damaged = [release.prefix / one for one in ("share/box/prefix.txt", "bin/tool-box")]
    for path in damaged:
        path.chmod(0o644)
        path.write_text("damaged\n", encoding="utf-8")
    # Nothing else of the root has their content: they name the release.
    assert not verify_release(release).sound
    environ = published.request.environ
    done = repair(
        release,
        opened,
        lambda stage: rebuild(request, release, opened, stage),
        environ=environ,
        now=NOW,
    )
    assert done.left.sound
    assert len(done.mends) == 2


def test_a_layer_stands_on_it(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    place = find_place(str(published.prefix), root=published.request.root, environ=machine)
    base = look_at(place, environ=machine)
    assert {"tool-box", "native-part", "caller"} <= {one.key for one in base.probe.distributions}
    layer = tmp_path / "layer"
    create_layer(layer, base)
    wheel = make_wheel(tmp_path, "own", "1.0", {"own.py": "import tool_box as box\n"})
    from support.interpreters import find_interpreter  # noqa: F401

    words = ["pip", "install", "--no-deps", "--no-index", "--python", layer / "bin" / "python"]
    published.request.uv.call(*map(str, [*words, wheel]))
    code = "import own, sys; print(own.box.__file__, sys.prefix)"
    at, prefix = says(layer / "bin" / "python", "-c", code).split()
    assert at.startswith(f"{published.prefix}/lib/")
    assert prefix == str(layer)


def test_packages_that_clobber_are_named(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    specs = [*SPECS, "left", "right"]
    request = conda_request(tmp_path, machine, published.channels, specs, stack={"test": {}})
    with pytest.raises(ConflictError, match=r"share/both\.txt: in left 1.* and in right") as caught:
        publish(request)
    assert "same.txt" not in caught.value.message
    assert open_root(request.root).releases() == []
    assert list((request.root / ".staging").iterdir()) == []
    wheelish = conda_request(
        tmp_path, machine, published.channels, [*SPECS, "wheelish"], stack={"test": {}}
    )
    with pytest.raises(ConflictError, match=r"bin/caller: in wheelish 1\.0 h0_0 and in caller-1"):
        publish(wheelish)


@pytest.mark.heavy
def test_clobbering_can_be_allowed(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    stack = {"test": {"imports": ["caller"]}, "allow-clobber": True}
    specs = [*SPECS, "left", "right", "wheelish"]
    request = conda_request(tmp_path, machine, published.channels, specs, stack=stack)
    prefix = publish(request).release.prefix
    assert (prefix / "share" / "both.txt").read_text(encoding="utf-8") in {"left\n", "right\n"}
    assert says(prefix / "bin" / "caller") == "called 42"
    assert not (prefix / "__clobbers__").exists()
    assert check_prefix(prefix) == []


def test_trap_15_a_prefix_that_is_too_long_is_refused(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / ("r" * 200)
    specs = [*SPECS, "rooted"]
    request = conda_request(tmp_path, machine, published.channels, specs, root=root)
    with pytest.raises(UsageError, match="has room for 255"):
        publish(request)
    assert open_root(root).releases() == []
    assert not (root / "releases" / "boxed").exists()


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["r" * 150, "with blanks"], ids=["long", "blanks"])
def test_programs_start_with_the_python_of_the_release_whatever_its_path(
    published: Published, machine: dict[str, str], tmp_path: Path, name: str
) -> None:
    stack = {"test": {"commands": ["tool-box"]}}
    request = conda_request(
        tmp_path, machine, published.channels, SPECS, stack=stack, root=tmp_path / name
    )
    prefix = publish(request).release.prefix
    assert says(prefix / "bin" / "tool-box", env={"PATH": "/nowhere"}) == "tool-box 1.2"
    assert check_prefix(prefix) == []


def test_trap_01_an_archive_that_is_not_the_locked_one_is_refused(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    request = conda_request(tmp_path, machine, published.channels, SPECS)
    wrong = tuple(
        one.model_copy(update={"sha256": "0" * 64}) if one.name == "box" else one
        for one in request.lock.conda
    )
    lock = request.lock.model_copy(update={"conda": wrong})
    with pytest.raises(IntegrityError, match=r"box-1\.0-h0_0\.conda: its sha256 is"):
        publish(dataclasses.replace(request, lock=lock))


def test_a_distribution_of_both_sides_is_refused(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    make_wheel(tmp_path / "wheels", "tool_box", "1.2", CALLER)
    request = conda_request(tmp_path, machine, published.channels, SPECS)
    one = request.lock.packages[0].model_copy(update={"name": "tool-box", "version": "1.2"})
    lock = request.lock.model_copy(update={"packages": (one,)})
    with pytest.raises(
        ConflictError, match=r"tool-box: .* a conda package has it as tool_box-1\.2"
    ):
        publish(dataclasses.replace(request, lock=lock))


def test_the_interpreter_is_that_of_the_packages(published: Published) -> None:
    found = inspect_interpreter(published.outcome.release.interpreter, BARE)
    assert found is not None
    assert found.prefix == published.prefix
