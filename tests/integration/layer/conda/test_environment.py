"""What scripts and variables of conda prefixes make of an environment, be they good or bad."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina._target.conda_environment import environment_after, without_kept

if TYPE_CHECKING:
    from pathlib import Path

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
