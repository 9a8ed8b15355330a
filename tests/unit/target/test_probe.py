from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina._target.probe import (
    data_directories,
    distributions,
    egg_requires,
    headers,
    normalised,
    roots,
    sections,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_headers_end_where_the_description_begins() -> None:
    text = "Name: P\r\nVersion: 1\nRequires-Dist: q>=1\nRequires-Dist: r\n\nName: not this\n"
    found = headers(text)
    assert (found["name"], found["version"], found["requires"]) == ("P", "1", ["q>=1", "r"])


@pytest.mark.parametrize("name", ["A.b_C", "a-b-c", "a__B--c"])
def test_names(name: str) -> None:
    assert normalised(name) == "a-b-c"


def test_the_requirements_of_an_egg() -> None:
    text = 'a\n\n[x]\nb>=2\n\n[:python_version < "3"]\nc\n\n[x:os_name == "nt"]\nd\n'
    assert egg_requires(text) == [
        "a",
        'b>=2; extra == "x"',
        'c; python_version < "3"',
        'd; os_name == "nt" and extra == "x"',
    ]


def test_sections() -> None:
    text = "# c\n[console_scripts]\na = m:f\nb=m:g [x]\n\n[other]\nc = d\n"
    assert sections(text)["console_scripts"] == {"a": "m:f", "b": "m:g [x]"}


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_distributions_of_directories(tmp_path: Path) -> None:
    one, two, source = tmp_path / "lib/py/one", tmp_path / "lib/py/two", tmp_path / "source"
    put(one / "p-2.dist-info" / "METADATA", "Name: P\nVersion: 2\n")
    put(one / "p-2.dist-info" / "entry_points.txt", "[console_scripts]\nrun = p:main\n")
    put(
        one / "p-2.dist-info" / "RECORD",
        "../../../bin/run,,\n../../../bin/tool,sha256=x,3\np/bin/no,,\n../../../share/bin/x/y,,\n",
    )
    put(two / "p-1.dist-info" / "METADATA", "Name: p\nVersion: 1\n")
    put(two / "q.egg-info", "Name: q\nVersion: 0\n")
    put(two / "broken.dist-info" / "METADATA", "nothing\n")
    put(two / "e.egg-link", f"{source}\n.\n")
    put(source / "e.egg-info" / "PKG-INFO", "Name: e\nVersion: 5\n")
    put(two / "d-1.dist-info" / "METADATA", "Name: d\nVersion: 1\n")
    put(two / "d-1.dist-info" / "direct_url.json", '{"url": "x", "dir_info": {"editable": true}}')
    found = {one["key"]: one for one in distributions([str(one), str(two), "/nowhere"])}
    assert {key: value["version"] for key, value in found.items()} == {
        "p": "2", "q": "0", "e": "5", "d": "1",
    }  # fmt: skip
    assert found["p"]["entries"] == {"run": "p:main"}
    assert found["p"]["files"] == {"tool": str(tmp_path / "bin" / "tool")}
    assert [key for key, value in found.items() if value["editable"]] == ["d", "e"]


def test_what_no_distribution_is(tmp_path: Path) -> None:
    """Remains of an upgrade, which old installers leave, hide no whole distribution behind them."""
    put(tmp_path / "one" / "p-2.dist-info" / "METADATA", "Name: p\n")
    put(tmp_path / "one" / "~p-2.dist-info" / "RECORD", "")
    put(tmp_path / "two" / "p-1.dist-info" / "METADATA", "Name: p\nVersion: 1\n")
    found = distributions([str(tmp_path / "one"), str(tmp_path / "two")])
    assert [(one["name"], one["version"]) for one in found] == [("p", "1")]


def test_the_requirements_of_an_installed_egg_are_beside_its_metadata(tmp_path: Path) -> None:
    put(tmp_path / "p.egg-info" / "PKG-INFO", "Name: p\nVersion: 1\n")
    put(tmp_path / "p.egg-info" / "requires.txt", "a>=1\n\n[x]\nb\n")
    put(tmp_path / "q-1.dist-info" / "METADATA", "Name: q\nVersion: 1\n")
    put(tmp_path / "q-1.dist-info" / "requires.txt", "not-this\n")
    found = {one["name"]: one["requires"] for one in distributions([str(tmp_path)])}
    assert found == {"p": ["a>=1", 'b; extra == "x"'], "q": []}


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("/opt/view", ["/opt/view", "/below", "/more"], id="own-prefix"),
        pytest.param("/usr", ["/below", "/more", "/usr/lib/python3/dist-packages"], id="system"),
    ],
)
def test_of_a_systems_prefix_only_the_packages_belong_to_the_base(
    prefix: str, expected: list[str]
) -> None:
    """What a user keeps in /usr/local and names in PYTHONPATH goes before a layer."""
    sites = [f"{prefix}/lib/python3/dist-packages"]
    assert roots(prefix, sites, ["/more"], ["/below", "/more"]) == expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("/venv", ["/venv", "/opt/view"], id="venv"),
        pytest.param("/usr", ["/usr", "/opt/view"], id="system"),
    ],
)
def test_where_data_may_be(prefix: str, expected: list[str]) -> None:
    path = [
        f"{prefix}/lib/python3.12/site-packages", "/opt/view/lib64/python3.12/site-packages",
        "/opt/packages/uproot", "/usr/local/lib/python3.12/dist-packages",
    ]  # fmt: skip
    assert data_directories(prefix, path) == expected
