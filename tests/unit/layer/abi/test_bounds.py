"""Which compiled modules bound numpy."""

from __future__ import annotations

import dataclasses

import pytest
from packaging.utils import canonicalize_name

from lamina.engines.uv_compile import Resolved
from lamina.layer.abi.bounds import NUMPY, Bound, numpy_bounds
from lamina.layer.plan import plan_change, plan_value
from lamina.layer.union import Ground, ground_of, union_of
from support.bases import probe
from support.compiled import binary, distribution, scan

OLD = {NUMPY: "1.26.4"}
H5PY = canonicalize_name("h5py")
ALONE = canonicalize_name("alone")
FOR_1 = Bound(
    package=H5PY,
    version="3.10.0",
    requirement="numpy<2",
    reason="h5py 3.10.0 is compiled for numpy 1",
)
NOT_ALONE = Bound(
    package=ALONE, version="1.0", requirement="alone!=1.0", reason="alone 1.0 does not import"
)


def test_c_modules_for_numpy_1_bound_it() -> None:
    one = scan("h5py", "3.10.0", binary("h5py/a.so", numpy="either"), binary("b.so", numpy="one"))
    assert numpy_bounds([one], OLD) == ((FOR_1,), ())


def test_pybind11_modules_are_left_to_the_import() -> None:
    one = scan("iminuit", "2.24.0", binary("a.so", numpy="one", direct=False, pybind11="4"))
    assert numpy_bounds([one], OLD) == ((), (one,))


def test_what_is_ready_for_numpy_2_states_its_floor() -> None:
    one = scan("new", "1", binary("a.so", numpy="either", floor="1.9"),
               binary("b.so", numpy="either", floor="1.23"))  # fmt: skip
    bounds, doubtful = numpy_bounds([one], OLD)
    assert [one.requirement for one in bounds] == ["numpy>=1.23"]
    assert not doubtful


@pytest.mark.parametrize(
    ("numpy", "bounds"), [("2.1", 0), ("1.26.4", 1), ("2.0.0rc1", 0)], ids=["2", "1", "rc"]
)
def test_what_is_broken_already_is_no_bound(numpy: str, bounds: int) -> None:
    one = scan("h5py", "3.10.0", binary("a.so", numpy="one"))
    assert len(numpy_bounds([one], {NUMPY: numpy})[0]) == bounds


def test_without_numpy_every_bound_holds() -> None:
    """As for what comes in: which numpy it will meet is for the plan to say."""
    one = scan("h5py", "3.10.0", binary("a.so", numpy="one"))
    assert numpy_bounds([one], {}) == ((FOR_1,), ())
    assert not FOR_1.broken_by({})
    assert FOR_1.broken_by({NUMPY: "2.0"})


def test_numpy_does_not_bound_itself() -> None:
    assert numpy_bounds([scan("numpy", "1.26.4", binary("a.so", numpy="one"))], OLD) == ((), ())


def ground(*bounds: Bound) -> Ground:
    base = probe(
        distribution("h5py", "3.10.0", "numpy"),
        distribution("numpy", "1.26.4"),
        distribution("alone", "1.0"),
    )
    return dataclasses.replace(ground_of(base, (), {}), bounds=bounds)


def test_bounds_are_part_of_what_is_known() -> None:
    union = union_of(ground(FOR_1, NOT_ALONE), ["numpy>=2"], {})
    known = {one.name: one.requires for one in union.known}
    assert known[H5PY] == ("numpy", "numpy<2")
    assert known[ALONE] == ()
    assert "alone!=1.0" in union.constraints
    assert "numpy<2" not in union.constraints


def test_a_bound_is_that_of_one_version() -> None:
    other = dataclasses.replace(FOR_1, version="3.9.0")
    known = {one.name: one.requires for one in union_of(ground(other), [], {}).known}
    assert known[H5PY] == ("numpy",)


@pytest.mark.parametrize("managed", [True, False], ids=["lamina-s", "foreign"])
def test_what_is_in_the_layer_is_bound_as_well(*, managed: bool) -> None:
    one = distribution("mine", "2.0", "numpy>=1")
    name = canonicalize_name("mine")
    bound = Bound(package=name, version="2.0", requirement="numpy<2", reason="compiled")
    found = dataclasses.replace(
        ground(bound), own={name: one}, managed={name: ("asked",)} if managed else {}
    )
    known = {one.name: one.requires for one in union_of(found, ["mine"], {}).known}
    assert known[name] == ("numpy>=1", "numpy<2")


def test_the_reason_is_the_compiler() -> None:
    versions = {"h5py": "3.16.0", "numpy": "2.1", "alone": "2.0"}
    solution = {
        canonicalize_name(name): Resolved(name=canonicalize_name(name), version=version, via=())
        for name, version in versions.items()
    }
    plan = plan_change(ground(FOR_1, NOT_ALONE), ["numpy>=2"], solution)
    assert {one.name: one.because for one in plan.placed} == {
        "h5py": ("h5py 3.10.0 is compiled for numpy 1",),
        "numpy": ("you asked for numpy>=2",),
        "alone": ("alone 1.0 does not import",),
    }
    assert plan.moved == {"h5py", "numpy", "alone"}
    value = plan_value(plan)
    assert value["bounds"][0] == {
        "package": "h5py",
        "requirement": "numpy<2",
        "reason": "h5py 3.10.0 is compiled for numpy 1",
    }
    assert value["imports"] is None
