"""Which files of distributions count: scripts of a base, and what a layer may take out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from lamina.layer.placing import recorded_files
from lamina.layer.scripts import base_scripts
from support.bases import distribution, probe

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.probe import Distribution


def with_scripts(entries: dict[str, str], files: dict[str, str] | None = None) -> Distribution:
    return dataclasses.replace(distribution("tools", "1.0"), entries=entries, files=files or {})


@pytest.mark.parametrize(
    "name",
    [
        "python",
        "python3.12",
        "python3-config",
        "activate",
        "activate.fish",
        "deactivate",
        ".x",
        "a/b",
    ],
)
def test_a_script_of_the_base_never_takes_the_place_of_a_layers_own(name: str) -> None:
    base = probe(with_scripts({name: "evil:main", "tool": "tools:main"}, {name: "/bin/sh"}))
    assert base_scripts(base) == ({"tool": "tools:main"}, {}, {})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("#!/base/bin/python3\nprint()\n", "python", id="python"),
        pytest.param("#!/usr/bin/env python\n", "python", id="env"),
        pytest.param(
            "#!/bin/sh\n'''exec' '/a b/bin/python' \"$0\" \"$@\"\n' '''\n", "python", id="long-path"
        ),
        pytest.param("#!/bin/sh\nexec python x\n", "program", id="shell"),
        pytest.param("\x7fELF python", "program", id="binary"),
    ],
)
def test_what_the_layers_interpreter_runs(tmp_path: Path, text: str, kind: str) -> None:
    file = tmp_path / "tool"
    file.write_text(text, encoding="utf-8")
    _, python_files, programs = base_scripts(probe(with_scripts({}, {"tool": str(file)})))
    found = {"python": python_files, "program": programs}
    assert found[kind] == {"tool": str(file)}
    assert sum(map(len, found.values())) == 1


def test_a_script_that_is_gone_is_none() -> None:
    assert base_scripts(probe(with_scripts({}, {"tool": "/nowhere/tool"}))) == ({}, {}, {})


def test_a_record_never_names_files_outside_its_layer(tmp_path: Path) -> None:
    """Whatever a wheel wrote into it: what is taken out of a layer is the layer's."""
    layer = tmp_path / "layer"
    site = layer / "lib" / "python3.12" / "site-packages"
    info = site / "tools-1.0.dist-info"
    info.mkdir(parents=True)
    lines = [
        "tools/__init__.py,,", "../../../bin/tool,,", '"a, b.py",,', "../../../../thesis.tex,,",
        "/etc/passwd,,", "../../..,,", "",
    ]  # fmt: skip
    (info / "RECORD").write_text("\n".join(lines), encoding="utf-8")
    one = dataclasses.replace(distribution("tools", "1.0"), location=str(site), metadata=info.name)
    found = {str(path.relative_to(layer)) for path in recorded_files(one, layer)}
    inside = "lib/python3.12/site-packages"
    assert found == {
        f"{inside}/tools/__init__.py", "bin/tool", f"{inside}/a, b.py",
        f"{inside}/tools-1.0.dist-info/RECORD",
    }  # fmt: skip
    (info / "RECORD").unlink()
    assert recorded_files(one, layer) == {info / "RECORD"}
