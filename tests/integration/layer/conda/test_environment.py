"""What scripts and variables of conda prefixes make of an environment, be they good or bad."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lamina._target import conda_environment
from lamina._target.conda_environment import environment_after, without_kept
from lamina.layer.base import Place
from lamina.layer.entering import entered

ENVIRON = {"PATH": "/usr/bin:/bin", "MINE": "mine"}


def prefix(top: Path, name: str, enter: str = "", leave: str = "", **variables: str) -> str:
    """Make a conda prefix with scripts and variables."""
    path = top / name
    for kind, text in (("activate", enter), ("deactivate", leave)):
        (path / f"etc/conda/{kind}.d").mkdir(parents=True)
        if text:
            (path / f"etc/conda/{kind}.d/one.sh").write_text(text)
    (path / "etc/conda/env_vars.d").mkdir()
    (path / "etc/conda/env_vars.d/one.json").write_text(json.dumps(variables))
    return str(path)


def there(prefixes: list[str], environ: dict[str, str]) -> dict[str, str]:
    return environment_after("activate", prefixes, environ)[0]


def back(prefixes: list[str], environ: dict[str, str]) -> dict[str, str]:
    return environment_after("deactivate", prefixes, environ)[0]


def test_the_same_variable_of_two_is_given_back_in_reverse(tmp_path: Path) -> None:
    both = [prefix(tmp_path, "far", MINE="far"), prefix(tmp_path, "near", MINE="near")]
    during = there(both, ENVIRON)
    assert (during["MINE"], during["CONDA_PREFIX"]) == ("near", both[0])
    assert without_kept(during) == ENVIRON | {"MINE": "near", "CONDA_PREFIX": both[0]}
    assert back(both, during) == ENVIRON


def test_what_whoever_made_the_prefix_wants_counts_more(tmp_path: Path) -> None:
    one = prefix(tmp_path, "one", MINE="package", OTHER="package")
    (tmp_path / "one/conda-meta").mkdir()
    state = {"env_vars": {"MINE": "maker", "not a name": "x"}}
    (tmp_path / "one/conda-meta/state").write_text(json.dumps(state))
    during = there([one], ENVIRON)
    assert (during["MINE"], during["OTHER"]) == ("maker", "package")
    assert "not a name" not in during
    assert back([one], during) == ENVIRON


def test_what_was_set_meanwhile_stays(tmp_path: Path) -> None:
    one = prefix(tmp_path, "one", MINE="package")
    later = there([one], ENVIRON) | {"MINE": "later", "CONDA_PREFIX": "/other"}
    assert back([one], later) == ENVIRON | {"MINE": "later", "CONDA_PREFIX": "/other"}


def test_what_is_in_force_is_neither_entered_nor_left(tmp_path: Path) -> None:
    below = prefix(tmp_path, "below", "export BELOW=x$BELOW", "unset BELOW")
    own = prefix(tmp_path, "own", "export OWN=$CONDA_PREFIX", "unset OWN")
    before = ENVIRON | {"CONDA_PREFIX": below, "BELOW": "x"}
    during = there([below, own], before)
    assert during == before | {"OWN": own}
    assert back([below, own], during) == before


@pytest.mark.parametrize("ending", ["exit 3", "exit 0"])
def test_a_script_that_ends_the_shell_takes_nothing_away(tmp_path: Path, ending: str) -> None:
    one = prefix(tmp_path, "one", f"export LOST=1\n{ending}\n", VARIABLE="v")
    told: list[str] = []
    during, _ = environment_after("activate", [one], ENVIRON, warn=told.append)
    assert without_kept(during) == ENVIRON | {"VARIABLE": "v", "CONDA_PREFIX": one}
    assert [text.partition(": ")[0] for text in told] == [f"scripts of {one}"]


def test_functions_of_bash_stay(tmp_path: Path) -> None:
    before = ENVIRON | {"BASH_FUNC_module%%": "() {  echo it\n}", "SHLVL": "4"}
    one = prefix(tmp_path, "one", "module >/dev/null && export SAID=1; cd /\n")
    during = there([one], before)
    assert without_kept(during) == before | {"SAID": "1", "CONDA_PREFIX": one}


def test_what_conda_was_told_to_leave_unset_is_not_set(tmp_path: Path) -> None:
    one = prefix(tmp_path, "one", MINE="package", OTHER="package")
    (tmp_path / "one/conda-meta").mkdir()
    state = {"env_vars": {"MINE": "***unset***", "NEVER": "***unset***"}}
    (tmp_path / "one/conda-meta/state").write_text(json.dumps(state))
    during = there([one], ENVIRON)
    assert without_kept(during) == ENVIRON | {"OTHER": "package", "CONDA_PREFIX": one}
    assert back([one], during) == ENVIRON


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_scripts_for_leaving_have_the_variables_of_their_packages(
    tmp_path: Path, shell: str
) -> None:
    leave = 'echo "$CONDA_PREFIX ${MINE-unset}" > "$CONDA_PREFIX/said"'
    one = prefix(tmp_path, "one", "export ADDED=1", leave, MINE="package")
    helper = tmp_path / "one/.lamina/conda_environment.py"
    helper.parent.mkdir()
    shutil.copy(conda_environment.__file__, helper)
    ask = f'{sys.executable} -I -S -B {helper} %s posix "${{BASH_VERSION:+.sh}}"'
    lines = [f'eval "$({ask % verb})"' for verb in ("activate", "deactivate")]
    code = "\n".join([*lines, 'echo "${CONDA_PREFIX-unset} $ADDED $MINE"'])
    answer = subprocess.run(
        [shell, "-c", code], env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert (tmp_path / "one/said").read_text() == f"{one} package\n", answer.stderr
    assert answer.stdout == "unset 1 mine\n"


def test_scripts_find_the_programs_of_what_is_entered_without_a_shell(tmp_path: Path) -> None:
    one = Path(prefix(tmp_path, "one", "export TOLD=$(tool); export PATH=$PATH:/added"))
    (one / ".lamina").mkdir()
    shutil.copy(conda_environment.__file__, one / ".lamina")
    (one / "bin").mkdir()
    (one / "bin/tool").write_text("#!/bin/sh\necho 42\n")
    (one / "bin/tool").chmod(0o755)
    place = Place(given="one", kind="release", prefix=one, python=one / "bin/python")
    found, _ = entered(place, ENVIRON | {"PYTHONHOME": "/other"})
    path = f"{one}/bin:{ENVIRON['PATH']}:/added"
    assert found == ENVIRON | {"TOLD": "42", "PATH": path, "CONDA_PREFIX": str(one)}
