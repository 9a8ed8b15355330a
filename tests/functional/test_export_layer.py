"""``lamina export`` of a layer as a list: its base's lock, with the layer's packages over it."""

from __future__ import annotations

import json
import shutil
import tomllib
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lamina.core import fs
from lamina.model.platforms import current_platform
from support.index_server import IndexServer
from support.stacks import stack_text
from support.wheels import Wheel
from support.workshop import site_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place

HERE = current_platform()
PACKAGES = """
app = { version = "*", extras = ["gui"] }
lib = "*"
tool = { version = "==1.0", index = "ours" }
"""
MORE = """
[groups]
notebook = ["nb"]

[hooks.lib]
post-install = "true"

[hooks.tool]
post-install = "true"
"""
WHOLE = {
    "app": "2.0", "fresh": "1.0", "gone": "1.0", "lib": "2.0", "nb": "1.0", "nb-part": "1.0",
    "plot": "1.0", "tool": "1.0",
}  # fmt: skip
"""The layer: app, lib and fresh of its own, all else of the base."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The program, beside a layer that has a newer application than its base."""

    lamina: CommandLine
    index: IndexServer
    ours: IndexServer

    @property
    def layer(self) -> Path:
        """The layer."""
        return self.lamina.directory / "mine"

    @property
    def version(self) -> str:
        """The version that the layer has where a version is wanted."""
        return f"1.0+{sha256((self.layer / 'lamina-layer.lock').read_bytes()).hexdigest()[:8]}"

    def export(self, form: str, *options: str | Path) -> str:
        """Return a list."""
        return self.lamina("export", self.layer, "--as", form, *options).stdout

    def said(self, form: str) -> str:
        """Return what is said beside a list."""
        return self.lamina("export", self.layer, "--as", form).stderr


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def index_server(place: Place, environ: dict[str, str]) -> IndexServer:
    return place.index(environ)


@pytest.fixture(scope="module")
def ours() -> Iterator[IndexServer]:
    """Return the index of the experiment, which the stack names."""
    with IndexServer() as server:
        for version in ("1.0", "2.0"):
            server.wheel("tool", version)
        yield server


@pytest.fixture
def site(
    place: Place,
    index_server: IndexServer,
    ours: IndexServer,
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    found = Site(lamina=command_line, index=index_server, ours=ours)
    place.once("site", lambda: make(found))
    yield found
    fs.remove_tree(command_line.directory / "root")


def make(site: Site) -> None:
    gui: dict[str, Any] = {"extras": ["gui"]}
    site.index.wheel("app", "1.0", ["lib", "gone", "plot ; extra == 'gui'"], **gui)
    for name in ("gone", "lib", "nb-part", "plot"):
        site.index.wheel(name, "1.0")
    site.index.wheel("nb", "1.0", ["lib", "nb-part"])
    resolve = f'indexes = {{ ours = "{site.ours.url}" }}'
    text = stack_text(PACKAGES, platforms=f'["{HERE}"]', resolve=resolve, more=MORE)
    site.lamina.write("lamina.toml", text)
    site.lamina("publish")
    for name in ("lamina.toml", "lamina.lock"):
        (site.lamina.directory / name).unlink()
    needs = ["lib>=2", "fresh[nothing]", "plot ; extra == 'gui'", "odd ; os_name == 'nt'"]
    site.index.wheel("app", "2.0", needs, **gui)
    site.index.wheel("lib", "2.0")
    site.index.wheel("fresh", "1.0", ["lib"])
    site.lamina("layer", "create", "mine", "--on", "small")
    site.lamina("layer", "add", "mine", "app>=2")


def test_requirements_have_the_packages_of_both(site: Site) -> None:
    lines = site.export("requirements").splitlines()
    assert lines[0] == f"# mine for {HERE}/3.12, written by lamina export"
    named = [one.partition(" ")[0] for one in lines if one[0] not in "# "]
    pins = [f"{name}=={version}" for name, version in sorted(WHOLE.items()) if name != "tool"]
    assert named == ["tool", *pins]
    [ours] = [one for one in lines if one.startswith("tool @ ")]
    assert ours.startswith(f"tool @ {site.ours.url.removesuffix('simple')}files/tool-1.0-")
    for name, version in WHOLE.items():
        offers = {**site.index.offers, **site.ours.offers}[name]
        digests = {one.filename.split("-")[1]: one.sha256 for one in offers}
        assert f"--hash=sha256:{digests.pop(version)}" in "\n".join(lines)
        assert not [one for one in digests.values() if one in "\n".join(lines)]


@pytest.mark.parametrize("form", ["pylock", "explicit", "environment"])
def test_other_lists_have_the_same_packages(site: Site, form: str) -> None:
    text = site.export(form)
    match form:
        case "pylock":
            found = {one["name"]: one["version"] for one in tomllib.loads(text)["packages"]}
        case "explicit":
            lines = [one.split(" @ ") for one in text.splitlines() if one[0] != "#"]
            found = {name: where.rpartition("/")[2].split("-")[1] for name, where in lines}
        case _:
            value = yaml.safe_load(text)
            assert value["name"] == "mine"
            assert value["dependencies"][0] == "python=3.12"
            found = dict(one.split("==") for one in value["dependencies"][-1]["pip"])
    assert found == WHOLE


@pytest.mark.parametrize("form", ["pixi", "pixi-lock"])
def test_lists_of_conda_alone_are_refused_as_of_a_release(site: Site, form: str) -> None:
    ends = [
        site.lamina("export", one, "--as", form, expect=2).stderr.partition("error: ")[2]
        for one in (site.layer, "small")
    ]
    assert ends[0] == ends[1]
    assert ends[0].startswith(f"{form} is a list of conda packages, and the lock has none\n")


def test_the_bill_has_the_graph_of_what_is_there(site: Site) -> None:
    text = site.export("sbom")
    problems = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text, all_errors=True)
    assert not list(problems or ())
    value = json.loads(text)
    parts = {one["name"]: one["version"] for one in value["components"]}
    assert parts.pop("cpython").startswith("3.12.")
    assert parts == WHOLE
    refs = {f"pkg:pypi/{name}@{version}": name for name, version in WHOLE.items()}
    refs[f"mine/{site.version}"] = "the whole"
    graph = {
        refs[one["ref"]]: {refs[each] for each in one.get("dependsOn", ()) if each in refs}
        for one in value["dependencies"]
        if one["ref"] in refs
    }
    assert graph == {
        # Nothing needs what the application of the base needed; it is there as before.
        "the whole": {"app", "gone", "lib", "nb", "tool"},
        "app": {"fresh", "lib", "plot"},
        "fresh": {"lib"},
        "nb": {"lib", "nb-part"},
        **{name: set() for name in ("gone", "lib", "nb-part", "plot", "tool")},
    }
    hooks = {
        one["name"]
        for one in value["components"]
        if any(each["name"] == "lamina:hooks" for each in one.get("properties", ()))
    }
    assert hooks == {"tool"}


def requirements_of(wheel: Path, extra: str = "") -> dict[str, str]:
    """Return what a metapackage brings."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if one.endswith("/METADATA")]
        told = HeaderParser().parsestr(archive.read(name).decode())
    wanted = f' ; extra == "{extra}"' if extra else ""
    lines = [one for one in told.get_all("Requires-Dist", []) if one.endswith(wanted)]
    found = [one.removesuffix(wanted) for one in lines if extra or ";" not in one]
    return dict(one.split("==") for one in found)


def test_a_metapackage_keeps_the_groups_of_the_base(site: Site) -> None:
    told = site.lamina("export", "mine", "--as", "wheel", "-o", "dist", "--json").json
    wheel = site.lamina.directory / "dist" / f"mine-{site.version}-py3-none-any.whl"
    assert told == {
        "form": "wheel",
        "layer": str(site.layer),
        "lock": str(site.lamina.directory / f"root/releases/small/1.0/{HERE}/.lamina/lamina.lock"),
        "output": str(wheel.relative_to(site.lamina.directory)),
        "version": site.version,
    }
    notebook = {"nb": "1.0", "nb-part": "1.0"}
    assert requirements_of(wheel, "notebook") == notebook
    assert requirements_of(wheel) | notebook == WHOLE
    assert not requirements_of(wheel).keys() & notebook.keys()
    with zipfile.ZipFile(wheel) as archive:
        [about] = [one for one in archive.namelist() if one.endswith("/METADATA")]
        assert f"Summary: The packages of the layer mine/{site.version}," in str(
            archive.read(about)
        )
    conda = site.export("conda", "-o", "dist")
    assert conda == f"wrote dist/mine-{site.version}-py312_0.conda\n"


def test_what_the_layer_was_asked_for_is_in_no_group_alone(site: Site) -> None:
    site.index.wheel("nb-part", "2.0")
    site.lamina("layer", "add", "mine", "nb-part>=2")
    site.export("wheel", "-o", "dist")
    [wheel] = (site.lamina.directory / "dist").iterdir()
    assert requirements_of(wheel, "notebook") == {"nb": "1.0"}
    assert requirements_of(wheel)["nb-part"] == "2.0"


def test_packages_come_from_the_index_that_the_stack_names(site: Site) -> None:
    site.lamina("layer", "add", "mine", "tool>=2")
    for form in ("requirements", "pylock", "explicit"):
        assert f"{site.ours.url.removesuffix('simple')}files/tool-2.0-" in site.export(form)


def test_remarks_are_about_what_is_left_of_the_base(site: Site) -> None:
    warned = "warning: these come without what the stack does to them: tool (hook post-install)\n"
    assert site.said("requirements") == warned
    of_release = site.lamina("export", "small", "--as", "requirements").stderr
    assert "lib (hook post-install), tool (hook post-install)" in of_release


@pytest.mark.parametrize("form", ["requirements", "sbom"])
def test_what_others_installed_is_named_and_not_listed(site: Site, form: str) -> None:
    Wheel(name="own-work", version="0.1").unpack(site_of(site.layer))
    Wheel(name="nb", version="9.0").unpack(site_of(site.layer))
    answer = site.lamina("export", site.layer, "--as", form)
    said = (
        "not put into the layer by lamina, and not here: nb 9.0 (here 1.0, of the base), own-work"
    )
    assert f"warning: {said} 0.1\n" in answer.stderr
    if form == "requirements":
        assert f"# {said} 0.1\n" in answer.stdout
        assert "nb==1.0 " in answer.stdout
    assert '"9.0"' not in answer.stdout


def test_a_layer_that_lost_a_package_is_no_list(site: Site) -> None:
    for path in site_of(site.layer).glob("fresh*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    said = site.lamina("export", "mine", "--as", "pylock", expect=6).stderr
    assert "fresh 1.0: not there" in said


def test_a_layer_with_nothing_of_its_own_is_its_base(site: Site) -> None:
    site.lamina("layer", "create", "empty", "--on", "small")
    heads, texts = zip(
        *(
            site.lamina("export", one, "--as", "requirements").stdout.split("\n", 1)
            for one in ("./empty", "small")
        ),
        strict=True,
    )
    assert texts[0] == texts[1]
    assert heads[0].replace("empty", "small") == heads[1]
    site.lamina("export", "./empty", "--as", "wheel", "-o", "dist")
    assert (site.lamina.directory / "dist" / "empty-1.0-py3-none-any.whl").is_file()


def test_a_list_is_called_by_the_directory_of_the_layer(site: Site) -> None:
    for directory, name in (("work/.venv", "work"), ("Tau ID", "tau-id")):
        site.lamina("layer", "create", directory, "--on", "small")
        text = site.lamina("export", directory, "--as", "requirements").stdout
        assert text.startswith(f"# {name} for ")
    site.lamina("layer", "create", "分析", "--on", "small")
    assert "gives no name" in site.lamina("export", "分析", "--as", "pylock", expect=2).stderr


def test_a_metapackage_cannot_have_the_name_of_what_it_needs(site: Site) -> None:
    site.lamina("layer", "create", "plot", "--on", "small")
    answer = site.lamina("export", "./plot", "--as", "wheel", "-o", "dist", expect=2)
    assert "error: plot: a package in it has this name" in answer.stderr
    link = site.lamina.directory / "plots"
    assert f"hint: ln -s {site.lamina.directory / 'plot'} NAME" in answer.stderr
    link.symlink_to("plot")
    assert "plots-1.0" in site.lamina("export", "plots", "--as", "wheel", "-o", "dist").stdout


def test_another_target_is_refused(site: Site) -> None:
    words = ("export", "mine", "--as", "pylock", "--target")
    assert (
        "the lock is not for linux-64/3.99" in site.lamina(*words, "linux-64/3.99", expect=2).stderr
    )
    assert site.lamina(*words, f"{HERE}/3.12").stdout == site.export("pylock")


@pytest.mark.parametrize("base", ["mine", "env"])
@pytest.mark.parametrize("form", ["requirements", "wheel", "sbom"])
def test_a_layer_on_something_else_is_no_list(site: Site, base: str, form: str) -> None:
    given = "./mine" if base == "mine" else base
    site.lamina("layer", "create", "other", "--on", given)
    answer = site.lamina("export", "other", "--as", form, "-o", "out", expect=2)
    named = str(site.layer) if base == "mine" else "env"
    assert f"other stands on {named}, which is no release of lamina" in answer.stderr
    assert "hint: lamina layer lock writes down what it needs" in answer.stderr
    assert not (site.lamina.directory / "out").exists()


def test_what_the_base_waives_is_not_said_of_what_took_its_place(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = command_line.directory / "root"
    monkeypatch.setenv("LAMINA_ROOT", str(root))
    index_server.wheel("app", "1.0", ["odd"])
    index_server.wheel("odd", "1.0")
    packages = 'app = { version = "*", waive = ["odd"] }'
    text = stack_text(packages, platforms=f'["{HERE}"]', resolve="closed = true")
    command_line.write("lamina.toml", text)
    command_line("publish")
    said = "the stack goes without odd"
    assert said in command_line("export", "small", "--as", "requirements").stdout
    index_server.wheel("app", "2.0")
    index_server.wheel("app", "3.0", ["odd"])
    for version, listed in (("2.0", False), ("3.0", True)):
        name = f"with-{version}"
        command_line("layer", "create", name, "--on", "small")
        assert said in command_line("export", name, "--as", "requirements").stdout
        command_line("layer", "add", name, f"app=={version}")
        text = command_line("export", name, "--as", "requirements").stdout
        assert said not in text
        assert f"app=={version} " in text
        assert ("odd==1.0 " in text) == listed
    fs.remove_tree(root)


def test_the_python_of_a_release_in_an_environment_is_no_release(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = site.lamina.directory / f"root/releases/small/1.0/{HERE}"
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{release / 'bin'}:/usr/bin:/bin")
        patched.setenv("PYTHONPATH", str(site.lamina.directory / "elsewhere"))
        site.lamina("layer", "create", "other", "--on", "env")
    base = tomllib.loads((site.lamina.directory / "other/lamina-layer.toml").read_text())["base"]
    assert (base["kind"], base["prefix"]) == ("env", str(release))
    answer = site.lamina("export", "other", "--as", "requirements", expect=2)
    assert "other stands on env, which is no release of lamina" in answer.stderr


def test_what_is_of_no_index_is_said_or_refused_until_the_layer_has_another(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = command_line.directory / "root"
    monkeypatch.setenv("LAMINA_ROOT", str(root))
    wheel = Wheel(name="box", version="1.0")
    (command_line.directory / "vendor").mkdir()
    wheel.write(command_line.directory / "vendor")
    packages = f'box = {{ path = "vendor/{wheel.filename}" }}'
    command_line.write("lamina.toml", stack_text(packages, platforms=f'["{HERE}"]'))
    command_line("publish")
    command_line("layer", "create", "mine", "--on", "small")
    said = command_line("export", "mine", "--as", "requirements", expect=2).stderr
    assert (
        f"where packages come from that are of no index: box (path vendor/{wheel.filename})" in said
    )
    [package] = tomllib.loads(command_line("export", "mine", "--as", "pylock").stdout)["packages"]
    assert package["archive"]["path"] == f"vendor/{wheel.filename}"
    index_server.wheel("box", "2.0")
    command_line("layer", "add", "mine", "box>=2")
    answer = command_line("export", "mine", "--as", "requirements")
    assert "\nbox==2.0 " in answer.stdout
    assert answer.stderr == ""
    fs.remove_tree(root)
