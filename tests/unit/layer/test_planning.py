"""The union as a question, and the plan as the answer: no process, no network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from lamina.core.errors import NotSupportedError, UnsatisfiableError, UsageError
from lamina.engines.uv_compile import Resolved
from lamina.layer.plan import plan_change, plan_value, render_plan
from lamina.layer.reasons import Refusal, shortened, shortest_reason
from lamina.layer.union import Ground, ground_of, merged, parse_requests, union_of
from lamina.model.artifacts import Artifact
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX
from support.bases import distribution, probe

if TYPE_CHECKING:
    from lamina.engines.probe import Distribution

NUMPY = distribution("numpy", "1.26.4")
PANDAS = distribution("pandas", "2.1.4", "numpy<2", 'old; python_version < "3"', 'x; extra == "e"')
BROKEN = distribution("broken", "1.0", "numpy>=99", "missing", "pandas>=2")
LOCAL = distribution("root", "6.30+site")


def ground(*own: Distribution, managed: tuple[str, ...] = ()) -> Ground:
    base = probe(NUMPY, PANDAS, BROKEN, LOCAL, distribution("weird", "not-a-version"))
    return ground_of(base, own, {canonicalize_name(name): ("as before",) for name in managed})


def test_every_name_of_the_base_is_part_of_the_union() -> None:
    union = union_of(ground(), ["numpy>=2"], {})
    assert union.requirements == ("broken", "numpy", "pandas", "root", "numpy>=2")
    assert union.preferences == (
        "broken==1.0", "numpy==1.26.4", "pandas==2.1.4", "root==6.30+site",
    )  # fmt: skip


def test_nothing_falls_below_the_base_but_what_was_asked_to() -> None:
    union = union_of(ground(), ["numpy<1.25"], {})
    assert union.constraints == ("broken>=1.0", "pandas>=2.1.4", "root>=6.30")


def test_a_request_that_the_base_meets_keeps_the_floor() -> None:
    assert "numpy>=1.26.4" in union_of(ground(), ["numpy<2"], {}).constraints


def test_what_the_base_leaves_open_is_no_matter_of_the_layers() -> None:
    known = {str(one.name): one.requires for one in union_of(ground(), [], {}).known}
    assert known["broken"] == ("pandas>=2",)
    assert known["pandas"] == ("numpy<2", 'x; extra == "e"')


def test_requirements_by_address_are_no_matter_for_the_index() -> None:
    """``pip install git+...`` leaves them; the solver would fetch from there."""
    direct = distribution("direct", "1.0", "numpy @ https://index.example.org/numpy.whl", "root")
    found = ground_of(probe(NUMPY, LOCAL, direct), (), {})
    known = {str(one.name): one.requires for one in union_of(found, [], {}).known}
    assert known["direct"] == ("root",)


def test_what_is_foreign_stays_where_it_is() -> None:
    mine = distribution("mine", "0.1")
    over = distribution("numpy", "2.0")
    found = ground(mine, over, distribution("lifted", "3"), managed=("lifted",))
    union = union_of(found, [], {})
    assert {"mine==0.1", "numpy==2.0"} <= set(union.requirements)
    assert "lifted==3" not in union.requirements
    assert not any(one.startswith("numpy>=") for one in union.constraints)


def solution(**versions: str) -> dict[str, Resolved]:
    via = {"numpy": ("pandas", "helper"), "helper": ("pandas",)}
    return {
        name: Resolved(
            name=canonicalize_name(name),
            version=version,
            via=tuple(map(canonicalize_name, via.get(name, ()))),
        )
        for name, version in versions.items()
    }


LIFTED = solution(numpy="2.5", pandas="3.0", broken="1.0", root="6.30+site", helper="1.0")


def test_the_reasons() -> None:
    plan = plan_change(ground(), ["numpy>=2"], LIFTED)  # type: ignore[arg-type]
    assert {one.name: one.because for one in plan.placed} == {
        "numpy": ("you asked for numpy>=2",),
        "pandas": ("pandas 2.1.4 needs numpy<2, not 2.5",),
        "helper": ("pandas 3.0 needs it",),
    }
    assert plan.kept == 2


def test_a_package_lifted_for_another() -> None:
    plan = plan_change(ground(), ["pandas>=3"], LIFTED)  # type: ignore[arg-type]
    numpy = next(one for one in plan.placed if one.name == "numpy")
    assert numpy.because == ("pandas 3.0 needs a newer one", "helper 1.0 needs a newer one")


def test_what_goes_and_what_shows_again() -> None:
    own = (distribution("numpy", "2.5"), distribution("extra", "1"), distribution("mine", "1"))
    there = ground(*own, managed=("numpy", "extra"))
    kept = solution(numpy="1.26.4", pandas="2.1.4", broken="1.0", root="6.30+site", mine="1")
    plan = plan_change(there, [], kept)  # type: ignore[arg-type]
    assert dict(plan.removed) == {"extra": "1", "numpy": "2.5"}
    assert dict(plan.uncovered) == {"numpy": "1.26.4"}
    assert not plan.placed
    assert "numpy 2.5  (1.26.4 of the base again)" in render_plan(plan)


def file(name: str, size: int | None) -> Artifact:
    return Artifact(
        package=canonicalize_name(name), version="1", index=PUBLIC_INDEX,
        filename=f"{name}.whl", sha256=Sha256("0" * 64), size=size,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "total", "text"),
    [([1024, 2048], 3072, "3.0 KiB to fetch"), ([5, None], None, "removed"), ([], 0, "removed")],
    ids=["known", "unknown", "nothing"],
)
def test_the_plan_as_text_and_value(sizes: list[int | None], total: int | None, text: str) -> None:
    plan = plan_change(ground(), ["numpy>=2"], LIFTED)  # type: ignore[arg-type]
    plan = dataclasses.replace(
        plan, files={file(f"p{n}", size): "" for n, size in enumerate(sizes)}
    )
    assert plan.size == total
    assert render_plan(plan).endswith(text)
    assert "^ numpy 2.5 over 1.26.4 of the base: you asked for numpy>=2" in render_plan(plan)
    value = plan_value(plan)
    assert value["bytes"] == total
    assert value["packages"][0] == {
        "name": "helper", "version": "1.0", "over": None, "before": None, "installs": True,
        "because": ["pandas 3.0 needs it"],
    }  # fmt: skip


def test_requests_are_merged_by_name() -> None:
    assert merged(["B==1", "a"], parse_requests(["b>=2", "C_c"])) == ["a", "b>=2", "C_c"]


@pytest.mark.parametrize(
    ("text", "kind"), [("-x", UsageError), ("a @ file:///x.whl", NotSupportedError)]
)
def test_what_is_no_request(text: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        parse_requests([text])


UV = """error: No solution found when resolving dependencies
cause: Because pandas<=2.1.4 depends on numpy<2 and you require numpy>=2, we can conclude that \
your requirements and pandas<=2.1.4 are incompatible."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UV, "pandas<=2.1.4 depends on numpy<2 and you require numpy>=2"),
        ("cause: there is no version of a==9", "there is no version of a==9"),
    ],
)
def test_the_solvers_words_are_shortened(text: str, expected: str) -> None:
    assert shortened(text) == expected


def test_long_derivations_are_cut() -> None:
    text = "cause: Because a depends on b. " + "And because c needs d. " * 60
    assert len(shortened(text)) <= 400
    assert shortened("x " * 500).endswith("[...]")


def refusal(asked: list[str], *possible: str) -> Refusal:
    return Refusal(layer=Path("/my layer"), asked=asked, possible=possible, log=Path("/l/uv.log"))


def test_what_could_be_asked_instead_comes_first() -> None:
    error = shortest_reason(UnsatisfiableError(UV), ground(), refusal(["numpy>=9"], "numpy==2.1"))
    assert error.hints[0] == "this is possible: lamina layer add '/my layer' numpy==2.1"


def test_a_conflict_names_what_the_base_has() -> None:
    error = shortest_reason(UnsatisfiableError(UV), ground(), refusal(["numpy>=2"]))
    assert error.message.startswith("cannot add numpy>=2: pandas")
    assert error.hints == (
        "the base has pandas 2.1.4; unless asked to, a layer does not go below",
        "everything the solver said: /l/uv.log",
    )


def test_an_unknown_package_gets_a_suggestion() -> None:
    said = UnsatisfiableError("cause: Because nunpy was not found in the package registry and ...")
    error = shortest_reason(said, ground(), refusal(["nunpy"]))
    assert error.message == (
        "cannot add nunpy: the index has no package 'nunpy' (did you mean 'numpy'?)"
    )
