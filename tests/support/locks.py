"""Locks made by hand."""

from __future__ import annotations

from typing import Any

from lamina.lock.document import Lock
from lamina.model.document import validate

LINUX, MACOS = "linux-64/3.12", "osx-arm64/3.12"


def file_entry(filename: str, *targets: str, **more: Any) -> dict[str, Any]:
    """Return the table of a file."""
    where = {"targets": list(targets)} if targets else {}
    return {"file": filename, "sha256": "a" * 64} | where | more


def package_entry(name: str, version: str = "1.0", **more: Any) -> dict[str, Any]:
    """Return the table of a package with one wheel for everything."""
    return {
        "name": name,
        "version": version,
        "index": "pypi",
        "requested-by": ["stack"],
        "artifacts": [file_entry(f"{name}-{version}-py3-none-any.whl")],
    } | more


def lock_data(*packages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a lock for two targets, as it is read from a file."""
    return {
        "schema": 1,
        "stack": "small",
        "stack-digest": "0" * 64,
        "targets": [LINUX, MACOS],
        "package": list(packages),
    } | more


def make_lock(*packages: dict[str, Any], **more: Any) -> Lock:
    """Return a lock for two targets."""
    return validate(Lock, lock_data(*packages, **more), "lamina.lock")
