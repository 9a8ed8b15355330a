"""The beginning of a release: its interpreter, and what it may share with earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.release.conda_part import conda_interpreter, install_conda, mend_scripts
from lamina.release.draft import Draft, python_of
from lamina.release.earlier import earlier_releases
from lamina.release.place import final_place

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.interpreters import Interpreter
    from lamina.release.draft import PublishRequest
    from lamina.release.manifest import Manifest
    from lamina.release.root import Release, Root


def begin(
    request: PublishRequest, release: Release, root: Root, stage: Path, made: Manifest | None = None
) -> Draft:
    """Begin a release in an empty stage; its conda packages, if it has any, are in there then.

    ``made``: what the release is that is only made once more. Raises what installing raises.
    """
    fs.make_directory(stage)
    interpreter = _interpreter(request, release, stage)
    python = python_of(request, interpreter, release.prefix)
    # Where the tests run as if it were published; None without mount namespaces.
    place = final_place(
        stage=stage,
        final=release.prefix,
        environ=request.environ,
        log=request.log,
        interpreter=interpreter.prefix if request.conda is None else None,
    )
    if request.conda is not None:
        mend_scripts(
            stage, release.prefix, interpreter, at=stage if place is None else release.prefix
        )
    return Draft(
        request=request,
        release=release,
        stage=stage,
        interpreter=interpreter,
        earlier=earlier_releases(root, release, python, itself=made is not None),
        place=place,
        made=made,
    )


def _interpreter(request: PublishRequest, release: Release, stage: Path) -> Interpreter:
    if request.interpreter is not None:
        return request.interpreter
    assert request.conda is not None  # noqa: S101
    install_conda(request, request.conda, stage, release.prefix)
    return conda_interpreter(request, stage)
