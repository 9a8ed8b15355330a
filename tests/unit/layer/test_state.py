"""What a layer says of itself, the files that may be taken, and what a check tells."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lamina.core.errors import IntegrityError
from lamina.layer.building import UNFINISHED, beside, finish, sweep
from lamina.layer.check.findings import Finding, Report, command, render_report, report_value
from lamina.layer.fetching import Shelf, rank_of, wheel_order
from lamina.layer.planting import shell_quoted
from lamina.layer.state import is_elsewhere, made_for
from lamina.model.artifacts import Artifact
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX, parse_package_name
from lamina.model.platforms import Platform, current_platform


def activate(layer: Path, written: str) -> None:
    (layer / "bin").mkdir(parents=True)
    text = f"# of a layer\ndeactivate () {{ :; }}\n_LAMINA_LAYER={written}\nPATH=x\n"
    (layer / "bin" / "activate").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", ["plain", "with space", "it's", "Über $HOME"])
def test_the_place_that_a_layer_was_made_for(tmp_path: Path, name: str) -> None:
    layer = tmp_path / name
    activate(layer, shell_quoted(str(layer)))
    assert made_for(layer) == layer
    assert not is_elsewhere(layer)
    layer.rename(tmp_path / "moved")
    assert made_for(tmp_path / "moved") == layer
    assert is_elsewhere(tmp_path / "moved")


def test_a_link_is_the_same_place(tmp_path: Path) -> None:
    activate(tmp_path / "layer", f"'{tmp_path / 'link'}'")
    (tmp_path / "link").symlink_to("layer")
    assert not is_elsewhere(tmp_path / "layer")
    assert not is_elsewhere(tmp_path / "link")


@pytest.mark.parametrize("written", ["'not closed", "two words", "", None])
def test_an_activation_that_was_edited(tmp_path: Path, written: str | None) -> None:
    if written is not None:
        activate(tmp_path / "layer", written)
    assert made_for(tmp_path / "layer") is None
    assert not is_elsewhere(tmp_path / "layer")


# --- files


@pytest.mark.skipif(current_platform() is not Platform.LINUX_64, reason="names its wheels")
@pytest.mark.parametrize(
    ("filename", "fits"),
    [
        ("Some_Thing-1.0-py3-none-any.whl", True),
        ("some_thing-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", True),
        ("some_thing-1.0-cp38-abi3-manylinux_2_17_x86_64.whl", True),
        ("some_thing-1.0.tar.gz", True),
        ("some_thing-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", False),
        ("some_thing-1.0-cp312-cp312-macosx_14_0_arm64.whl", False),
        ("some_thing-1.0.1-py3-none-any.whl", False),
        ("some_thing_else-1.0-py3-none-any.whl", False),
        ("notes.txt", False),
        ("broken.whl", False),
    ],
)
def test_which_files_are_of_a_package(filename: str, fits: bool) -> None:
    rank = rank_of(filename, "some-thing", "1.0", wheel_order("3.12"))
    assert (rank is not None) == fits


def test_the_best_file_is_taken(tmp_path: Path) -> None:
    names = ["thing-1.0.tar.gz", "thing-1.0-py3-none-any.whl", "thing-1.0-cp312-none-any.whl"]
    for name in names:
        (tmp_path / name).write_text(name, encoding="utf-8")
    found = Shelf(environ={}, indexes={}, links=(tmp_path,)).match("Thing", "1.0", "3.12")
    assert found is not None
    assert found.filename == "thing-1.0-cp312-none-any.whl"
    assert found.sha256 == hashlib.sha256(found.filename.encode()).hexdigest()
    assert Shelf(environ={}, indexes={}, links=(tmp_path,)).match("thing", "2.0", "3.12") is None


def test_directories_go_before_indexes_and_are_hashed(tmp_path: Path) -> None:
    file = tmp_path / "thing-1.0-py3-none-any.whl"
    file.write_bytes(b"content")
    one = Artifact(
        package=parse_package_name("thing"), version="1.0", index=PUBLIC_INDEX,
        filename=file.name, sha256=Sha256(hashlib.sha256(b"content").hexdigest()),
    )  # fmt: skip
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    shelf = Shelf(environ=environ, indexes={}, links=(tmp_path,))
    assert shelf.addresses([one]) == {one: file.as_uri()}
    file.write_bytes(b"another")
    with pytest.raises(IntegrityError, match="is not the file that was locked"):
        shelf.addresses([one])


# --- building beside the place


def test_a_stage_is_beside_and_gone_after_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "it's"

    def build() -> None:
        with beside(target) as stage:
            assert stage.parent == target.parent
            assert "'" not in stage.name
            (stage / "file").write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build()
    assert list(target.parent.iterdir()) == []


def test_what_is_in_its_place_has_no_mark(tmp_path: Path) -> None:
    with beside(tmp_path / "target") as stage:
        stage.rename(tmp_path / "target")
        finish(tmp_path / "target")
    assert not (tmp_path / "target" / ".lamina" / UNFINISHED).exists()


def test_sweeping(tmp_path: Path) -> None:
    """What is held stays, what was whole stays, other places' stages stay."""
    with beside(tmp_path / "one") as held, beside(tmp_path / "two") as other:
        killed = held.with_name(f"{held.name[:-12]}000000000000")
        whole = held.with_name(f"{held.name[:-12]}111111111111")
        for path in (killed, whole):
            (path / ".lamina").mkdir(parents=True)
            (path / "pyvenv.cfg").write_text("", encoding="utf-8")
        (killed / ".lamina" / UNFINISHED).write_text("", encoding="utf-8")
        sweep(tmp_path / "one")
        assert {one.name for one in tmp_path.iterdir()} == {held.name, other.name, whole.name}


# --- telling


def test_each_command_is_told_once() -> None:
    one = Finding(kind="file-changed", package="a", what="a changed", mend="mend it")
    two = Finding(kind="base-gone", what="gone", mend="move it")
    three = Finding(kind="file-missing", package="b", what="b missing", mend="mend it")
    path = Path("/layer")
    report = Report(layer=path, findings=(one, two, three), looked_at={"packages": 2, "files": 1})
    assert render_report(report).splitlines() == [
        "/layer: 3 findings (2 packages, 1 file)",
        "  file-changed: a changed",
        "  file-missing: b missing",
        "    mend: mend it",
        "  base-gone: gone",
        "    mend: move it",
    ]
    value = report_value(report)
    assert value["sound"] is False
    assert value["findings"][1] == {
        "kind": "base-gone", "package": None, "what": "gone", "mend": "move it",
    }  # fmt: skip


def test_commands_can_be_pasted(tmp_path: Path) -> None:
    assert command("layer", "add", "it's mine", "a<2") == (
        "lamina layer add 'it'\"'\"'s mine' 'a<2'"
    )
