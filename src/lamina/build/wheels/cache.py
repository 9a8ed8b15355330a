"""Built wheels, each by the digest of all that went into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.core import fs, report
from lamina.model.digests import Sha256, digest_of_value, parse_sha256
from lamina.model.told_versions import variables_of_the_stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROVENANCE_NAME = "provenance.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltWheel:
    """A wheel of the cache."""

    path: Path
    sha256: Sha256
    key: Sha256
    provenance: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelCache:
    """A directory with one directory for each key, made in one step and never changed."""

    directory: Path

    def find(self, key: Sha256) -> BuiltWheel | None:
        """Return the wheel of a key; one that is not as it was put there is taken away."""
        place = self._place(key)
        if not place.is_dir():
            return None
        try:
            told = json.loads((place / PROVENANCE_NAME).read_text(encoding="utf-8"))
            path = place / str(told["wheel"]["file"])
            digest = parse_sha256(told["wheel"]["sha256"])
            sound = path.parent == place and fs.sha256_of(path) == digest
        except (OSError, ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            report.warn(f"{place}: not as it was built; it is built again")
            fs.remove_tree(place)
            return None
        return BuiltWheel(path=path, sha256=digest, key=key, provenance=told)

    def put(
        self, key: Sha256, wheel: Path, provenance: Mapping[str, Any], *, scratch: Path
    ) -> BuiltWheel:
        """Keep a wheel with its provenance, which says its digest; raises StorageError.

        ``scratch``: a directory on the same file system, which somebody else takes away.
        """
        beside, place = scratch / "kept", self._place(key)
        for directory in (beside, place.parent):
            fs.make_directory(directory)
        fs.copy_file(wheel, beside / wheel.name)
        text = json.dumps(provenance, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        fs.write_text(beside / PROVENANCE_NAME, text)
        fs.remove_tree(place)
        fs.rename(beside, place)
        self._remember(provenance)
        found = self.find(key)
        assert found is not None  # noqa: S101 - it has just been put there
        return found

    def last_inputs(self, name: str) -> Mapping[str, Any] | None:
        """Return what went into the last build of a package here, None where there was none."""
        try:
            told = json.loads(self._last(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None

    def _remember(self, provenance: Mapping[str, Any]) -> None:
        inputs = provenance["inputs"]
        path = self._last(inputs["name"])
        fs.make_directory(path.parent)
        fs.write_text(path, json.dumps(inputs, sort_keys=True), durable=False)

    def _last(self, name: str) -> Path:
        return self.directory / "last" / f"{name}.json"

    def _place(self, key: Sha256) -> Path:
        return self.directory / "wheels" / key[:32]


def key_of(inputs: Mapping[str, Any]) -> Sha256:
    """Return the key of a build."""
    return digest_of_value(inputs)


_WORDS = {
    "source": "its source",
    "patches": "its patches",
    "hooks": "its hooks",
    "env": "its env",
    "config": "its config",
    "flags": "the flags of compilers",
    "python": "the Python",
    "compiler": "the compiler",
    "version": "its version",
    "network": "network",
    "format": "lamina",
    "parents": "the ABI of a parent",
}


def reason_of(inputs: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """Return why something is built, by what went into it the last time."""
    if before is None:
        return "not built here yet"
    found = said_differently({key: inputs.get(key) for key in ("name", *_WORDS)}, before)
    found += [
        f"{name}, which it is built with" for name in _changed("requirements", inputs, before)
    ]
    found += [f"the conda package {name}" for name in _changed("conda", inputs, before)]
    return f"{', '.join(found)} changed" if found else "no longer in the cache"


def said_differently(some: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return in which of some inputs a build is another one than before.

    The variables by which lamina tells a version do not count: the version does.
    """
    some = {**some, "env": variables_of_the_stack(some)}
    before = {**before, "env": variables_of_the_stack(before)}
    keys = {key for key in some if some[key] != before.get(key)}
    # What is said only where there is some, and is not any more.
    keys |= {key for key in ("config",) if before.get(key) != some.get(key)}
    return [word for key, word in _WORDS.items() if key in keys]


def _changed(key: str, inputs: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return the names of packages that are others than before, or gone."""
    now, then = ({one["name"]: one for one in each.get(key, ())} for each in (inputs, before))
    return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))
