"""The wheel that a back end has made: checked, and written once more with what it was built of."""

from __future__ import annotations

import json
import tempfile
import zipfile
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from lamina.build.wheels.fetching import extract_zip, refuse_another
from lamina.core import fs
from lamina.core.errors import BuildFailedError
from lamina.model.platforms import SystemFloor
from lamina.press.wheel_writing import write_wheel
from lamina.release.alterations import BUILD_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lamina.model.artifacts import Artifact
    from lamina.model.platforms import Target

_NEWEST = SystemFloor(glibc=(2, 99), macos=(99, 0))
"""What is built here is for here, however new that is."""
_MOMENT = datetime(1980, 1, 1, tzinfo=UTC)


def finish_wheel(
    built: Path, directory: Path, artifact: Artifact, target: Target, inputs: Mapping[str, Any],
    *, settle: Callable[[Path], None] = lambda _tree: None,
) -> Path:  # fmt: skip
    """Write a wheel with its inputs in its metadata and return it; the same gives the same bytes.

    ``settle`` may change what it is of, unpacked in a directory.

    Raises BuildFailedError for what is no wheel, is another package's, or not for the target.
    """
    if not built.is_file():
        raise BuildFailedError(f"{artifact.package}: the build made no wheel")
    _check_name(built.name, artifact, target)
    with tempfile.TemporaryDirectory(dir=directory, prefix="finish-") as name:
        tree = Path(name)
        try:
            with zipfile.ZipFile(built) as archive:
                extract_zip(archive, tree)
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            raise BuildFailedError(
                f"{artifact.package}: {built.name} is no wheel: {error}"
            ) from error
        infos = [path for path in tree.glob("*.dist-info") if (path / "METADATA").is_file()]
        if len(infos) != 1:
            raise BuildFailedError(f"{artifact.package}: {built.name} has no metadata of its own")
        told = HeaderParser().parsestr((infos[0] / "METADATA").read_text("utf-8", "replace"))
        refuse_another(told.get("Name", ""), told.get("Version", ""), artifact, built.name)
        settle(tree)
        text = json.dumps(inputs, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        fs.write_text(infos[0] / BUILD_NAME, text, durable=False)
        for old in ("RECORD", "RECORD.jws", "RECORD.p7s"):
            fs.remove_file(infos[0] / old)
        files = [path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()]
        target_path = directory / built.name
        write_wheel(tree, files, infos[0].name, target_path, moment=_MOMENT)
    return target_path


def _check_name(filename: str, artifact: Artifact, target: Target) -> None:
    try:
        name, version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise BuildFailedError(f"{artifact.package}: {filename} is no wheel") from error
    refuse_another(name, str(version), artifact, filename)
    if tags.isdisjoint(target.wheel_tags(_NEWEST)):
        raise BuildFailedError(
            f"{artifact.package}: the build made {filename}, which is not for {target}"
        )
