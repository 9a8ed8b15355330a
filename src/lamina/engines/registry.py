"""A registry of images, by the OCI distribution specification 1.1."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

from lamina.core.errors import LaminaError, UpstreamUnavailableError, UsageError
from lamina.engines.registry_logins import login_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lamina.core.http import Answer, HttpClient
    from lamina.model.image_references import ImageReference

_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_CHALLENGE = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_TRIES = 3


class Registry:
    """One repository of a registry, asked with what its host gave or the user has."""

    def __init__(
        self,
        http: HttpClient,
        reference: ImageReference,
        environ: Mapping[str, str],
        *,
        plain_http: bool = False,
        first_pause: float = 0.5,
    ) -> None:
        """``plain_http``: without TLS also where it is not on this machine."""
        self._http, self._reference, self._environ = http, reference, environ
        scheme = "http" if plain_http or reference.is_local else "https"
        self._top = f"{scheme}://{reference.host}"
        self._authorization: dict[str, str] = {}
        self._first_pause = first_pause

    def has(self, digest: str) -> bool:
        """Tell whether a blob is there."""
        answer = self._ask("HEAD", f"blobs/{digest}", actions="pull,push", allowed=(200, 404))
        return answer.status == 200

    def send(self, path: Path, digest: str) -> None:
        """Send a blob, in one piece."""
        for attempt in range(_TRIES):
            started = self._ask("POST", "blobs/uploads/", actions="pull,push", allowed=(202,))
            place = urljoin(f"{self._top}/", started.headers.get("location", ""))
            join = "&" if urlsplit(place).query else "?"
            address = f"{place}{join}{urlencode({'digest': digest})}"
            headers = {"Content-Type": "application/octet-stream"}
            # What was begun cannot be repeated: another try starts anew.
            answer = self._once("PUT", address, headers=headers, body=path, actions="pull,push")
            if answer.status == 201:
                return
            if answer.status not in _PASSING or attempt + 1 == _TRIES:
                raise self._refused(answer, f"the blob {digest}", "pull,push")
            time.sleep(self._first_pause * 2**attempt)

    def fetch(self, digest: str, into: Callable[[bytes], object]) -> None:
        """Get a blob in blocks; who takes them has to compare the digest."""
        self._ask("GET", f"blobs/{digest}", actions="pull", allowed=(200,), into=into)

    def manifest(self, name: str, accept: str, *, or_none: bool = False) -> Answer | None:
        """Return a manifest by its tag or digest.

        Raises UsageError where it is not there; with ``or_none``, returns None.
        """
        answer = self._ask(
            "GET",
            f"manifests/{name}",
            actions="pull",
            allowed=(200, 404) if or_none else (200,),
            headers={"Accept": accept},
        )
        return answer if answer.status == 200 else None

    def put_manifest(self, name: str, data: bytes, media_type: str) -> Answer:
        """Send a manifest under a tag or its digest."""
        return self._ask(
            "PUT",
            f"manifests/{name}",
            actions="pull,push",
            allowed=(201,),
            headers={"Content-Type": media_type},
            body=data,
        )

    def _ask(
        self, method: str, path: str, *, actions: str, allowed: tuple[int, ...], **more: Any
    ) -> Answer:
        """Return an answer with one of these statuses, after retries; raises LaminaError."""
        address = f"{self._top}/v2/{self._reference.name}/{path}"
        for attempt in range(_TRIES):
            answer = self._once(method, address, actions=actions, **more)
            if answer.status not in _PASSING or attempt + 1 == _TRIES:
                break
            time.sleep(self._first_pause * 2**attempt)
        if answer.status not in allowed:
            raise self._refused(answer, path.replace("/uploads/", ""), actions)
        return answer

    def _once(
        self,
        method: str,
        address: str,
        *,
        actions: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        """Ask, and once more with what the registry wants to see of us."""
        sent = {**(headers or {}), **self._authorized(address, actions)}
        answer = self._http.ask(method, address, headers=sent, **more)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status != 401 or not challenge or not self._is_own(address):
            return answer
        self._authorization[actions] = self._authorize(challenge, actions)
        sent |= self._authorized(address, actions)
        return self._http.ask(method, address, headers=sent, **more)

    def _is_own(self, address: str) -> bool:
        """Tell whether an address is the registry's: no other sees the user's words."""
        own, other = urlsplit(self._top), urlsplit(address)
        return (own.scheme, own.netloc) == (other.scheme, other.netloc)

    def _authorized(self, address: str, actions: str) -> dict[str, str]:
        known = self._authorization.get(actions)
        return {"Authorization": known} if known and self._is_own(address) else {}

    def _authorize(self, challenge: str, actions: str) -> str:
        """Return the header that a challenge asks for (RFC 9110; Docker's token protocol)."""
        login = login_of(self._reference.host, self._environ)
        basic = ""
        if login:
            basic = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        if challenge.lower().startswith("basic"):
            return basic
        asked = dict(_CHALLENGE.findall(challenge))
        realm = asked.pop("realm", "")
        secure = realm.startswith("https://") or (
            realm.startswith("http://") and self._top.startswith("http://")
        )
        if not secure:
            raise UpstreamUnavailableError(
                f"{self._reference.host} sends to {realm or 'nowhere'} for a token, which is no "
                "address that a password could go to"
            )
        query = urlencode(
            {
                **{key: one for key, one in asked.items() if key == "service"},
                "scope": f"repository:{self._reference.name}:{actions}",
            }
        )
        headers = {"Authorization": basic} if basic else {}
        join = "&" if urlsplit(realm).query else "?"
        answer = self._http.ask("GET", f"{realm}{join}{query}", headers=headers)
        if answer.status != 200:
            raise self._refused(answer, "a token", actions)
        try:
            value = json.loads(answer.content)
            return f"Bearer {value.get('token') or value['access_token']}"
        except (ValueError, KeyError, AttributeError) as error:
            raise UpstreamUnavailableError(f"{realm}: no token in the answer") from error

    def _refused(self, answer: Answer, what: str, actions: str) -> LaminaError:
        """Return the error for an answer that is not the one hoped for."""
        image, said = self._reference, _said(answer)
        head = f"{image}: {what}: HTTP status {answer.status}{said}"
        if answer.status in {401, 403}:
            return UpstreamUnavailableError(
                head,
                hints=[f"docker login {image.host}, or podman login {image.host}"]
                if login_of(image.host, self._environ) is None
                else [f"the login that is kept for {image.host} may not {actions} {image.name}"],
            )
        if answer.status == 404 and actions == "pull":
            return UsageError(f"{image}: there is no such image ({what})")
        return UpstreamUnavailableError(head)


def _said(answer: Answer) -> str:
    """Return what the registry says about an error."""
    try:
        errors = json.loads(answer.content)["errors"]
        return "".join(f"; {one['code']}: {one.get('message', '')}"[:200] for one in errors[:3])
    except (ValueError, KeyError, TypeError):
        return ""
