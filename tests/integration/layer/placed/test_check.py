"""What a check of a layer finds, each thing provoked for real, and that its command mends it."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.layer.change import Request, change_layer
from lamina.layer.check.findings import render_report
from lamina.layer.check.run import check_layer
from lamina.layer.state import standing_from
from support.changes import ALPHA_1, BETA_1, tree, versions
from support.papers import offer
from support.wheels import Wheel
from support.workshop import site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lamina.layer.check.findings import Report
    from support.papers import Bench


def check(bench: Bench, layer: Path) -> Report:
    return check_layer(layer, root=bench.path / "root", environ=bench.environ)


def kinds(report: Report) -> list[str]:
    return [one.kind for one in report.findings]


def mend(bench: Bench, report: Report) -> None:
    """Do what the first finding's command would: a migration."""
    words = shlex.split(report.findings[0].mend)
    assert words[:3] == ["lamina", "layer", "migrate"]
    assert words[4] == "--to"
    bench.migrate(bench.path / words[3], words[5])


def test_a_layer_as_it_was_made(bench: Bench, layer: Path) -> None:
    before, compiled = tree(layer), set(layer.rglob("*.pyc"))
    found = check(bench, layer)
    assert found.sound
    assert found.looked_at["packages"] == 3
    assert found.looked_at["modules"] == 3
    assert found.looked_at["files"] >= 9
    assert tree(layer) == before
    assert set(layer.rglob("*.pyc")) == compiled
    assert render_report(found).startswith(f"{layer}: sound (3 packages, ")


def test_an_empty_layer_and_a_restored_one(bench: Bench) -> None:
    empty = bench.layer()
    assert check(bench, empty).sound
    full = bench.layer("alpha>=2", "documented", name="full")
    assert check(bench, bench.restore(bench.lock(full))).sound


def test_a_file_that_was_changed(bench: Bench, layer: Path) -> None:
    with (site_of(layer) / "alpha" / "__init__.py").open("a", encoding="utf-8") as stream:
        stream.write("# edited\n")
    found = check(bench, layer)
    [only] = found.findings
    assert (only.kind, only.package) == ("file-changed", "alpha")
    path = "lib/python3.12/site-packages/alpha/__init__.py"
    assert only.what == f"1 file of alpha changed: {path}"
    mend(bench, found)
    assert check(bench, layer).sound


def test_a_file_that_is_gone(bench: Bench, layer: Path) -> None:
    (layer / "bin" / "alpha").unlink()
    (site_of(layer) / "beta" / "__init__.py").unlink()
    found = check(bench, layer)
    assert {(one.kind, one.package) for one in found.findings} == {
        ("file-missing", "alpha"), ("file-missing", "beta"),
    }  # fmt: skip
    mend(bench, found)
    assert check(bench, layer).sound


def test_a_package_that_is_gone(bench: Bench, layer: Path) -> None:
    for path in site_of(layer).glob("alpha*"):
        shutil.rmtree(path)
    found = check(bench, layer)
    assert kinds(found) == ["package-missing", "requirement-unmet"]
    assert found.findings[1].what == "beta 2.0 needs alpha>=2, and 1.0 is there"
    mend(bench, found)
    assert check(bench, layer).sound
    assert versions(bench.workshop, layer, "alpha") == ["2.0"]


def test_a_package_that_somebody_replaced(bench: Bench, layer: Path) -> None:
    for path in site_of(layer).glob("gamma*"):
        shutil.rmtree(path)
    bench.workshop.add(layer, Wheel(name="gamma", version="0.5", requires=["absent>=1"]))
    found = check(bench, layer)
    assert kinds(found) == ["package-changed", "requirement-missing"]
    assert found.findings[0].what == "gamma is 0.5, put there by somebody else over 1.0"
    assert found.findings[1].what == "gamma 0.5 needs absent>=1, which is not there"


def test_metadata_without_a_record(bench: Bench, layer: Path) -> None:
    next(site_of(layer).glob("gamma-*/RECORD")).unlink()
    [only] = check(bench, layer).findings
    assert (only.kind, only.package) == ("file-missing", "gamma")


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        pytest.param("gamma/x.py,shake_128=abc,1", [], id="no fixed length"),
        pytest.param("gamma/x.py,crc32=abc,1", [], id="no such digest"),
        pytest.param("gamma/x.py,,", [], id="no digest"),
        pytest.param("gamma/x.py", [], id="a name alone"),
        pytest.param("", [], id="nothing"),
        pytest.param('"gamma/x,y.py",sha256=abc,1', ["file-missing"], id="not there"),
        pytest.param("gamma/x\0y.py,sha256=abc,1", ["file-missing"], id="no name"),
        pytest.param("gamma/__init__.py,sha256=abc,1", ["file-changed"], id="another digest"),
    ],
)
def test_a_record_edited_by_hand(bench: Bench, layer: Path, line: str, finding: list[str]) -> None:
    record = site_of(layer) / "gamma-1.0.dist-info" / "RECORD"
    record.write_text(f"{record.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")
    found = check(bench, layer)
    assert kinds(found) == finding
    assert all("1 file of gamma" in one.what for one in found.findings)


BROKEN = Wheel(name="broken", version="1.0", files={"broken_too.py": "import alpha.nowhere\n"})
FALLING = Wheel(
    name="falling", version="1.0", files={"falling_down.py": "import os; os._exit(9)\n"}
)
LOUD = Wheel(
    name="loud", version="1.0", files={"loud_one.py": "print('noise'); import zzz_other\n"}
)


CRASHING = Wheel(
    name="crashing", version="1.0",
    files={"crashing_down.py": "import ctypes; ctypes.string_at(0)\n"},
)  # fmt: skip
WRITING = Wheel(
    name="writing", version="1.0",
    files={"writing_low.py": "import os; os.write(1, b'banner of a C library\\n'); os.close(1)\n"},
)  # fmt: skip
LEAVING = Wheel(
    name="leaving", version="1.0", files={"leaving_now.py": "import sys; sys.exit(0)\n"}
)


@pytest.mark.parametrize(
    ("wheel", "what"),
    [
        (BROKEN, "import broken_too: ModuleNotFoundError: No module named 'alpha.nowhere'"),
        (FALLING, "import falling_down: ends the interpreter (exit code 9)"),
        (LOUD, None),
        (CRASHING, "import crashing_down: ends the interpreter (exit code -11)"),
        (WRITING, None),
        (LEAVING, "import leaving_now: SystemExit: 0"),
    ],
    ids=["raises", "ends-the-process", "wants-what-is-optional", "crashes", "writes", "leaves"],
)
def test_imports(bench: Bench, layer: Path, wheel: Wheel, what: str | None) -> None:
    """A module that ends the interpreter does not hide those after it."""
    offer(bench.server, wheel, Wheel(name="zz-after", version="1.0", files={"zz.py": "1/0\n"}))
    change_layer(Request(layer=layer, add=(wheel.name, "zz-after")), bench.environ)
    found = check(bench, layer)
    said = [one.what for one in found.findings]
    assert said == [*([what] if what else []), "import zz: ZeroDivisionError: division by zero"]
    assert found.looked_at["modules"] == 7


def test_modules_see_what_the_user_sees(bench: Bench) -> None:
    """PYTHONPATH counts, and the directory of our own program does not."""
    text = "import mine_on_path, importlib.util\nassert not importlib.util.find_spec('probe')\n"
    offer(bench.server, Wheel(name="reader", version="1.0", files={"reader_one.py": text}))
    layer = bench.layer("reader", name="two")
    (bench.path / "own").mkdir()
    (bench.path / "own" / "mine_on_path.py").write_text("", encoding="utf-8")
    environ = bench.environ | {"PYTHONPATH": str(bench.path / "own")}
    assert check_layer(layer, root=bench.path / "root", environ=environ).sound


# --- the base


def test_conflicts_that_the_base_has_itself(bench: Bench) -> None:
    """home-made needs waived>=3, which its base never had: no matter of the layer's."""
    bench.base("odd", ALPHA_1, Wheel(name="odd", version="1.0", requires=["alpha>=9", "gone"]))
    assert check(bench, bench.layer("documented", base="odd")).sound


def test_a_conflict_that_the_layer_makes(bench: Bench) -> None:
    layer = bench.layer("gamma")
    bench.workshop.add(layer, Wheel(name="alpha", version="3.0"))
    [only] = check(bench, layer).findings
    assert (only.kind, only.package) == ("requirement-unmet", "beta")
    assert only.what == "beta 1.0 needs alpha<2, and 3.0 is there"
    assert shlex.split(only.mend) == ["lamina", "layer", "add", str(layer), "alpha<2"]


def test_a_base_that_changed(bench: Bench, layer: Path) -> None:
    Wheel(name="later", version="1.0").unpack(site_of(bench.path / "base"))
    found = check(bench, layer)
    assert kinds(found) == ["base-changed"]
    mend(bench, found)
    assert check(bench, layer).sound


def test_a_base_that_is_gone(bench: Bench, layer: Path) -> None:
    (bench.path / "base").rename(bench.path / "elsewhere")
    [only] = check(bench, layer).findings
    assert only.kind == "base-gone"
    assert only.what.startswith(f"{bench.path / 'base'} is not there")
    assert only.mend == f"lamina layer migrate {layer} --to BASE"


def test_a_base_whose_python_is_gone(bench: Bench, layer: Path) -> None:
    python = bench.path / "base" / "bin"
    for name in ("python", "python3", "python3.12"):
        (python / name).unlink()
    (python / "python").symlink_to("/nowhere/bin/python3.12")
    [only] = check(bench, layer).findings
    assert only.kind == "base-gone"
    assert "the Python of" in only.what
    assert "/nowhere/bin/python3.12" in only.what


@pytest.mark.parametrize("what", ["prefix", "python"])
def test_a_base_further_down_that_is_gone(bench: Bench, layer: Path, what: str) -> None:
    upper = bench.layer("documented", name="upper", base="layer")
    top = bench.layer(name="top", base="upper")
    assert check(bench, top).sound
    lost = bench.path / "base"
    if what == "prefix":
        lost.rename(bench.path / "elsewhere")
    else:
        (lost / "bin" / "python").unlink()
    [only] = check(bench, top).findings
    assert only.kind == "base-gone"
    assert only.what.startswith(f"the base of {layer} is gone: ")
    assert str(lost) in only.what
    again = f"lamina layer migrate {upper} --to {layer} && lamina layer migrate {top} --to {upper}"
    assert only.mend == f"lamina layer migrate {layer} --to BASE && {again}"


def test_the_mend_of_a_base_further_down(bench: Bench, layer: Path) -> None:
    upper = bench.layer("documented", name="upper", base="layer")
    (bench.path / "base").rename(bench.path / "moved")
    mends = check(bench, upper).findings[0].mend.replace("BASE", str(bench.path / "moved"))
    for mend in mends.split(" && "):
        words = shlex.split(mend)
        bench.migrate(bench.path / words[3], words[5])
    assert check(bench, upper).sound
    assert versions(bench.workshop, upper, "alpha", "unrelated") == ["2.0", "1.0"]


def test_layers_in_a_circle_end_the_walk(bench: Bench, layer: Path) -> None:
    upper = bench.layer(name="upper", base="layer")
    document = layer / "lamina-layer.toml"
    text = document.read_text(encoding="utf-8")
    text = text.replace('kind = "prefix"', 'kind = "layer"')
    document.write_text(text.replace(f'"{bench.path / "base"}"', f'"{upper}"'), encoding="utf-8")
    assert [one.path.name for one in standing_from(upper)] == ["upper", "layer"]


# --- interpreter and place


def test_an_interpreter_that_is_gone(bench: Bench, layer: Path) -> None:
    (layer / "bin" / "python").unlink()
    (layer / "bin" / "python").symlink_to("/nowhere/bin/python3.12")
    found = check(bench, layer)
    [only] = found.findings
    assert only.kind == "interpreter-gone"
    assert "/nowhere/bin/python3.12" in only.what
    mend(bench, found)
    assert check(bench, layer).sound


def test_an_interpreter_that_does_not_run(bench: Bench, layer: Path) -> None:
    program = bench.path / "fails"
    program.write_text("#!/bin/sh\necho no library >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    (layer / "bin" / "python").unlink()
    (layer / "bin" / "python").symlink_to(program)
    assert kinds(check(bench, layer)) == ["interpreter-gone"]


def test_an_interpreter_that_was_upgraded(
    bench: Bench, layer: Path, interpreter: Callable[[str], Path]
) -> None:
    (layer / "bin" / "python").unlink()
    (layer / "bin" / "python").symlink_to(interpreter("3.11"))
    found = check(bench, layer)
    [only] = found.findings
    assert only.kind == "interpreter-upgraded"
    assert only.what.endswith("is Python 3.11 now; the layer's packages are for 3.12")


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_layer_elsewhere(bench: Bench, layer: Path, how: str) -> None:
    other = bench.path / "other"
    if how == "moved":
        layer.rename(other)
    else:
        shutil.copytree(layer, other, symlinks=True)
    [only] = check(bench, other).findings
    assert only.kind == "layer-elsewhere"
    assert (f"was moved from {layer}" if how == "moved" else f"is a copy of {layer}") in only.what
    assert only.mend.startswith(f"lamina layer lock '{other}' | lamina layer restore - --to ")
    again = bench.restore(bench.lock(other), "other-restored")
    assert check(bench, again).sound


def test_a_link_to_a_layer_is_the_layer(bench: Bench, layer: Path) -> None:
    (bench.path / "link").symlink_to(layer)
    assert check(bench, bench.path / "link").sound


@pytest.mark.parametrize("name", ["+lamina.pth", "~lamina.pth", "_lamina_layer.py"])
def test_a_hook_that_is_gone(bench: Bench, layer: Path, name: str) -> None:
    (site_of(layer) / name).unlink()
    found = check(bench, layer)
    assert kinds(found)[0] == "hook-missing"
    assert name in found.findings[0].what
    mend(bench, found)
    assert check(bench, layer).sound


def test_several_at_once(bench: Bench, layer: Path) -> None:
    (site_of(layer) / "alpha" / "__init__.py").unlink()
    BETA_1.unpack(site_of(bench.path / "base"))
    shutil.rmtree(bench.path / "base")
    found = check(bench, layer)
    assert kinds(found) == ["base-gone", "file-missing"]
    lines = render_report(found).splitlines()
    assert lines[0].startswith(f"{layer}: 2 findings")
    assert sum(line.startswith("    mend: ") for line in lines) == 1


def test_documents_that_cannot_be_read(bench: Bench, layer: Path) -> None:
    (layer / "lamina-layer.lock").write_text("schema = 9\n", encoding="utf-8")
    with pytest.raises(DocumentError):
        check(bench, layer)
