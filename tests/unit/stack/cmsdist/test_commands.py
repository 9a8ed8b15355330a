from __future__ import annotations

import pytest

from lamina.stack.cmsdist.commands import expand, exports_of, foreign_variables, waived_by


@pytest.mark.parametrize(
    ("text", "expanded", "unknown"),
    [
        pytest.param("mv %{i}/bin %i/x", "mv $PREFIX/bin $PREFIX/x", (), id="braced or bare"),
        pytest.param("date +%Y", "date +%Y", (), id="not a macro"),
        pytest.param("100%%", "100%", (), id="a percent sign"),
        pytest.param("%{tag}", "v1.0", (), id="in turn"),
        pytest.param("%{cmsroot}/x", "%{cmsroot}/x", ("%{cmsroot}",), id="unknown"),
        pytest.param("%(uname -m)", "%(uname -m)", ("%(uname -m)",), id="of a shell"),
        pytest.param("%{loop}", "%{loop}", (), id="of itself"),
    ],
)
def test_macros(text: str, expanded: str, unknown: tuple[str, ...]) -> None:
    macros = {"i": "$PREFIX", "tag": "v%{realversion}", "realversion": "1.0", "loop": "%{loop}"}
    assert expand(text, macros) == (expanded, unknown)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("export A=1", [("A", "1")], id="one"),
        pytest.param('export A="b c"; export D=e F', [("A", "b c"), ("D", "e")], id="several"),
        pytest.param("export A=1\nexport B=2 \n", [("A", "1"), ("B", "2")], id="lines"),
        pytest.param("export A=1 export B=2\nexport C=3", [("A", "1"), ("B", "2"), ("C", "3")],
                     id="lines run together"),
        pytest.param("export A=1 && export B='x;y'", [("A", "1"), ("B", "x;y")], id="and"),
        pytest.param("export A=1; make", None, id="more than that"),
        pytest.param("export A='x", None, id="quotes that do not end"),
        pytest.param("export -n A", None, id="an option"),
    ],
)  # fmt: skip
def test_exports(text: str, found: list[tuple[str, str]] | None) -> None:
    assert exports_of(text) == found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("| grep -v libclang", ["libclang"], id="one"),
        pytest.param("| grep -v py3-a | grep -v 'b'", ["a", "b"], id="two"),
        pytest.param("| grep -v -e a -e B_c", ["a", "b-c"], id="several"),
        pytest.param("| grep -vE '^py3-(a|b)$'", None, id="too clever"),
        pytest.param("| grep -vE 'a|b'", ["a", "b"], id="alternatives"),
        pytest.param("| sed s/a/b/", None, id="another program"),
        pytest.param("| grep a", None, id="not inverted"),
        pytest.param("| grep -v 'a", None, id="quotes that do not end"),
    ],
)
def test_waivers(text: str, names: list[str] | None) -> None:
    assert waived_by(text) == names


def test_variables_of_other_packages() -> None:
    text = "cp ${ZLIB_ROOT}/x $HOME $PREFIX $PYTHON3_LIB_SITE_PACKAGES"
    assert foreign_variables(text) == ["PYTHON3_LIB_SITE_PACKAGES", "ZLIB_ROOT"]
