"""Where this machine finds the public package index: the settings of uv, then those of pip."""

from __future__ import annotations

import configparser
import functools
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from lamina.core.errors import DocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CREDENTIALS_HINT = (
    "check UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, or what ~/.netrc has for its host"
)


def configured_index(environ: Mapping[str, str]) -> str | None:
    """Return the address of the default index, None where nothing is configured.

    uv is called with ``--no-config``, so that no project's settings bend a result; which index a
    machine uses is a matter of the machine, and is read here. Additional indexes are ignored: a
    package comes from the index that the stack names for it.

    Raises DocumentError when a settings file cannot be read.
    """
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if environ.get(variable):
            # UV_DEFAULT_INDEX may be written name=address.
            name, separator, address = environ[variable].partition("=")
            if separator and "/" not in name:
                return with_credentials_of(name, address, environ)
            return environ[variable]
    for path in _uv_files(environ):
        if found := _uv_index(path, environ):
            return found
    if environ.get("PIP_INDEX_URL"):
        return environ["PIP_INDEX_URL"]
    for path in _pip_files(environ):
        if found := _pip_index(path):
            return found
    return None


def public_index(environ: Mapping[str, str]) -> str:
    """Return the address of the default index, the library's constant where none is configured."""
    return configured_index(environ) or _library_constant()


def with_credentials_of(name: str, address: str, environ: Mapping[str, str]) -> str:
    """Return the address of a named index with what uv's variables say about its user.

    Source: https://docs.astral.sh/uv/concepts/indexes/#providing-credentials-directly.
    """
    prefix = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    user = environ.get(f"{prefix}_USERNAME", "")
    password = environ.get(f"{prefix}_PASSWORD", "")
    parts = urlsplit(address)
    if not (user or password) or "@" in parts.netloc or not parts.netloc:
        return address
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


@functools.cache
def _library_constant() -> str:
    """Return pypi_simple's constant without importing the library, which takes half a second."""
    import ast
    import importlib.util

    spec = importlib.util.find_spec("pypi_simple")
    if spec is not None and spec.origin is not None:
        for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                names = node.targets if isinstance(node, ast.Assign) else [node.target]
                if [getattr(one, "id", "") for one in names] == ["PYPI_SIMPLE_ENDPOINT"]:
                    return str(ast.literal_eval(node.value))
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return PYPI_SIMPLE_ENDPOINT


def _configuration_home(environ: Mapping[str, str]) -> Path | None:
    if environ.get("XDG_CONFIG_HOME"):
        return Path(environ["XDG_CONFIG_HOME"])
    return Path(environ["HOME"]) / ".config" if environ.get("HOME") else None


def _system_directories(environ: Mapping[str, str]) -> list[Path]:
    names = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return [Path(name) for name in names.split(":") if name]


def _uv_files(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("UV_CONFIG_FILE"):
        yield Path(environ["UV_CONFIG_FILE"])
        return
    if home := _configuration_home(environ):
        yield home / "uv" / "uv.toml"
    for directory in (*_system_directories(environ), Path("/etc")):
        yield directory / "uv" / "uv.toml"


def _uv_index(path: Path, environ: Mapping[str, str]) -> str | None:
    try:
        settings: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        for index in settings.get("index", []):
            if index.get("default"):
                address = str(index["url"])
                return with_credentials_of(str(index.get("name", "")), address, environ)
        address = settings.get("index-url") or settings.get("pip", {}).get("index-url")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DocumentError(path, [Problem(where="", found=str(error))]) from error
    except (AttributeError, KeyError, TypeError) as error:
        problem = Problem(where="index", found="not the settings of an index as uv writes them")
        raise DocumentError(path, [problem]) from error
    return str(address) if address else None


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield pip's own files, those that win first; /dev/null in PIP_CONFIG_FILE turns all off."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    if chosen:
        yield Path(chosen)
    else:
        if home := _configuration_home(environ):
            yield home / "pip" / "pip.conf"
        if environ.get("HOME"):
            yield Path(environ["HOME"]) / ".pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    for directory in _system_directories(environ):
        yield directory / "pip" / "pip.conf"


def _pip_index(path: Path) -> str | None:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise DocumentError(path, [Problem(where="", found=str(error))]) from error
    for section in ("install", "global"):
        for option in ("index-url", "index_url"):
            if parser.has_option(section, option) and parser.get(section, option).strip():
                return parser.get(section, option).strip()
    return None
