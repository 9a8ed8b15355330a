"""Signatures of files, by ssh-keygen: the keys that people and their machines have already.

Source: ssh-keygen(1), -Y sign, find-principals and verify; the format is in OpenSSH's
PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import CommandFailedError, IntegrityError, UsageError
from lamina.core.run import base_environment, run

if TYPE_CHECKING:
    from collections.abc import Mapping

PURPOSE = "lamina-release"
"""The namespace: a signature made for anything else does not count."""
_SECONDS = 60.0
_UINT32 = 4


def sign(path: Path, key: Path, *, environ: Mapping[str, str]) -> Path:
    """Sign a file, and return the signature: beside it, ``.sig`` added to its name.

    ``key`` is a private key, or a public one whose private key the agent has. Raises UsageError
    when it cannot be used without asking for a passphrase.
    """
    env = base_environment(environ)
    if agent := environ.get("SSH_AUTH_SOCK"):
        env["SSH_AUTH_SOCK"] = agent
    signature = path.with_name(f"{path.name}.sig")
    fs.remove_file(signature)
    argv: list[str | Path] = ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", PURPOSE, path]
    try:
        run(argv, env=env, timeout=_SECONDS)
    except CommandFailedError as error:
        raise UsageError(
            f"{key}: cannot sign with it: {_last_line(error.output)}",
            hints=["a key with a passphrase is used through ssh-agent: name its .pub file"],
        ) from error
    return signature


def check_key(key: Path, *, environ: Mapping[str, str]) -> bytes:
    """Try a key out, and return the public one; raises UsageError as ``sign`` does."""
    with tempfile.TemporaryDirectory(prefix="lamina-") as directory:
        trial = Path(directory) / "trial"
        fs.write_text(trial, "", durable=False)
        return public_key_in(sign(trial, key, environ=environ))


def public_key_in(signature: Path) -> bytes:
    """Return the public key that a signature says it was made with; empty where it says none.

    Source: PROTOCOL.sshsig, Blob format.
    """
    try:
        armoured = signature.read_text(encoding="ascii").splitlines()[1:-1]
        blob = base64.b64decode("".join(armoured), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error):
        return b""
    start = len(b"SSHSIG") + 2 * _UINT32
    length = int.from_bytes(blob[start - _UINT32 : start], "big")
    return blob[start : start + length] if blob.startswith(b"SSHSIG") else b""


def signer_of(path: Path, signature: Path, signers: Path, *, environ: Mapping[str, str]) -> str:
    """Return who signed a file, as ``signers`` calls them.

    ``signers`` is a list as ssh-keygen(1) describes under ALLOWED SIGNERS. Raises IntegrityError
    when nobody of the list signed the file as it is.
    """
    env = base_environment(environ)
    asked: list[str | Path] = [
        "ssh-keygen",
        "-Y",
        "find-principals",
        "-s",
        signature,
        "-f",
        signers,
    ]
    found = run(asked, env=env, timeout=_SECONDS, check=False)
    said = found.stderr
    # It names those of the first line with the key, which may be for another purpose.
    names = [*found.stdout.split("\n")[0].split(","), *_listed(signers)]
    for name in dict.fromkeys(filter(None, names)) if found.returncode == 0 else ():
        argv: list[str | Path] = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", name]
        answer = run(
            [*argv, "-n", PURPOSE, "-s", signature],
            env=env,
            timeout=_SECONDS,
            check=False,
            stdin=path,
        )
        if answer.returncode == 0:
            return name
        said = answer.stderr or answer.stdout
    raise IntegrityError(
        f"{path}: not signed by anybody in {signers}: {_last_line(said)}",
        hints=["do not use it before you know who made it"],
    )


def _listed(signers: Path) -> list[str]:
    """Return everybody whom a list of signers names."""
    try:
        lines = signers.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{signers}: no list of signers: {error}") from error
    firsts = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    return [name for first in firsts for name in first.split(",")]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"
