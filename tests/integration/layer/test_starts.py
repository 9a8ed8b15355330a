"""However Python is started over a base of whatever shape, the layer comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.shapes import every_shape, shaped_base
from support.shells import Shell, find_shell
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD, NEW = (
    Wheel(
        name="alpha", version=version, files={"alpha/__main__.py": "import alpha\nalpha.main()\n"}
    )
    for version in ("1.0", "2.0")
)
OTHER = Wheel(name="beta", version="1.0")
BOTH = """
import importlib.metadata as m, alpha, beta
print(alpha.__version__, m.version("alpha"), beta.__version__, m.version("beta"))
"""
CHILDREN = """
import multiprocessing, os, subprocess, sys
def version(_=None):
    import alpha
    return alpha.__version__
if __name__ == "__main__":
    for method in ("spawn", "fork", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.map(version, [0])[0])
    code = "import alpha; print(alpha.__version__)"
    for name in (sys.executable, "python", "python3"):
        told = subprocess.check_output([name, "-c", code], text=True)
        print(os.path.basename(name), told.strip(), flush=True)
    subprocess.run(["python", "-m", "alpha"], check=True)
"""
SERIES = ["3.8", "3.12", "3.13"]


@every_shape
@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("order", ["before", "after", "never", "not-activated"])
def test_pythonpath_and_activation(
    workshop: Workshop,
    interpreter: Callable[[str], Path],
    tmp_path: Path,
    shape: str,
    series: str,
    order: str,
) -> None:
    base = shaped_base(workshop, shape, interpreter(series), OLD, OTHER)
    layer = base.layer()
    workshop.add(layer, NEW)
    shell = Shell("dash", find_shell("dash"))
    # A prefix as well may be set up with its packages on PYTHONPATH.
    search = base.search or str(base.places[0])
    export, activate = shell.export("PYTHONPATH", search), shell.activate(layer)
    lines = {
        "before": [export, activate],
        "after": [activate, export],
        "never": [activate],
        "not-activated": [export],
    }[order]
    script = tmp_path / "both.py"
    script.write_text(BOTH, encoding="utf-8")
    python = f"{shell.quoted(str(layer / 'bin' / 'python'))}" if "not" in order else "python"
    lines += [f"{python} {shell.quoted(str(script))}", f"{python} -m alpha", ""]
    told = shell.run("\n".join(lines), environ=workshop.environ, work=tmp_path)
    assert told == "2.0 2.0 1.0 1.0\nalpha 2.0\n"


@every_shape
@pytest.mark.parametrize("flags", [["-E"], ["-I"], ["-s"], ["-P"], ["-O"]], ids=lambda one: one[0])
def test_flags(
    workshop: Workshop, python: Path, tmp_path: Path, shape: str, flags: list[str]
) -> None:
    base = shaped_base(workshop, shape, python, OLD, OTHER)
    layer = base.layer()
    workshop.add(layer, NEW)
    script = tmp_path / "both.py"
    script.write_text(BOTH, encoding="utf-8")
    start = [layer / "bin" / "python", *flags]
    for rest in (["-c", BOTH], [script]):
        assert run([*start, *rest], base.environ).split() == ["2.0", "2.0", "1.0", "1.0"]
    assert run([*start, "-m", "alpha"], base.environ) == "alpha 2.0\n"


@every_shape
@pytest.mark.parametrize("series", SERIES)
def test_children(
    workshop: Workshop,
    interpreter: Callable[[str], Path],
    tmp_path: Path,
    shape: str,
    series: str,
) -> None:
    base = shaped_base(workshop, shape, interpreter(series), OLD)
    layer = base.layer()
    workshop.add(layer, NEW)
    script = tmp_path / "children.py"
    script.write_text(CHILDREN, encoding="utf-8")
    environ = base.environ | {"PATH": f"{layer}/bin:{base.environ['PATH']}"}
    lines = run([layer / "bin" / "python", script], environ).splitlines()
    ways = ("spawn", "fork", "forkserver", "python", "python", "python3", "alpha")
    assert lines == [f"{one} 2.0" for one in ways]


def test_without_site_there_is_no_layer(workshop: Workshop, python: Path) -> None:
    """What the documentation says does not hold."""
    base = shaped_base(workshop, "prefix", python, OLD)
    layer = base.layer()
    workshop.add(layer, NEW)
    code = f"import sys; print({str(site_of(layer))!r} in sys.path)"
    assert run([layer / "bin" / "python", "-S", "-c", code], base.environ) == "False\n"
