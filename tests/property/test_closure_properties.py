"""For every set of packages: the check of its lock and that of a prefix with it find the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.engines.index_addresses import cache_directory
from lamina.model.digests import digest_of_bytes
from lamina.model.platforms import current_platform
from lamina.resolve.closed_set import check_installed, check_locked
from lamina.resolve.metadata import MetadataCache
from lamina.stack.files import parse_stack
from support.locks import make_lock
from support.stacks import stack_text

if TYPE_CHECKING:
    from lamina.lock.document import Lock
    from lamina.stack.document import Stack

HERE = str(current_platform())
_names = st.sampled_from(["a", "b", "c.d", "E_f"])
_ranges = st.sampled_from(["", ">=2", "<2", "!=1.0", "==1.*"])
_markers = st.sampled_from(
    ["", "; sys_platform == 'win32'", "; python_version >= '3.8'", "; extra == 'more'"]
)
_needs = st.builds(
    lambda name, extra, bounds, marker: f"{name}{extra}{bounds}{marker}",
    _names, st.sampled_from(["", "[more]"]), _ranges, _markers,
)  # fmt: skip
_packages = st.dictionaries(
    _names,
    st.fixed_dictionaries(
        {
            "version": st.sampled_from(["1.0", "2.0", "3.0rc1"]),
            "needs": st.lists(_needs, max_size=3),
            "python": st.sampled_from(["", ">=3.8", "<3.12"]),
            "tag": st.sampled_from(["py3-none-any", "cp312-cp312-win_arm64", "cp313-cp313-any"]),
        }
    ),
    min_size=1,
)
_lists = st.dictionaries(_names, _ranges.map(lambda text: text or "*"), min_size=1)


def metadata(name: str, told: dict[str, Any]) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {told['version']}"]
    lines += [f"Requires-Dist: {one}" for one in told["needs"]] + ["Provides-Extra: more"]
    lines += [f"Requires-Python: {told['python']}"] if told["python"] else []
    return "\n".join(lines) + "\n\n"


def normal(name: str) -> str:
    return name.lower().replace(".", "-").replace("_", "-")


def locked(packages: dict[str, dict[str, Any]], cache: Path) -> Lock:
    """Return a lock of packages whose metadata were read before."""
    entries = []
    for name, told in sorted(packages.items(), key=lambda one: normal(one[0])):
        module = normal(name).replace("-", "_")
        file, content = f"{module}-{told['version']}-{told['tag']}.whl", metadata(name, told)
        digest = digest_of_bytes((file + content).encode())
        MetadataCache(cache).keep(digest, content.encode())
        entries.append(
            {
                "name": normal(name), "version": told["version"], "index": "pypi",
                "requested-by": ["stack"], "artifacts": [{"file": file, "sha256": digest}],
            }
        )  # fmt: skip
    return make_lock(*entries, targets=[f"{HERE}/3.12"])


def installed(packages: dict[str, dict[str, Any]], prefix: Path) -> Path:
    """Return a prefix with them: each WHEEL says what the name of its file does not."""
    for name, told in packages.items():
        info = prefix / "lib/python3.12/site-packages" / f"{name}-{told['version']}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(metadata(name, told))
        (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: cp27-cp27mu-win32\n")
    return prefix


def stack_of(lists: dict[str, str], *, closed: bool) -> Stack:
    lines = {normal(name): f'"{name}" = "{text}"' for name, text in lists.items()}
    resolve = "closed = true" if closed else ""
    text = stack_text("\n".join(lines.values()), platforms=f'["{HERE}"]', resolve=resolve)
    return parse_stack(text, "lamina.toml")


@settings(max_examples=60, deadline=None)
@given(packages=_packages, lists=_lists, closed=st.booleans())
def test_lock_and_prefix_agree(
    packages: dict[str, dict[str, Any]], lists: dict[str, str], closed: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        environ = {"HOME": name}
        stack, lock = stack_of(lists, closed=closed), locked(packages, cache_directory(environ))
        of_lock = check_locked(stack, lock, environ)
        of_prefix = check_installed(stack, installed(packages, top / "prefix"), [lock])
        assert of_prefix == of_lock
        assert of_prefix.passed_over == ()
