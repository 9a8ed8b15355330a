"""Who asked for a package of a release that has packages of both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.lock.conda import LockedProvision
from lamina.lock.document import LockedDependency
from lamina.model.document import validate
from lamina.release.contents import read_contents
from lamina.release.diff import diff_releases
from lamina.release.root import open_root
from lamina.release.why import explain, render_reason

if TYPE_CHECKING:
    from support.conda_releases import Published


def test_who_asked_is_known_across_both_sides(published: Published) -> None:
    contents = read_contents(published.outcome.release)
    name = canonicalize_name("caller")
    caller = contents.locked[name]
    needs = validate(LockedDependency, {"name": "tool-box"}, "lamina.lock")
    locked = {name: caller.model_copy(update={"dependencies": (needs,)})}
    provided = validate(LockedProvision, {"name": "tool-box", "version": "1.2"}, "lamina.lock")
    asked = {"provides": (provided,), "requested_by": ("pypi:caller",)}
    conda = tuple(
        one.model_copy(update=asked) if one.name == "tool-box" else one for one in contents.conda
    )
    changed = replace(contents, locked=locked, conda=conda)
    reason = explain(open_root(published.request.root), changed, "tool-box")
    assert "  needed by caller 1.0\n" in render_reason(reason)
    there = {key: one for key, one in contents.packages.items() if key != "tool-box"}
    (added,) = diff_releases(replace(changed, packages=there), changed).packages
    assert (added.name, added.because) == ("tool-box", ("caller",))
