"""Ranges of an advisory, whatever their form, against intervals that are counted out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from lamina.resolve.audit.advisory import Affected, fixes_after, judge

NUMBERS = st.lists(st.integers(1, 40), min_size=1, max_size=8, unique=True).map(sorted)


def events(bounds: list[int], *, last: bool) -> list[dict[str, str]]:
    """Return bounds by turns as what introduces and what ends a vulnerability."""
    end = "last_affected" if last else "fixed"
    return [{end if i % 2 else "introduced": f"{one}.0"} for i, one in enumerate(bounds)]


@given(bounds=NUMBERS, last=st.booleans(), version=st.integers(0, 41), data=st.data())
def test_a_version_is_affected_when_it_is_in_an_interval(
    bounds: list[int],
    last: bool,
    version: int,
    data: st.DataObject,
) -> None:
    shuffled = data.draw(st.permutations(events(bounds, last=last)))
    place = Affected.model_validate({"ranges": [{"type": "ECOSYSTEM", "events": shuffled}]})
    pairs = [(bounds[i], bounds[i + 1 : i + 2]) for i in range(0, len(bounds), 2)]
    inside = any(low <= version and (not high or version < high[0] + last) for low, high in pairs)
    assert judge(Version(str(version)), [place]) == ("affected" if inside else "clear")
    assert all(
        one > Version(str(version)) and judge(one, [place]) == "clear"
        for one in fixes_after(Version(str(version)), [place])
    )
