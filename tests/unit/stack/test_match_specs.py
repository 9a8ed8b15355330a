from __future__ import annotations

import pytest

from lamina.stack.match_specs import read_match_spec


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy 1.26.*"),
        ("numpy=1.26.*", "numpy 1.26.*"),
        ("numpy = 1.26", "numpy 1.26.*"),
        ("numpy==1.26", "numpy ==1.26"),
        ("numpy 1.26", "numpy ==1.26"),
        ("numpy 1.26.*", "numpy 1.26.*"),
        ("numpy=1.26=py_0", "numpy ==1.26 py_0"),
        ("numpy 1.26 py_0", "numpy ==1.26 py_0"),
        ("numpy=1.26.*=*openblas*", "numpy 1.26.* *openblas*"),
        ("numpy=*=py_0", "numpy * py_0"),
        ("numpy >= 1.2 , <2", "numpy >=1.2,<2"),
        ("numpy>=1.2=py_0", "numpy >=1.2 py_0"),
        ("numpy 1.26|1.27", "numpy ==1.26|==1.27"),
        ("numpy[version='>=1,<2', build=py*]", "numpy >=1,<2 py*"),
        ("NumPy ~=1.2", "numpy ~=1.2"),
        ("a=1!2.0+x", "a 1!2.0+x.*"),
    ],
)
def test_what_conda_users_write(text: str, read: str) -> None:
    assert str(read_match_spec(text)) == read


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("conda-forge::numpy", "conda-forge"),
        ("ours/label/main::numpy >=2", "ours/label/main"),
        ("https://conda.example.org/ours::numpy", "https://conda.example.org/ours"),
        ("numpy[channel=ours]", "ours"),
    ],
)
def test_a_channel_of_its_own(text: str, channel: str) -> None:
    assert read_match_spec(text).channel == channel


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a MatchSpec"),
        ("numpy=>1", "not a version"),
        ("a b c d", "more than a version"),
        ("numpy[build_number='>=1']", "build_number"),
        ("numpy[version", "not a MatchSpec"),
        ("__glibc >=2.17", "not the name"),
        ("ours/linux-64::numpy", "part of a channel"),
        ("https://me:secret@x.org/ours::numpy", "credentials"),
        ("https://x.org/t/secret/ours::numpy", "credentials"),
        ("git+https://x.org/y", "not a MatchSpec"),
    ],
)
def test_what_a_stack_cannot_say(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read_match_spec(text)
    assert "secret" not in str(caught.value)
