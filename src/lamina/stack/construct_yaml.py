"""Read construct.yaml, the file of conda's constructor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import DocumentError, Problem
from lamina.model.platforms import Platform
from lamina.stack.conda_reading import CondaReading
from lamina.stack.environment_yml import selected
from lamina.stack.selectors import selectors_of
from lamina.stack.yaml_nodes import load_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.model.platforms import PythonSeries
    from lamina.stack.imported import Imported
    from lamina.stack.yaml_nodes import Located

_INSTALLER = "about the installer, not about what is installed"
_WHY = {
    "version": "the version of its next release is that of --version",
    "exclude": "a solver takes what is needed; leave it out of what needs it",
    "post_install": "put it into a package, or into [test] commands if it checks something",
    "pre_install": "put it into a package",
    "environment_file": "start another stack from it: lamina init --from",
    "extra_envs": "a stack is one environment; start another stack for it",
    "channels_remap": "LAMINA_CHANNEL_<NAME> says where a channel is on a machine",
    "conda_default_channels": "LAMINA_CHANNEL_<NAME> says where a channel is on a machine",
    "conda_channel_alias": "LAMINA_CHANNEL_<NAME> says where a channel is on a machine",
}


def read_construct(path: Path, default_python: PythonSeries) -> Imported:
    """Read channels, specs and virtual specs; a selector limits its line to platforms.

    Raises DocumentError for what is no such file, with every bad line.
    """
    text, document = load_yaml(path)
    if not document.pairs:
        raise DocumentError(path, [Problem(where="", found="no keys such as 'specs'")])
    reading = CondaReading(path=path, default_python=default_python)
    selectors = selectors_of(text)
    for key, value in document.pairs:
        if key == "name":
            reading.name = value.text
        elif key in {"channels", "specs", "user_requested_specs", "virtual_specs"}:
            _each(reading, key, value, selectors)
        else:
            reading.leave(value.line, _shown(key, value), _WHY.get(key, _INSTALLER))
    return reading.imported()


def _each(reading: CondaReading, key: str, value: Located, selectors: dict[int, str]) -> None:
    if isinstance(value.value, tuple):
        reading.wrong(value.line, f"{key} is no list")
    for one in value.items:
        if one.text is None:
            reading.wrong(one.line, f"an item of {key} that is no text")
            continue
        platforms = selected(reading, one.line, f"{key}: {one.text}", selectors)
        if platforms is None:
            continue
        match key:
            case "channels":
                reading.add_channel(one.text, one.line)
            case "virtual_specs":
                _virtual(reading, one.text, one.line, platforms or frozenset(Platform))
            case _:
                reading.add_spec(one.text, one.line, platforms)


def _virtual(reading: CondaReading, text: str, line: int, platforms: frozenset[Platform]) -> None:
    """Take ``__glibc >=2.17`` as what machines have at least."""
    name, operator, version = text.replace(" ", "").partition(">=")
    if operator and version and not set(version) & set(",|<>=*"):
        if name == "__osx":
            platforms = frozenset({Platform.OSX_64, Platform.OSX_ARM64})
        reading.add_virtual(name, version, platforms)
    else:
        reading.leave(line, text, "[resolve] virtual says what there is, as __cuda = '12.4'")


def _shown(key: str, value: Located) -> str:
    texts = [one.text for one in value.items if one.text is not None]
    return f"{key}: {', '.join(texts)}" if 0 < len(texts) <= 5 else key
