"""A view has an old numpy, and somebody wants a newer one: what people try, and a layer.

The view is of real packages, on PYTHONPATH; nobody here may write to it.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from support.accounts import Account, somebody
from support.cvmfs_venv import edit_activate
from support.shells import Shell, find_shell
from support.views import View, install_lamina, make_view, pins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.index, pytest.mark.heavy, pytest.mark.shells]

PACKAGES = (
    "numpy", "pandas", "python-dateutil", "pytz", "six", "tzdata", "awkward", "awkward-cpp",
    "fsspec", "importlib-metadata", "packaging", "zipp",
)  # fmt: skip
OLD = "1.26.4"
NUMPY = "python -c 'import numpy; print(numpy.__version__)'"
SHOW = "python -m pip show numpy | sed -n 's/^Version: //p'"
PANDAS = "python -c 'import pandas; print(pandas.Series([1, 2]).sum())' 2>&1 | tail -n 1"
AWKWARD = "python -c 'import awkward; print(awkward.sum([[1], [2]]))' 2>&1 | tail -n 1"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Somebody's place before a view."""

    account: Account
    view: View
    lamina: Path

    @property
    def setup(self) -> str:
        """The line that sets the view up."""
        return f". '{self.view.setup}'"

    def bash(self, *lines: str) -> list[str]:
        """Run lines, and return those that they print."""
        return self.shell("bash", *lines)

    def shell(self, name: str, *lines: str) -> list[str]:
        """Run lines in one of the shells."""
        script = self.account.home / f"script.{name}"
        script.write_text("\n".join(lines) + "\n", encoding="utf-8")
        quiet = {"fish": "--no-config", "tcsh": "-f"}.get(name, "-e")
        return self.account.run(find_shell(name), quiet, script).stdout.splitlines()

    def venv(self, *options: str) -> Path:
        """Make a virtual environment as the view's user does, with a newer numpy in it."""
        venv = self.account.home / f"venv{'-'.join(options)}"
        if venv.exists():
            return venv
        said = self.bash(
            self.setup,
            f"python3 -m venv {' '.join(options)} '{venv}'",
            f"'{venv}/bin/python' -m pip install --upgrade numpy 2>&1",
        )
        assert said[-1].startswith("Successfully installed numpy-2.")
        return venv


@pytest.fixture(scope="module")
def desk(interpreter: Callable[[str], Path]) -> Iterator[Desk]:
    kept = ("SSL_", "UV_", "LC_", "PYENV_ROOT", "LANG", "PATH")
    environ = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    with somebody(environ) as (account, place):
        ours = environ | {"HOME": os.environ["HOME"]}
        view = make_view(place, interpreter("3.11"), pins(*PACKAGES), ours)
        lamina = install_lamina(place, (view.path / "bin" / "python").resolve(), ours)
        assert account.run("id", "-u").stdout != "0\n"
        assert account.cannot_write(view.path)
        assert account.cannot_write(place / "python")
        before = contents(view)
        yield Desk(account=account, view=view, lamina=lamina)
        assert contents(view) == before


@pytest.fixture(scope="module")
def layer(desk: Desk) -> Path:
    """A layer over the view as set up, with a newer numpy."""
    path = desk.account.home / "layer"
    desk.bash(desk.setup, f"'{desk.lamina}' layer create '{path}' --on env")
    said = desk.bash(f"'{desk.lamina}' layer add -q '{path}' 'numpy>=2' --json")
    plan = json.loads("\n".join(said))
    lifted = {one["name"] for one in plan["packages"] if one["over"]}
    assert {"numpy", "pandas", "awkward", "awkward-cpp"} <= lifted
    assert len(lifted) + plan["kept"] == len(PACKAGES)
    assert lifted.isdisjoint({"six", "pytz", "tzdata", "zipp", "packaging"})
    return path


def contents(view: View) -> list[tuple[str, int, int]]:
    """Return every file of a view with its size and time."""
    found = []
    for path in sorted(view.path.rglob("*")):
        state = path.lstat()
        found.append((str(path), state.st_size, state.st_mtime_ns))
    return found


def is_new(version: str) -> bool:
    return version.startswith("2.")


def test_the_view_works(desk: Desk) -> None:
    assert desk.bash(desk.setup, NUMPY, PANDAS, AWKWARD) == [OLD, "3", "3"]


@pytest.mark.parametrize("options", [(), ("--system-site-packages",)], ids=["plain", "system"])
def test_a_virtual_environment_says_it_has_the_newer_one(
    desk: Desk, options: tuple[str, ...]
) -> None:
    """PYTHONPATH comes before an environment's own packages, for programs and for pip."""
    venv = desk.venv(*options)
    assert is_new(next(venv.glob("lib/*/site-packages/numpy-*.dist-info")).name[6:])
    assert desk.bash(desk.setup, f". '{venv}/bin/activate'", NUMPY, SHOW) == [OLD, OLD]


def test_put_first_by_hand(desk: Desk) -> None:
    """The newer numpy, and with it nothing that was compiled for the older; for ever."""
    venv = desk.venv()
    by_hand = f"export PYTHONPATH=$(echo '{venv}'/lib/*/site-packages):$PYTHONPATH"
    numpy, pandas, awkward, after = desk.bash(
        desk.setup, f". '{venv}/bin/activate'", by_hand, NUMPY, PANDAS, AWKWARD, "deactivate", NUMPY
    )
    assert is_new(numpy)
    assert "numpy.dtype size changed, may indicate binary incompatibility" in pandas
    assert "module 'numpy' has no attribute 'AxisError'" in awkward
    assert is_new(after)


def test_cvmfs_venv(desk: Desk) -> None:
    """Right in bash where the view was set up first, as far as numpy itself goes."""
    venv = desk.venv("--system-site-packages")
    script = venv / "bin" / "activate-by-cvmfs-venv"
    shutil.copy(venv / "bin" / "activate", script)
    edit_activate(script)
    activate = f". '{script}'"
    numpy, show, pandas, after = desk.bash(
        desk.setup, activate, NUMPY, SHOW, PANDAS, "deactivate", NUMPY
    )
    assert is_new(numpy)
    assert is_new(show)
    assert "binary incompatibility" in pandas
    assert after == OLD
    late = desk.bash(activate, desk.setup, f"'{venv}'/bin/{NUMPY}")
    assert late == [OLD]
    unactivated = desk.bash(desk.setup, f"'{venv}'/bin/{NUMPY}")
    assert unactivated == [OLD]


@pytest.mark.parametrize("name", ["bash", "dash", "zsh"])
@pytest.mark.parametrize("order", ["first", "late", "never"])
def test_a_layer_has_it_in_any_order(desk: Desk, layer: Path, order: str, name: str) -> None:
    activate = f". '{layer}/bin/activate'"
    lines = {"first": [desk.setup, activate], "late": [activate, desk.setup], "never": [activate]}
    python = f"'{layer}'/bin/"
    words = [python + one for one in (NUMPY, PANDAS, AWKWARD)]
    numpy, pandas, awkward = desk.shell(name, *lines[order], *words)
    assert is_new(numpy)
    assert (pandas, awkward) == ("3", "3")


@pytest.mark.parametrize("name", ["tcsh", "fish"])
def test_in_shells_for_which_the_view_has_no_script(desk: Desk, layer: Path, name: str) -> None:
    shell = Shell(name, find_shell(name))
    lines = [shell.export("PYTHONPATH", str(desk.view.site)), shell.activate(layer)]
    pandas, awkward = (one.replace("2>&1 |", "|") for one in (PANDAS, AWKWARD))
    numpy, *others, after = desk.shell(
        name, *lines, NUMPY, pandas, awkward, "deactivate", f"'{desk.view.path}'/bin/{NUMPY}"
    )
    assert is_new(numpy)
    assert others == ["3", "3"]
    assert after == OLD


def test_a_layer_unactivated_and_left(desk: Desk, layer: Path) -> None:
    """By its interpreter alone, for pip too; and after it, the view is as it was."""
    program = f"'{layer}'/bin/"
    numpy, pandas = desk.bash(desk.setup, program + NUMPY, program + PANDAS)
    assert is_new(numpy)
    assert pandas == "3"
    left = desk.bash(desk.setup, f". '{layer}/bin/activate'", NUMPY, "deactivate", NUMPY, PANDAS)
    assert is_new(left[0])
    assert left[1:] == [OLD, "3"]


def test_installers_in_a_layer_say_what_is_so(desk: Desk, layer: Path) -> None:
    """pip, run by the layer's interpreter, sees the layer's numpy, and nothing at odds."""
    wheel = "$(echo '{}'/lib/python3.*/ensurepip/_bundled/pip-*.whl)".format(
        desk.view.path.with_name("python")
    )
    pip = f"'{layer}'/bin/python {wheel}/pip"
    assert is_new(desk.bash(desk.setup, f"{pip} show numpy | sed -n 's/^Version: //p'")[0])
    assert desk.bash(desk.setup, f"{pip} check") == ["No broken requirements found."]
