"""Builds from source in lamina.toml: hooks of a package, and what holds for every build."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from lamina.model.document import Document
from lamina.model.fields import PlatformField
from lamina.model.platforms import Platform

_NEEDED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/-]*")
BUILD_HOOKS = ("pre-prepare", "post-prepare", "pre-build", "post-build")
"""Those of the build, in their order."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _check_march(text: str) -> str:
    # Few stacks name one, and what is known of them is a file of 100 kB.
    from lamina.model.processors import check_march

    return check_march(text)


def _check_needed(text: str) -> str:
    if not _NEEDED.fullmatch(text) or ".." in text:
        raise ValueError(f"{text!r} names no program, header, library or module of pkg-config")
    return text


def _check_variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of an environment variable")
    return text


def _flags(value: Any) -> Any:
    """Take flags as one text or as an array."""
    return tuple(value.split()) if isinstance(value, str) else value


def _by_platform(value: Any) -> Any:
    """Take one micro-architecture as that of all platforms that have such processors."""
    if not isinstance(value, str):
        return value
    march = _check_march(value)
    from lamina.model.processors import runs_on

    return {one: march for one in Platform if runs_on(march, one)}


def _setting(value: Any) -> Any:
    """Take a text or an array of texts; raises ValueError for anything else."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if isinstance(value, str):
        return value
    raise ValueError(f"found {value!r}; expected a string (in quotes), or an array of them")


_MarchField = Annotated[str, AfterValidator(_check_march)]
MarchTable = Annotated[
    dict[PlatformField, _MarchField],
    BeforeValidator(_by_platform, json_schema_input_type=str | dict[PlatformField, str]),
]
NeededField = Annotated[str, AfterValidator(_check_needed)]
"""What a machine has to have: ``cmake``, ``zlib.h``, ``libz`` or ``zlib.pc``."""
VariableField = Annotated[str, AfterValidator(_check_variable)]
FlagsField = Annotated[
    tuple[str, ...],
    Field(strict=False),
    BeforeValidator(_flags, json_schema_input_type=str | list[str]),
]
ConfigField = dict[
    Annotated[str, Field(min_length=1)],
    Annotated[
        str | tuple[str, ...], BeforeValidator(_setting, json_schema_input_type=str | list[str])
    ],
]


class HookTable(Document):
    """Commands around the steps of a package's build, each run by ``/bin/sh -e``."""

    pre_prepare: str | None = None
    """Before the sources are unpacked."""
    post_prepare: str | None = None
    """After the sources are unpacked and patched, in ``$SRC``."""
    pre_build: str | None = None
    """Before the wheel is built."""
    post_build: str | None = None
    """After the wheel is built; ``$WHEEL`` is its path."""
    pre_install: str | None = None
    """Before the packages of a release are installed."""
    post_install: str | None = None
    """After they are installed; ``$PREFIX`` is where the release is being made."""

    def of(self, *names: str) -> dict[str, str]:
        """Return the commands that are given, of some of the hooks (``pre-build``), in order."""
        given = ((name, getattr(self, name.replace("-", "_"))) for name in names)
        return {name: text for name, text in given if text}


class BuildTable(Document):
    """What holds for every build from source."""

    cflags: FlagsField = ()
    """Added to the flags of C, in ``CFLAGS``: one text, or an array with a flag each."""
    cxxflags: FlagsField = ()
    """Added to the flags of C++, in ``CXXFLAGS``, as ``cflags`` are; none: those of C."""
    ldflags: FlagsField = ()
    """Added to the flags of the linker, in ``LDFLAGS``, as ``cflags`` are."""
    march: MarchTable = Field(default_factory=dict)
    """The micro-architecture to compile for, such as ``"x86-64-v3"``, on all platforms that have
    such processors; or one for each platform. A release runs on no lesser processor."""
    jobs: Annotated[int, Field(ge=1)] | None = None
    """How many programs one build may run at once; none: as many as there are cores."""
    timeout: Annotated[float, Field(gt=0)] | None = None
    """How long one build may take, in seconds; none: as long as it wants."""
    network: bool = False
    """Let builds reach the network, where they are kept from it otherwise."""
    system: dict[NeededField, str] = Field(default_factory=dict)
    """What builds need of the machine, with what to install where it is missing:
    ``"zlib.h" = "zlib1g-dev"``. Programs by name, headers with ``.h``, libraries as ``libz``,
    modules of pkg-config with ``.pc``."""

    def march_on(self, platform: Platform) -> str | None:
        """Return the micro-architecture to compile for on a platform; None: any."""
        return self.march.get(platform)
