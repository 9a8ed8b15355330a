"""The paper lock as a document, and the base that it means."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from lamina.core.errors import DocumentError
from lamina.engines.probe import PROBE_SCHEMA, BaseProbe, Distribution, content_digest
from lamina.layer.base import Base, Place
from lamina.layer.document import LayerBound
from lamina.layer.paper.bases import differences
from lamina.layer.paper.document import (
    PaperBase,
    PaperBasePackage,
    PaperLock,
    PaperPackage,
    PaperPlace,
    PaperTools,
    parse_paper,
)
from lamina.layer.paper.text import dump_paper
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX, parse_package_name

DIGEST = Sha256("ab" * 32)
PINS = [("alpha", "1.0"), ("home-made", "6.30+site"), ("odd", "2004d")]


def distribution(name: str, version: str, *requires: str) -> Distribution:
    return Distribution(
        key=name, name=name, version=version, location="/site", metadata=f"{name}.dist-info",
        modules=(), requires=requires, extras=(), requires_python="", direct=False, editable=False,
        entries={}, files={},
    )  # fmt: skip


def probed(pins: list[tuple[str, str]], **changes: Any) -> BaseProbe:
    whole = BaseProbe(
        schema=PROBE_SCHEMA, version="3.12.1", implementation="cpython", platform="linux-x86_64",
        magic="", prefix="/base", base_prefix="/usr", executable="", interpreter="", stdlib=(),
        layers=(), path=(), sites=(), roots=(), pythonpath=(), data=(),
        distributions=tuple(distribution(*pin) for pin in pins), unrecorded=(),
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


def paper(**changes: Any) -> PaperLock:
    known: dict[str, Any] = {"index": PUBLIC_INDEX, "sha256": DIGEST}
    known["file"] = "alpha-1.0-py3-none-any.whl"
    base = PaperBase(
        kind="env",
        python="3.12.1",
        series="3.12",
        platform="linux-x86_64",
        digest=content_digest("3.12", "linux-x86_64", PINS),
        place=PaperPlace(given="env", prefix="/b", python="/b/bin/python", search='/a "b":/c'),
        packages=tuple(
            PaperBasePackage(name=name, version=version, **(known if name == "alpha" else {}))
            for name, version in PINS
        ),
    )
    packages = [
        PaperPackage(
            name=parse_package_name(name),
            version="2.0",
            over="1.0" if name == "alpha" else None,
            index=PUBLIC_INDEX,
            file=f"{name}-2.0-py3-none-any.whl",
            sha256=DIGEST,
            because=("z", "you asked for it"),
        )
        for name in ("beta", "alpha")
    ]
    bound = LayerBound(
        package=parse_package_name("h5py"),
        version="3.10",
        requirement="numpy<2",
        reason="compiled for numpy 1",
    )
    lock = PaperLock(
        requests=("beta", "alpha>=2"),
        exclude_newer="2026-01-01",
        left_out=("own-work==1",),
        base=base,
        tools=PaperTools(lamina="1.0", uv="0.13.9"),
        bounds=(bound,),
        packages=tuple(packages),
    )
    return lock.model_copy(update=changes)


TEXT = f"""\
schema = 1
requests = ["alpha>=2", "beta"]
exclude-newer = "2026-01-01"
left-out = ["own-work==1"]

[base]
kind = "env"
python = "3.12.1"
series = "3.12"
platform = "linux-x86_64"
digest = "{content_digest("3.12", "linux-x86_64", PINS)}"
packages = [
    {{ name = "alpha", version = "1.0", index = "pypi", file = "alpha-1.0-py3-none-any.whl", sha256 = "{DIGEST}" }},
    {{ name = "home-made", version = "6.30+site" }},
    {{ name = "odd", version = "2004d" }},
]

[base.place]
given = "env"
prefix = "/b"
python = "/b/bin/python"
search = "/a \\"b\\":/c"

[tools]
lamina = "1.0"
uv = "0.13.9"

[[bound]]
package = "h5py"
version = "3.10"
requirement = "numpy<2"
reason = "compiled for numpy 1"

[[package]]
name = "alpha"
version = "2.0"
over = "1.0"
index = "pypi"
file = "alpha-2.0-py3-none-any.whl"
sha256 = "{DIGEST}"
because = ["you asked for it", "z"]

[[package]]
name = "beta"
version = "2.0"
index = "pypi"
file = "beta-2.0-py3-none-any.whl"
sha256 = "{DIGEST}"
because = ["you asked for it", "z"]
"""  # noqa: E501


def test_the_text_is_canonical() -> None:
    assert dump_paper(paper()) == TEXT
    assert dump_paper(parse_paper(TEXT, "paper.lock")) == TEXT


def test_what_is_empty_is_left_out() -> None:
    text = dump_paper(paper(exclude_newer=None, left_out=(), bounds=(), packages=()))
    for word in ("exclude-newer", "left-out", "[[bound]]", "[[package]]"):
        assert word not in text
    assert parse_paper(text, "paper.lock").packages == ()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("schema = 1", "schema = 2", "schema: 2 is not allowed"),
        ('"6.30+site"', '"6.31"', "base.digest: not the digest"),
        ('series = "3.12"', 'series = "3.11"', "base.digest: not the digest"),
        ('series = "3.12"', 'series = "3"', "base.series: '3' is not a Python series"),
        ('file = "beta-2.0', 'file = "../beta-2.0', "package[1].file: '../beta-2.0"),
        ('beta-2.0-py3-none-any.whl"', 'beta.exe"', "neither a wheel nor a source distribution"),
        ('index = "pypi"\n', 'index = "https://x"\n', "package[0].index:"),
        ('name = "beta"', 'name = "alpha"', "package: 'alpha' is there twice"),
        ('kind = "env"', 'kind = "envv"', "(did you mean 'env'?)"),
        ("[tools]", "[tool]", "tool: unknown key"),
        ('"numpy<2"', '"numpy<<2"', "bound[0].requirement"),
        ("reason =", "why =", "bound[0].reason: missing"),
    ],
    ids=[
        "schema", "edited-version", "edited-series", "series", "path", "program", "address",
        "twice", "kind", "tools", "requirement", "reason",
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, problem: str) -> None:
    assert old in TEXT
    with pytest.raises(DocumentError) as caught:
        parse_paper(TEXT.replace(old, new, 1 if old != 'index = "pypi"\n' else -1), "paper.lock")
    assert problem in caught.value.message


def test_what_is_cut_off_is_never_read_as_a_whole() -> None:
    """At the end of any line but the last: either refused, or visibly another lock."""
    lines = TEXT.splitlines(keepends=True)
    whole = parse_paper(TEXT, "paper.lock")
    for count in range(len(lines) - 1):
        try:
            found = parse_paper("".join(lines[:count]), "paper.lock")
        except DocumentError as error:
            assert error.message.startswith("paper.lock")  # noqa: PT017
        else:
            assert found.base == whole.base
            assert len(found.packages) + len(found.bounds) < len(whole.packages) + len(whole.bounds)


@pytest.mark.parametrize(
    "name", ["a\\u007f.whl", ".hidden.whl", "..\\\\x.whl"], ids=["control", "hidden", "backslash"]
)
def test_a_file_has_a_plain_name(name: str) -> None:
    edited = TEXT.replace("beta-2.0-py3-none-any.whl", name)
    with pytest.raises(DocumentError, match=r"package\[1\]\.file"):
        parse_paper(edited, "paper.lock")


@pytest.mark.parametrize("missing", ["index", "file", "sha256"])
def test_a_file_that_is_known_in_part_is_not_known(missing: str) -> None:
    known = paper().base.packages[0]
    assert known.artifact() is not None
    assert known.model_copy(update={missing: None}).artifact() is None


def test_files_are_artifacts() -> None:
    lock = paper()
    known, unknown, _ = (one.artifact() for one in lock.base.packages)
    assert known is not None
    assert (known.package, known.version, known.sha256) == ("alpha", "1.0", DIGEST)
    assert unknown is None
    assert lock.own[parse_package_name("beta")].artifact().filename == "beta-2.0-py3-none-any.whl"


def test_the_digest_is_that_of_the_base() -> None:
    assert paper().base.digest == probed(PINS).digest


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (probed(PINS), []),
        (probed([*PINS, ("zeta", "1")]), ["zeta 1 as well"]),
        (probed(PINS[1:]), ["no alpha 1.0"]),
        (probed([("alpha", "1.1"), *PINS[1:]]), ["alpha 1.1 instead of 1.0"]),
        (probed(PINS, version="3.11.7"), ["Python 3.11 instead of 3.12"]),
        (probed(PINS, version="3.12.9"), []),
        (probed(PINS, platform="linux-aarch64"), ["linux-aarch64 instead of linux-x86_64"]),
    ],
    ids=["same", "more", "less", "other", "series", "patch-level", "platform"],
)
def test_differences(there: BaseProbe, expected: list[str]) -> None:
    place = Place(given="env", kind="env", python=Path("/b/bin/python"), prefix=Path("/b"))
    assert differences(paper().base, Base(place=place, probe=there)) == expected
    assert (there.digest == paper().base.digest) == (not expected)
