"""What is written as a list of conda begins a stack of the same packages."""

from __future__ import annotations

import string
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from rattler import MatchSpec

from lamina.engines.index_addresses import IndexAddresses
from lamina.engines.pixi_lock import read_pixi_lock
from lamina.export.conda_files import CondaExport
from lamina.export.environment import dump_environment
from lamina.export.explicit import DigestKind, dump_explicit
from lamina.export.files import ExportRequest
from lamina.export.pixi import dump_pixi
from lamina.export.pixi_lock import dump_pixi_lock
from lamina.model.platforms import PythonSeries
from lamina.stack.conda_entries import conda_entries
from lamina.stack.match_specs import read_match_spec
from lamina.stack.sources import read_source
from support.conda_locks import conda_entry, conda_lock

_EDGE = string.ascii_lowercase + string.digits
_names = st.builds(
    lambda head, rest, tail: head + rest + tail,
    st.sampled_from(_EDGE + "_"),
    st.text(_EDGE + "-_.", max_size=5),
    st.sampled_from(_EDGE),
).filter(lambda name: not name.startswith("__"))
_numbers = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(
    lambda many: ".".join(map(str, many))
)
_versions = st.builds(
    lambda epoch, numbers, end: epoch + numbers + end,
    st.sampled_from(["", "1!"]),
    _numbers,
    st.sampled_from(["", "rc1", "_2", "+cu12", "a"]),
)
_builds = st.one_of(
    st.text(_EDGE + "_", min_size=1, max_size=6), st.sampled_from(["1e5", "0x1f", "0o7", "no", "0"])
)
_packages = st.dictionaries(_names, st.tuples(_versions, _builds), min_size=1, max_size=4)
_DIGESTS: tuple[DigestKind, ...] = ("md5", "sha256")


@settings(deadline=None, max_examples=60)
@given(packages=_packages, digest=st.sampled_from(_DIGESTS))
def test_what_is_written_is_read_back(
    packages: dict[str, tuple[str, str]], digest: DigestKind
) -> None:
    lock = conda_lock([conda_entry(name, *about) for name, about in packages.items()])
    channels = {"ours": "https://conda.example.org/ours"}
    export = CondaExport(lock=lock, targets=lock.targets, channels=channels)
    texts = {
        "explicit.txt": dump_explicit(export, digest),
        "environment.yml": dump_environment(export),
        "pixi.lock": dump_pixi_lock(
            export,
            ExportRequest(lock=lock, targets=lock.targets, indexes={}),
            IndexAddresses({}, {}, Path("nowhere")),
        ),
        "pixi.toml": dump_pixi(export),
    }
    expected = {name: f"=={version} {build}" for name, (version, build) in packages.items()}
    with TemporaryDirectory() as directory:
        for name, text in texts.items():
            path = Path(directory) / name
            path.write_text(text)
            found = read_source(
                path, default_python=PythonSeries(3, 12), read_pixi_lock=read_pixi_lock
            )
            entries, rest = conda_entries(found, tuple(one.platform for one in lock.targets))
            assert {key: one["version"] for key, one in entries.items()} == expected
            assert found.channels == tuple(channels.values())
            assert not [one for one in rest.left_behind if "lamina.lock will have" not in one]


_operators = st.sampled_from(["=", "==", ">=", "<", "!=", "<=", ">", " ", " ="])
_specs = st.builds(
    lambda name, bounds, build: name + ",".join(f"{op}{ver}" for op, ver in bounds) + build,
    _names,
    st.lists(st.tuples(_operators.filter(str.strip), _numbers), min_size=1, max_size=2),
    st.sampled_from(["", "=py_0", " *_1", "=h*"]),
)


@settings(deadline=None, max_examples=150)
@given(text=_specs)
def test_specs_mean_what_conda_takes_them_for(text: str) -> None:
    theirs = MatchSpec(text, strict=False)
    ours = MatchSpec(str(read_match_spec(text)), strict=False)
    assert (ours.version, ours.build) == (theirs.version, theirs.build)
