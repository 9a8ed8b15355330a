"""``bin/lamina-unpack``: the POSIX shell script that finds a Python for the work."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lamina.model.platforms import Platform

if TYPE_CHECKING:
    from lamina.export.cargo import Cargo

PACK_NAME = ".lamina/pack.json"
PREFIXES_NAME = ".lamina/prefixes.json"
UNPACK_NAME = ".lamina/unpack.py"
UNPACK_PARTS = ("replacing.py", "reprefix.py", "unpack.py")
"""What it is made of, in ``_target``."""
LAUNCHER_NAME = "bin/lamina-unpack"
ALIAS_NAME = "bin/conda-unpack"
"""What people type who know conda-pack."""

_MACHINES = {
    Platform.LINUX_64: "Linux x86_64",
    Platform.LINUX_AARCH64: "Linux aarch64",
    Platform.OSX_64: "Darwin x86_64",
    Platform.OSX_ARM64: "Darwin arm64",
}
_SCRIPT = """\
#!/bin/sh
# Makes this directory work where it is; run it once, and again after moving the directory.
unset CDPATH LD_LIBRARY_PATH
die() {{ echo "error: $1" >&2; [ -z "$2" ] || echo "hint: $2" >&2; exit 2; }}
case $0 in */*) bin=${{0%/*}} ;; *) die "start it by its path: bin/lamina-unpack" ;; esac
top=$(cd "$bin/.." && pwd) || exit 1
[ -r "$top/.lamina/unpack.py" ] || die "$top: no unpacked archive of lamina"
machine="$(uname -s) $(uname -m)"
[ "$machine" = {machine} ] ||
    die {name}" is for {platform} ("{machine}"), and this machine is $machine"
{interpreter}
if ! [ -x "$python" ]; then
    case $(ls -lL "$python" 2>/dev/null) in
    -??x*) die "$top: programs cannot be started there (a file system without exec)" \\
        "unpack it in another directory" ;;
    esac
    die "$python: not a program" "unpack with a tool that keeps modes and links (tar, unzip)"
fi
LAMINA_INDEX=0 "$python" -I -S -B "$top/.lamina/unpack.py" "$top" "$@"
code=$?
case $code in 126|127) echo "hint: is $top on a file system without exec?" >&2 ;; esac
exit $code
"""
_INSIDE = 'python="$top/"{}'
_OUTSIDE = """\
base=
previous=
for word in "$@"; do
    case $word in --base=*) base=${word#--base=} ;; esac
    [ "$previous" = --base ] && base=$word
    previous=$word
done
[ -n "$base" ] || die "this is a layer without its base" "$0 --base PATH, the release it stands on"
[ -r "$base/.lamina/release.toml" ] ||
    die "$base: no release of lamina" "$0 --base PATH, the release it stands on"
python="$base/bin/python"
"""


def system_of(platform: Platform) -> str:
    """Return what ``uname -s`` and ``uname -m`` say on a platform."""
    return _MACHINES[platform]


def launcher(cargo: Cargo) -> str:
    """Return the script for a cargo."""
    inside = cargo.interpreter
    return _SCRIPT.format(
        machine=shlex.quote(system_of(cargo.platform)),
        name=shlex.quote(cargo.name),
        platform=cargo.platform,
        interpreter=_INSIDE.format(shlex.quote(inside)) if inside else _OUTSIDE.rstrip(),
    )
