"""Who a registry is asked as: what ``docker login`` or ``podman login`` has kept."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def login_of(host: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return user and password for a registry, None where nobody has logged in.

    REGISTRY_AUTH_FILE, what podman has in XDG_RUNTIME_DIR and its configuration, what docker has in
    DOCKER_CONFIG or ~/.docker (containers-auth.json(5)). Helper programs are not asked.
    """
    for path in _files(environ):
        try:
            logins = json.loads(path.read_bytes()).get("auths", {})
            kept = logins.get(host) or logins.get(f"https://{host}") or {}
            if text := kept.get("auth"):
                user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
                return user, password
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError, TypeError, AttributeError) as error:
            # Its text may quote a password.
            report.warn(f"{path}: not used, because it cannot be read ({type(error).__name__})")
    return None


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    if one := environ.get("REGISTRY_AUTH_FILE"):
        yield Path(one)
        return
    home = environ.get("HOME", "")
    if one := environ.get("XDG_RUNTIME_DIR"):
        yield Path(one, "containers", "auth.json")
    if one := environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config"):
        yield Path(one, "containers", "auth.json")
    if one := environ.get("DOCKER_CONFIG") or (home and f"{home}/.docker"):
        yield Path(one, "config.json")
