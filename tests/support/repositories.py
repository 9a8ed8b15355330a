"""git repositories on disk with small packages in them."""

from __future__ import annotations

import functools
import os
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BACKEND = '''
import os, subprocess, zipfile
from pathlib import Path

def _version(name):
    """As setuptools-scm does it: what it is told, else what git says of the tags."""
    told = os.environ.get("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_" + name.upper().replace("-", "_"))
    if told:
        return told
    words = ["git", "describe", "--tags", "--long", "--dirty", "--match", "v*"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    tag, distance, commit, *dirty = said[1:].split("-")
    if distance == "0" and not dirty:
        return tag
    day = ".d" + os.environ["SOURCE_DATE_EPOCH"] if dirty else ""
    return tag + ".post" + distance + "+" + commit + day

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name, version, *requires = Path("about").read_text().split()
    version = _version(name) if version == "git" else version
    module = name.replace("-", "_")
    info = module + "-" + version + ".dist-info/"
    lines = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
    lines += ["Requires-Dist: " + one for one in requires]
    file = module + "-" + version + "-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / file, "w") as archive:
        for path in sorted(Path(".").glob(module + "*.py")):
            archive.writestr(path.name, path.read_bytes())
        archive.writestr(info + "METADATA", "\\n".join(lines) + "\\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        archive.writestr(info + "RECORD", "")
    return file
'''
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def package_files(name: str, version: str = "git", *requires: str) -> dict[str, str]:
    """Return a package's sources; its version is that of git where it is ``git``."""
    return {
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        "about": "\n".join([name, version, *requires]),
        f"{name.replace('-', '_')}.py": "value = 1\n",
    }


def write_files(directory: Path, files: Mapping[str, str]) -> None:
    """Write files below a directory."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextmanager
def serve_directory(directory: Path) -> Iterator[str]:
    """Serve files over HTTP on loopback, and give the address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    make = functools.partial(Handler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), make) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository in a directory."""

    directory: Path

    @property
    def url(self) -> str:
        """Its address."""
        return self.directory.as_uri()

    @property
    def head(self) -> str:
        """The commit that it is at."""
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        """Run git in it."""
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c",
                    "protocol.file.allow=always"]  # fmt: skip
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LC_ALL": "C",
                   "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
                   "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}  # fmt: skip
        answer = subprocess.run(
            ["git", *identity, "-C", str(self.directory), *arguments],
            env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    def commit(self, files: Mapping[str, str], *, tag: str = "") -> str:
        """Write and commit files, and return the commit."""
        write_files(self.directory, files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")
        if tag:
            self.git("tag", tag)
        return self.head


def make_repository(directory: Path, files: Mapping[str, str], *, tag: str = "") -> Repository:
    """Return a new repository with one commit on ``main``."""
    directory.mkdir(parents=True)
    made = Repository(directory)
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit(files, tag=tag)
    return made
