"""Importing modules with real interpreters: what fails, crashes, hangs or ends them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.layer.imports.baseline import Baseline
from lamina.layer.imports.trial import Trial
from support.workshop import site_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.workshop import Workshop

MODULES = {
    "fine": "print('said')\nraise_later = 1\n",
    "missing": "import not_there\n",
    "crash": "import ctypes\nctypes.string_at(0)\n",
    "hang": "import time\ntime.sleep(600)\n",
    "leave": "import sys\nsys.exit(3)\n",
    "quit_now": "import os\nos._exit(7)\n",
    "wordy": "raise ValueError('first\\n\\nsecond')\n",
    "outer": "import inner\n",
    "inner": "try: import missing\nexcept ImportError: raise RuntimeError('no') from None\n",
    "low": "import os\nos.write(1, b'{}')\nos.close(1)\n",
    "closes": "import os\nos.closerange(3, 256)\n",
    "spins": "while True: pass\n",
    "unwatched": "import faulthandler\nfaulthandler.cancel_dump_traceback_later()\n",
    "shared/bad": "import not_there\n",
    "shared/good": "",
    "leaves_thread": "from threading import Timer\nTimer(600, print).start()\n",
}  # fmt: skip


@pytest.fixture
def prefix(workshop: Workshop, interpreter: Callable[[str], Path], series: str) -> Path:
    prefix = workshop.base(interpreter(series))
    (site_of(prefix) / "shared").mkdir()
    for name, text in MODULES.items():
        (site_of(prefix) / f"{name}.py").write_text(text, encoding="utf-8")
    return prefix


def trial(prefix: Path, workshop: Workshop, seconds: float = 60, **options: object) -> Trial:
    return Trial(
        python=prefix / "bin" / "python",
        environ=workshop.environ,
        seconds=seconds,
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("series", ["3.8", "3.10", "3.13"])
def test_every_kind_of_failure_is_one_finding(prefix: Path, workshop: Workshop) -> None:
    wanted = [name.replace("/", ".") for name in MODULES if name not in {"hang", "spins"}]
    found = trial(prefix, workshop).failures(wanted)
    assert {name: one.error for name, one in found.items()} == {
        "missing": "ModuleNotFoundError: No module named 'not_there'",
        "crash": "the interpreter crashed (SIGSEGV)",
        "leave": "SystemExit: 3",
        "quit_now": "the interpreter ended with exit code 7",
        # Without its files the interpreter can answer for nobody.
        "closes": "the interpreter ended with exit code 1",
        # A namespace is imported by what is in it: one part fails, the other does not.
        "shared.bad": "ModuleNotFoundError: No module named 'not_there'",
        "wordy": "ValueError: first",
        "outer": "RuntimeError: no",
        "inner": "RuntimeError: no",
    }
    site = site_of(prefix)
    # The first cause comes last, though it was caught on the way.
    assert found["outer"].files[:2] == (f"{site}/outer.py", f"{site}/inner.py")
    assert found["outer"].files[-1] == f"{site}/missing.py"
    # Nothing is left behind in what is read-only elsewhere.
    assert not (site / "__pycache__").exists()


@pytest.mark.parametrize("series", ["3.12"])
def test_a_hang_is_ended(prefix: Path, workshop: Workshop) -> None:
    found = trial(prefix, workshop, seconds=1).failures(["fine", "hang", "leaves_thread", "spins"])
    too_long = "not imported within 1 s"
    assert {name: one.error for name, one in found.items()} == {"hang": too_long, "spins": too_long}


@pytest.mark.parametrize("series", ["3.12"])
def test_a_hang_that_turns_the_watchdog_off(prefix: Path, workshop: Workshop) -> None:
    """It is one finding, and what comes after it is tried all the same."""
    (site_of(prefix) / "asleep.py").write_text("import unwatched, hang\n", encoding="utf-8")
    found = trial(prefix, workshop, seconds=1, grace=2).failures(["asleep", "fine", "missing"])
    assert found["asleep"].error == "not imported within 1 s"
    assert set(found) == {"asleep", "missing"}


@pytest.mark.parametrize("series", ["3.12"])
def test_what_another_has_left_behind_does_not_count(prefix: Path, workshop: Workshop) -> None:
    """Alone, ``b`` imports; after the failing ``a`` it finds half of it."""
    site = site_of(prefix)
    (site / "a.py").write_text("import sys\nsys.spoilt = True\nraise ImportError('a')\n")
    (site / "b.py").write_text("import sys\nassert not hasattr(sys, 'spoilt')\n")
    assert set(trial(prefix, workshop).failures(["a", "b", "fine", "wordy"])) == {"a", "wordy"}


@pytest.mark.parametrize("series", ["3.12"])
def test_byte_code_is_written_of_what_is_new_alone(
    prefix: Path, workshop: Workshop, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    (new / "fresh").mkdir(parents=True)
    (new / "fresh" / "__init__.py").write_text("import fine\n")
    (site_of(prefix) / "fresh").symlink_to(new / "fresh")
    assert not trial(prefix, workshop, keep=new).failures(["fresh"])
    assert list((new / "fresh" / "__pycache__").iterdir())
    assert not (site_of(prefix) / "__pycache__").exists()


@pytest.mark.parametrize("series", ["3.12"])
def test_importing_leaves_nothing_in_the_users_home(prefix: Path, workshop: Workshop) -> None:
    (site_of(prefix) / "litter.py").write_text(
        "import os, pathlib\n"
        "assert 'XDG_CONFIG_HOME' not in os.environ\n"
        "(pathlib.Path.home() / 'litter').touch()\npathlib.Path('here').touch()\n"
    )
    home = Path(workshop.environ["HOME"])
    environ = workshop.environ | {"XDG_CONFIG_HOME": str(home)}
    one = Trial(python=prefix / "bin" / "python", environ=environ)
    before = sorted(home.iterdir())
    assert not one.failures(["litter"])
    assert sorted(home.iterdir()) == before


@pytest.mark.parametrize("series", ["3.12"])
def test_the_loaders_paths_are_those_of_the_environment(prefix: Path, workshop: Workshop) -> None:
    (site_of(prefix) / "loads.py").write_text(
        "import os\nassert os.environ['LD_LIBRARY_PATH'] == '/view/lib'\n"
        "assert 'PYTHONPATH' not in os.environ\n"
    )
    environ = workshop.environ | {"LD_LIBRARY_PATH": "/view/lib", "PYTHONPATH": "/elsewhere"}
    one = Trial(python=prefix / "bin" / "python", environ=environ)
    assert not one.failures(["loads"])


@pytest.mark.parametrize("series", ["3.12"])
def test_what_was_broken_before_is_found_out_once(
    prefix: Path, workshop: Workshop, tmp_path: Path
) -> None:
    def baseline(*state: str) -> Baseline:
        return Baseline(trial=trial(prefix, workshop), cache=tmp_path / "cache", state=state)

    first = baseline("one").failures(["fine", "missing"])
    assert set(first) == {"missing"}
    (site_of(prefix) / "missing.py").write_text("")
    assert baseline("one").failures(["fine", "missing", "wordy"]) | first == baseline(
        "one"
    ).failures(["missing", "wordy"])
    assert not baseline("two").failures(["fine", "missing"])
    for kept in (tmp_path / "cache").iterdir():
        kept.write_text("[1]", encoding="utf-8")
    assert not baseline("one").failures(["missing"])


@pytest.mark.parametrize("series", ["3.12"])
def test_without_a_cache(prefix: Path, workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for cache in (None, tmp_path / "file" / "below"):
        one = Baseline(trial=trial(prefix, workshop), cache=cache, state=())
        assert set(one.failures(["fine", "missing"])) == {"missing"}
