"""The committed JSON Schemas are those of the models, and they accept and refuse as these do."""

from __future__ import annotations

import runpy
import tomllib
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from lamina.lock.document import Lock
from lamina.model.schema import dump_schema
from lamina.stack.document import Stack
from support.stack_files import EXAMPLES, REPOSITORY, STACKS, VALID

if TYPE_CHECKING:
    from pathlib import Path

_REFERENCE = REPOSITORY / "docs" / "reference"


def _schema(name: str) -> Any:
    import json

    return json.loads((_REFERENCE / name).read_text(encoding="utf-8"))


def _as_json(value: Any) -> Any:
    """Return TOML data as JSON has them: dates become strings."""
    if isinstance(value, dict):
        return {key: _as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def _errors(schema: str, text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(_schema(schema))
    return [one.json_path for one in validator.iter_errors(_as_json(tomllib.loads(text)))]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("lamina.schema.json", dump_schema(Stack, title="lamina.toml"), id="stack"),
        pytest.param("lamina.lock.schema.json", dump_schema(Lock, title="lamina.lock"), id="lock"),
    ],
)
def test_the_committed_schema_is_up_to_date(name: str, text: str) -> None:
    said = "run python docs/schemas.py"
    assert (_REFERENCE / name).read_text(encoding="utf-8") == text, said


def test_the_script_writes_what_is_committed() -> None:
    script = runpy.run_path(str(REPOSITORY / "docs" / "schemas.py"))
    for name, text in script["schemas"]().items():
        assert (_REFERENCE / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "name", ["lamina.schema.json", "lamina.lock.schema.json", "paper-lock.schema.json"]
)
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(_schema(name))


@pytest.mark.parametrize("path", [*VALID, *EXAMPLES], ids=lambda path: path.parent.name + path.stem)
def test_valid_stacks_are_accepted(path: Path) -> None:
    assert _errors("lamina.schema.json", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "name",
    ["unknown-keys", "wrong-types", "stack-table-missing", "unknown-platform", "empty"],
)
def test_broken_stacks_are_refused(name: str) -> None:
    text = (STACKS / "broken" / f"{name}.toml").read_text(encoding="utf-8")
    assert _errors("lamina.schema.json", text)


@pytest.mark.parametrize(
    ("addition", "path"),
    [
        pytest.param("[packges]\n", "$", id="table"),
        pytest.param("[packages]\nnumpy = { versoin = '*' }\n", "$.packages.numpy", id="field"),
        pytest.param("[resolve]\nexclude_newer = 2026-11-01\n", "$.resolve", id="underscore"),
    ],
)
def test_a_misspelt_key_is_refused(addition: str, path: str) -> None:
    smallest = (STACKS / "valid" / "smallest.toml").read_text(encoding="utf-8")
    assert _errors("lamina.schema.json", smallest + addition) == [path]


_LOCK = """
schema = 1
stack = "tiny"
stack-digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
exclude-newer = 2026-11-02T00:00:00Z
targets = ["linux-64/3.12"]

[[package]]
name = "numpy"
version = "2.5.4"
index = "pypi"
requested-by = ["stack"]
artifacts = [
    { file = "numpy-2.5.4-py3-none-any.whl", sha256 = "00", uploaded = 2026-10-01T00:00:00Z },
]
"""


def test_a_lock_is_accepted_and_a_misspelt_key_in_it_refused() -> None:
    assert _errors("lamina.lock.schema.json", _LOCK) == []
    assert _errors("lamina.lock.schema.json", _LOCK.replace("requested-by", "requested_by"))
