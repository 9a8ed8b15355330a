"""The policies of auditwheel, as we ask for them."""

from __future__ import annotations

import pytest

from lamina.core.errors import NotSupportedError
from lamina.engines.manylinux import policy_for
from lamina.model.platforms import Platform


@pytest.mark.parametrize(
    ("platform", "symbols", "tag"),
    [
        ("linux-64", ["GLIBC_2.2.5"], "manylinux1_x86_64.manylinux_2_5_x86_64"),
        ("linux-64", ["GLIBC_2.17", "OWN_1"], "manylinux2014_x86_64.manylinux_2_17_x86_64"),
        ("linux-64", ["GLIBC_2.2.5", "GLIBCXX_3.4.29"], "manylinux_2_34_x86_64"),
        ("linux-64", ["GLIBC_2.2.5", "GLIBC_ABI_DT_RELR"], "manylinux_2_36_x86_64"),
        ("linux-aarch64", ["GLIBC_2.28"], "manylinux_2_28_aarch64"),
    ],
)
def test_symbols_say_how_old_a_system_may_be(platform: str, symbols: list[str], tag: str) -> None:
    found = policy_for(Platform(platform), symbols)
    assert (found.tag, found.known) == (tag, True)
    assert found.has("libc.so.6")
    assert found.has("ld-linux-x86-64.so.2")
    assert not found.has("libcrypto.so.3")


def test_what_is_newer_than_all_of_them_says_so() -> None:
    found = policy_for(Platform.LINUX_64, ["GLIBC_2.999"])
    assert (found.tag, found.known) == ("linux_x86_64", False)
    assert found.has("libc.so.6")
    assert not found.has("libcrypto.so.3")


def test_other_systems_are_refused() -> None:
    with pytest.raises(NotSupportedError, match="only those of Linux"):
        policy_for(Platform.OSX_ARM64, [])
