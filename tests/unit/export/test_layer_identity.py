from __future__ import annotations

from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from lamina.core.errors import UsageError
from lamina.export.layer_identity import layer_name, layer_version
from lamina.model.versions import ReleaseVersion, parse_release_version, version_key

BASE = ReleaseVersion("2026.11.0")


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        pytest.param("top-search", "top-search", id="a stack's name"),
        pytest.param("work/.venv", "work", id="hidden"),
        pytest.param("Work/.cache/.venv", "work", id="hidden in hidden"),
        pytest.param("Tau_ID v2 (new)", "tau_id-v2-new", id="other letters"),
        pytest.param("search - v2--final", "search-v2-final", id="several in a row"),
        pytest.param("Müller", "muller", id="accents"),
        pytest.param("_old_", "old", id="ends"),
        pytest.param("a" * 63 + "-b", "a" * 63, id="long"),
    ],
)
def test_a_layer_is_called_by_its_directory(tmp_path: Path, directory: str, name: str) -> None:
    assert layer_name(tmp_path / directory) == name


def test_a_relative_path_has_the_name_of_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "search" / ".venv").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "search" / ".venv")
    assert layer_name(Path()) == layer_name(Path("..")) == "search"


def test_a_link_gives_a_name_to_what_has_none(tmp_path: Path) -> None:
    layer = tmp_path / "分析"
    layer.mkdir()
    with pytest.raises(UsageError, match="gives no name") as caught:
        layer_name(layer)
    assert caught.value.hints[0].startswith("ln -s ")
    (tmp_path / "analysis").symlink_to(layer)
    assert layer_name(tmp_path / "analysis") == "analysis"


@pytest.mark.parametrize(
    ("content", "base", "version"),
    [
        pytest.param("# a\n", "2026.11.0", "2026.11.0+fd99deda", id="plain"),
        pytest.param("# a\n", "2026.11.0+cuda", "2026.11.0+cuda.fd99deda", id="a local part"),
        pytest.param("# a\n", "2026.01.0rc1", "2026.01.0rc1+fd99deda", id="as it is written"),
    ],
)
def test_a_version_is_of_the_base_and_the_lock(
    tmp_path: Path, content: str, base: str, version: str
) -> None:
    (tmp_path / "lamina-layer.lock").write_text(content)
    found = layer_version(tmp_path, parse_release_version(base))
    assert found == version
    assert version_key(found) > version_key(parse_release_version(base))


def test_a_number_has_no_zeros_before_it(tmp_path: Path) -> None:
    (tmp_path / "lamina-layer.lock").write_text("# 1202\n")  # Its digest begins with 04592073.
    found = layer_version(tmp_path, BASE)
    assert found == "2026.11.0+4592073"
    assert str(parse_wheel_filename(f"x-{found}-py3-none-any.whl")[1]) == found


def test_a_layer_with_nothing_of_its_own_has_the_version_of_its_base(tmp_path: Path) -> None:
    assert layer_version(tmp_path, BASE) == BASE


def test_a_version_too_long_for_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lamina-layer.lock").write_text("# a\n")
    with pytest.raises(UsageError, match="name a directory"):
        layer_version(tmp_path, parse_release_version("1." + "1" * 96))


@pytest.mark.parametrize(
    ("told", "name", "version"),
    [
        pytest.param('layer = "mine"\nversion = "2.0"\nlock = ""\n', "mine", "2.0", id="installed"),
        pytest.param('layer = "mine"\nversion = "2.0"\nlock = "0"\n', "there", BASE, id="changed"),
        pytest.param('layer = "mine"\n', "there", BASE, id="edited"),
    ],
)
def test_an_installed_layer_is_what_was_installed(
    tmp_path: Path, told: str, name: str, version: str
) -> None:
    path = tmp_path / "there" / ".lamina" / "installed.toml"
    path.parent.mkdir(parents=True)
    path.write_text(told)
    layer = tmp_path / "there"
    assert (layer_name(layer), layer_version(layer, BASE)) == (name, version)
