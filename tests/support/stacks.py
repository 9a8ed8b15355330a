"""Short stacks for tests."""

from __future__ import annotations

LINUX_312 = '["linux-64"]'


def stack_text(
    packages: str,
    *,
    platforms: str = LINUX_312,
    python: str = '"3.12"',
    resolve: str = "",
    more: str = "",
) -> str:
    """Return a lamina.toml with the given lines under its sections."""
    return f"""
[stack]
name = "small"
version = "1.0"
python = {python}
platforms = {platforms}

[resolve]
{resolve}

[packages]
{packages}

{more}
"""
