"""``lamina export`` of a layer as a list: its base's lock, with the layer's packages over it."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from support.listed_layers import HERE, WHOLE
from support.wheels import Wheel
from support.workshop import site_of

if TYPE_CHECKING:
    from support.listed_layers import Site


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
