"""Read environment.yml, the file of ``conda env``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import DocumentError, Problem
from lamina.model.platforms import Platform
from lamina.stack.conda_reading import EVERYWHERE, CondaReading
from lamina.stack.selectors import selected_platforms, selectors_of
from lamina.stack.yaml_nodes import load_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.model.platforms import PythonSeries
    from lamina.stack.imported import Imported
    from lamina.stack.yaml_nodes import Located

_WHY = {
    "variables": "set them in the shell or job that uses the release",
    "prefix": "a release has its place below a root",
}


def read_environment(path: Path, default_python: PythonSeries) -> Imported:
    """Read channels, conda packages and the part for pip; selectors limit a line to platforms.

    Raises DocumentError for what is no such file, with every bad line.
    """
    text, document = load_yaml(path)
    if not document.pairs:
        raise DocumentError(path, [Problem(where="", found="no keys such as 'dependencies'")])
    reading = CondaReading(path=path, default_python=default_python)
    selectors = selectors_of(text)
    for key, value in document.pairs:
        match key:
            case "name":
                reading.name = value.text
            case "channels":
                _each_channel(reading, value)
            case "platforms":
                for one in value.items:
                    add_platform(reading, one.text or "", one.line)
            case "dependencies":
                _dependencies(reading, value, selectors)
            case _:
                _other(reading, key, value)
    return reading.imported()


def _each_channel(reading: CondaReading, value: Located) -> None:
    for one in value.items:
        if one.text is None:
            reading.wrong(one.line, "a channel that is no text")
        else:
            reading.add_channel(one.text, one.line)


def add_platform(reading: CondaReading, text: str, line: int) -> None:
    """Take a platform, if it is one of ours."""
    if text in set(Platform):
        reading.platforms.append(Platform(text))
    else:
        reading.leave(line, f"platform {text}", f"lamina knows {', '.join(Platform)}")


def selected(
    reading: CondaReading, line: int, what: str, selectors: dict[int, str]
) -> frozenset[Platform] | None:
    """Return where a line counts, None where it does not count at all."""
    if (expression := selectors.get(line)) is None:
        return EVERYWHERE
    try:
        platforms = selected_platforms(expression)
    except ValueError as error:
        reading.leave(line, what, str(error))
        return None
    if not platforms:
        reading.leave(line, what, f"# [{expression}] is no platform of lamina")
        return None
    return EVERYWHERE if len(platforms) == len(Platform) else platforms


def _dependencies(reading: CondaReading, value: Located, selectors: dict[int, str]) -> None:
    if not isinstance(value.value, list):
        if value.value is not None:
            reading.wrong(value.line, "dependencies is no list")
        return
    for one in value.value:
        if one.text is not None:
            platforms = selected(reading, one.line, one.text, selectors)
            if platforms is not None:
                reading.add_spec(one.text, one.line, platforms)
            continue
        if not one.pairs:
            reading.wrong(one.line, "a dependency that is no text")
        for key, lines in one.pairs:
            if key == "pip":
                _pip(reading, lines, selectors)
            else:
                reading.leave(one.line, key, "lamina knows the part 'pip:' only")


def _pip(reading: CondaReading, value: Located, selectors: dict[int, str]) -> None:
    for one in value.items:
        if one.text is None:
            reading.wrong(one.line, "a requirement that is no text")
            continue
        platforms = selected(reading, one.line, one.text, selectors)
        if platforms is not None:
            reading.add_pip(one.text, one.line, platforms)


def _other(reading: CondaReading, key: str, value: Located) -> None:
    why = _WHY.get(key, "lamina.toml has nothing for it")
    if not value.pairs:
        reading.leave(value.line, key, why)
    for name, one in value.pairs:
        reading.leave(one.line, f"{key}: {name}", why)
