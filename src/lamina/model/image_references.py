"""How an image in a registry is called: ``REGISTRY/NAME:TAG`` or ``REGISTRY/NAME@DIGEST``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_HOST = r"(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_REFERENCE = re.compile(
    rf"(?P<host>{_HOST})/(?P<name>{_NAME})"
    rf"(?::(?P<tag>{_TAG})|@(?P<digest>sha256:[0-9a-f]{{64}}))?"
)
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """An image in a registry (grammar: OCI distribution specification 1.1)."""

    host: str
    """With its port, where it has one."""
    name: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Read ``HOST[:PORT]/NAME[:TAG]`` or ``.../NAME@sha256:...``; raises ValueError.

        The host is one that looks like it: with a dot or port, or ``localhost``.
        """
        found = _REFERENCE.fullmatch(text)
        host = found["host"] if found else ""
        if found is None or not ("." in host or ":" in host or host == "localhost"):
            raise ValueError(f"{text!r} is no image: it takes REGISTRY/NAME:TAG")
        return cls(host=host, name=found["name"], tag=found["tag"], digest=found["digest"])

    @property
    def manifest(self) -> str:
        """What the registry is asked for: the digest, else the tag, else ``latest``."""
        return self.digest or self.tag or "latest"

    @property
    def is_local(self) -> bool:
        """The registry is on this machine."""
        return _LOOPBACK.fullmatch(self.host) is not None

    def __str__(self) -> str:
        end = f"@{self.digest}" if self.digest else f":{self.manifest}"
        return f"{self.host}/{self.name}{end}"


def tag_of(text: str) -> str:
    """Return the tag for a version: what a tag cannot hold, such as ``+``, becomes ``-``."""
    return re.sub(r"[^a-zA-Z0-9._-]", "-", text).lstrip(".-")[:128] or "latest"
