"""The start-up index: planted with a release, used by its interpreter, shared, read ahead."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import BuildFailedError, IntegrityError, UsageError
from lamina.model.versions import parse_release_version
from lamina.release.publish import publish
from lamina.release.start_index import inside_cvmfs
from lamina.release.verify import verify_release
from lamina.release.warm import warm
from support.release_wheels import lock_of, make_wheel
from support.releases import make_stack, publish_request

if TYPE_CHECKING:
    from lamina.release.root import Release

TARGET = Path(sys.modules[publish.__module__].__file__ or "").parents[1] / "_target"
FILES = {
    "used/__init__.py": "import used.part, other\n",
    "used/part.py": "with open(__file__.replace('part.py', 'data.txt')) as f: text = f.read()\n",
    "used/data.txt": "data\n",
    "used/spare.py": "def where(): return __file__\n",
    "other/__init__.py": "",
}
SITE = "lib/python3.12/site-packages"


def published(tmp_path: Path, environ: dict[str, str], *, bundle: bool = False) -> Release:
    """Publish a release whose stack imports ``used``."""
    stack = make_stack(bundle=bundle, test={"imports": ["used"]})
    wheel = make_wheel(tmp_path / "wheels", "used", "1.0", FILES)
    request = publish_request(tmp_path, environ, stack=stack, lock=lock_of(stack, [wheel]))
    return publish(request).release


def files_looked_for(python: Path, code: str, environ: dict[str, str]) -> list[str]:
    """Return what file-system calls name a path below a release, as strace tells."""
    log = python.parents[1].parent / "strace.log"
    words = ["strace", "-f", "-o", str(log), "-e", "trace=%file,getdents64"]
    subprocess.run([*words, str(python), "-c", code], check=True, env=environ)
    return [line for line in log.read_text().splitlines() if str(python.parents[1]) in line]


@pytest.mark.parametrize("bundle", [True, False])
def test_what_is_in_a_release_is_not_looked_for(
    tmp_path: Path, environ: dict[str, str], bundle: bool
) -> None:
    release = published(tmp_path, environ, bundle=bundle)
    python = release.prefix / "bin" / "python"
    code = "import used, used.spare, json, decimal; print(used.__file__)"
    plain = files_looked_for(python, code, environ | {"LAMINA_INDEX": "0"})
    indexed = files_looked_for(python, code, environ)
    assert any("spare.cpython" in line for line in plain)
    assert not any("used/" in line and "data.txt" not in line for line in indexed)
    assert any("packs/used.pack" in line for line in indexed)  # It is no part of a start.
    assert len(indexed) < len(plain)
    if bundle:
        assert any("json/" in line for line in plain)
        assert not any("json/" in line for line in indexed)
    assert verify_release(release).sound


@pytest.mark.parametrize("bundle", [True, False])
def test_it_is_used_through_the_link_of_a_tier(
    tmp_path: Path, environ: dict[str, str], bundle: bool
) -> None:
    release = published(tmp_path, environ, bundle=bundle)
    tier = tmp_path / "pro"
    tier.symlink_to(release.prefix)
    elsewhere = tmp_path / "lib/python3.12/site-packages"
    elsewhere.mkdir(parents=True)
    (elsewhere / "mine.py").write_text("")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import used, mine, importlib.metadata as m;"
    )
    code += (
        " print(used.__file__, mine.__file__, m.version('used'), type(used.__loader__).__name__)"
    )
    words = [str(tier / "bin/python"), "-c", code, str(elsewhere)]
    told = subprocess.check_output(words, env=environ, text=True).split()
    # An interpreter of the machine tells the prefix by its own settings; a copy resolves links.
    assert told[0].endswith(f"{SITE}/used/__init__.py")
    assert told[1:] == [str(elsewhere / "mine.py"), "1.0", "Loader"]
    lines = files_looked_for(tier / "bin/python", "import used", environ)
    assert not any("site-packages/used" in line and "data.txt" not in line for line in lines)


def test_the_next_release_shares_the_packs_of_what_is_unchanged(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    stack = make_stack(test={"imports": ["used"]})
    kept = make_wheel(tmp_path / "wheels", "used", "1.0", FILES)
    new = [make_wheel(tmp_path / "wheels", "new", f"{n}", {"new/a.py": f"a = {n}\n"}) for n in "12"]
    request = publish_request(tmp_path, environ, stack=stack, lock=lock_of(stack, [kept, new[0]]))
    first = publish(request).release
    again = dataclasses.replace(
        request, version=parse_release_version("2.0"), lock=lock_of(stack, [kept, new[1]])
    )
    packs = [one.internal / "index" / "packs" for one in (first, publish(again).release)]
    assert (packs[0] / "used.pack").samefile(packs[1] / "used.pack")
    assert (packs[0] / "new.pack").read_bytes() != (packs[1] / "new.pack").read_bytes()


@pytest.mark.parametrize("path", ["_lamina_start.py", "_lamina_start/__init__.py"])
def test_no_package_brings_what_reads_the_index(
    tmp_path: Path, environ: dict[str, str], path: str
) -> None:
    stack = make_stack(test={"imports": []})
    wheel = make_wheel(tmp_path / "wheels", "rogue", "1.0", {path: "raise SystemExit"})
    request = publish_request(tmp_path, environ, stack=stack, lock=lock_of(stack, [wheel]))
    with pytest.raises(BuildFailedError, match=r"rogue.* brings .*_lamina_start"):
        publish(request)


def test_the_index_is_the_same_each_time(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(test={"imports": ["used"]})
    wheel = make_wheel(tmp_path / "wheels", "used", "1.0", FILES)
    both = []
    for name in ("one", "two"):
        request = publish_request(tmp_path, environ, stack=stack, lock=lock_of(stack, [wheel]))
        request = dataclasses.replace(request, root=tmp_path / name)
        both.append(publish(request).release.internal)
    for path in ("start.json", "index/start.index", "index/hot.pack", "index/packs/used.pack"):
        assert (both[0] / path).read_bytes() == (both[1] / path).read_bytes()


def test_a_release_is_read_by_hand(tmp_path: Path, environ: dict[str, str]) -> None:
    release = published(tmp_path, environ)
    hot = release.internal / "index" / "hot.pack"
    warmed = warm(release, environ=environ)
    sizes = [hot.stat().st_size, len("data\n")]
    assert warmed.bytes >= sum(sizes)
    assert warmed.files >= len(sizes)
    index = release.internal / "index" / "start.index"
    index.chmod(0o644)
    index.write_bytes(index.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="cannot be read"):
        warm(release, environ=environ)
    hook = release.prefix / SITE / "_lamina_start_reader.py"
    hook.parent.chmod(0o755)
    hook.unlink()
    with pytest.raises(UsageError, match="older lamina"):
        warm(release, environ=environ)


@pytest.mark.parametrize(
    ("prefix", "inside"),
    [
        ("/cvmfs/lhcb.cern.ch/lamina/releases/a/1/linux-64", "/lamina/releases/a/1/linux-64"),
        ("/cvmfs/lhcb.cern.ch", "/"),
        ("/home/cvmfs/a", ""),
        ("/data/releases/a/1", ""),
    ],
)
def test_a_repository_of_cvmfs_is_known_by_its_path(prefix: str, inside: str) -> None:
    assert inside_cvmfs(Path(prefix)) == inside


def test_bundles_are_what_a_client_of_cvmfs_reads(tmp_path: Path, environ: dict[str, str]) -> None:
    """As in https://cvmfs.readthedocs.io/en/stable/cpt-file-bundles."""
    release = published(tmp_path, environ)
    index, inside = release.internal / "index", "/lamina/releases/small/1.0"
    assert not (index / "bundles").exists()
    record = release.internal / "start.json"
    index.chmod(0o755)
    for path in index.rglob("*"):
        path.chmod(0o755)
    words = ["-B", str(TARGET / "write_index.py"), str(release.prefix), "0" * 16, str(record)]
    python = release.prefix / "bin/python"
    subprocess.run([python, *words, inside], check=True, env=environ | {"LAMINA_INDEX": "0"})
    assert (index / "bundles" / "used").is_file()
    assert json.loads((index / "bundles" / ".cvmfsbundle-used").read_text()) == {
        "name": "CVMFS_BUNDLE",
        "version": "1.0.0",
        "encoding": "UTF-8",
        "dependencies": [f"{inside}/{SITE}/used/data.txt"],
    }


SLOW = """
import _lamina_start, itertools, os, sys, time
seconds = itertools.count(0, 10**9)
_lamina_start.time = type("Clock", (), {"perf_counter_ns": staticmethod(lambda: next(seconds))})
import used, other, used.spare
end = time.monotonic() + float(sys.argv[2])
while not os.path.exists(sys.argv[1]) and time.monotonic() < end:
    time.sleep(0.01)
try:
    os.wait()
except ChildProcessError:
    print("no child")
"""
"""Imports as if each byte took a second to come."""


@pytest.mark.parametrize(("wanted", "times"), [("1", 1), ("0", 0), ("", 0)])
def test_a_cold_release_is_read_ahead_where_that_is_wanted(
    tmp_path: Path, environ: dict[str, str], wanted: str, times: int
) -> None:
    prefix = published(tmp_path, environ).prefix
    said = tmp_path / "said"
    reader = prefix / SITE / "_lamina_start_reader.py"
    reader.chmod(0o644)
    reader.write_text(
        f"import sys\nwith open({str(said)!r}, 'a') as f: print(*sys.argv[1:], file=f)"
    )
    words = [str(prefix / "bin/python"), "-c", SLOW, str(said), "30" if times else "0.5"]
    environ = environ | {"LAMINA_READ_AHEAD": wanted}
    assert subprocess.check_output(words, env=environ, timeout=60, text=True) == "no child\n"
    lines = said.read_text().splitlines() if said.exists() else []
    assert [line.split()[0] for line in lines] == [str(prefix / ".lamina/index")] * times


def test_a_warm_release_is_not_read_ahead(tmp_path: Path, environ: dict[str, str]) -> None:
    python = published(tmp_path, environ).prefix / "bin/python"
    code = "import sys, used; print('_lamina_start_answers' in sys.modules)"
    environ = environ | {"LAMINA_READ_AHEAD": "1"}
    subprocess.check_output([python, "-c", code], env=environ)
    assert subprocess.check_output([python, "-c", code], env=environ, text=True) == "False\n"
