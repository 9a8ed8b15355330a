"""What all documents share: strict models, and validation that reports every problem at once."""

from __future__ import annotations

import difflib
import json
import re
import shlex
import stat
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from lamina.core.errors import DocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


class Document(BaseModel):
    """A table of a document: frozen, strict, no unknown keys, keys spelt with hyphens."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        use_attribute_docstrings=True,
    )


_BYTE_ORDER_MARK = "\ufeff"

AnyDocument = TypeVar("AnyDocument", bound=Document)


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises DocumentError when it is missing or not TOML."""
    return parse_toml(read_document(path), path)


def read_document(path: Path) -> str:
    """Return the text of a document, byte for byte; raises DocumentError when it has none."""
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            # Reading a pipe would wait for a writer, perhaps for ever.
            raise DocumentError(path, [Problem(where="", found="not a regular file")])
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise DocumentError(path, [Problem(where="", found="no such file")]) from None
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        raise DocumentError(path, [Problem(where="", found=found)]) from error
    except OSError as error:
        found = f"cannot be read: {error.strerror}"
        raise DocumentError(path, [Problem(where="", found=found)]) from error


def parse_toml(text: str, path: Path | str) -> dict[str, Any]:
    """Read TOML from a text that belongs to ``path``; raises DocumentError."""
    if text.startswith(_BYTE_ORDER_MARK):
        raise DocumentError(
            path,
            [Problem(where="", found="begins with a byte order mark, which is not TOML")],
            hints=[f"sed -i '1s/^\\xEF\\xBB\\xBF//' {shlex.quote(str(path))}"],
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DocumentError(path, [Problem(where="", found=f"not valid TOML: {error}")]) from error
    except RecursionError:
        problem = Problem(where="", found="nested too deeply")
        raise DocumentError(path, [problem]) from None


def validate(
    model: type[AnyDocument],
    data: Mapping[str, Any],
    path: Path | str,
    *,
    check: Callable[[Mapping[str, Any]], Iterable[Problem]] | None = None,
) -> AnyDocument:
    """Return the document in ``data``; raises DocumentError with every problem it has.

    ``check`` finds what no single field shows. It gets the data as they are, valid or not, so that
    its problems are reported together with those of the fields.
    """
    problems: list[Problem] = []
    document: AnyDocument | None = None
    try:
        document = model.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += [_problem(one, model, data) for one in error.errors() if not _follows(one)]
    if check is not None:
        problems += check(data)
    if document is None or problems:
        raise DocumentError(path, _unique(problems))
    return document


def near_match(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, empty when none is near."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1)), "")


def _unique(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def _follows(detail: ErrorDetails) -> bool:
    """Tell whether an error only comes from others: of an array whose items are all refused."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _problem(detail: ErrorDetails, model: type[Document], data: Mapping[str, Any]) -> Problem:
    location = _document_location(detail["loc"], data)
    where = dotted(location)
    found = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(location, model)
        case "missing":
            return Problem(where=where, found="missing")
        case "value_error":
            return Problem(where=where, found=str(detail["ctx"]["error"]))
        case "enum" | "literal_error":
            expected = str(detail["ctx"]["expected"])
            choices = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
            return Problem(
                where=where,
                found=f"{found!r} is not allowed",
                allowed=f"allowed: {', '.join(choices)}",
                suggestion=near_match(str(found), choices),
            )
        case "too_short":
            return Problem(where=where, found="empty", allowed="give at least one")
        case kind:
            message = _EXPECTED.get(kind) or detail["msg"].removeprefix("Input should be ")
            return Problem(where=where, found=f"found {found!r}", allowed=f"expected {message}")


# What pydantic calls a thing -> what TOML calls it.
_EXPECTED = {
    "string_type": "a string (in quotes)",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
    "tuple_type": "an array, such as ['...']",
    "list_type": "an array, such as ['...']",
}


def _unknown_key(location: tuple[int | str, ...], model: type[Document]) -> Problem:
    allowed = sorted(_keys_at(model, location[:-1]))
    return Problem(
        where=dotted(location),
        found="unknown key",
        allowed=f"allowed: {', '.join(allowed)}" if allowed else "",
        suggestion=near_match(str(location[-1]), allowed),
    )


def _document_location(
    loc: tuple[int | str, ...], data: Mapping[str, Any]
) -> tuple[int | str, ...]:
    """Drop the names of union members that pydantic puts into a path."""
    kept: list[int | str] = []
    here: Any = data
    for i, part in enumerate(loc):
        last = i == len(loc) - 1 and part != "[key]"
        inside = (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        )
        if inside:
            kept.append(part)
            here = here[part]
        elif last and isinstance(here, dict):
            kept.append(part)
    return tuple(kept)


_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def dotted(location: Iterable[int | str]) -> str:
    """Return a path such as ``packages.numpy.index`` or ``groups.notebook[1]``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{key}" if text else key
    return text


def _keys_at(model: type[Document], location: Iterable[int | str]) -> set[str]:
    """Return the keys allowed in the table at ``location``, by the model's own fields."""
    candidates: list[Any] = [model]
    for part in location:
        candidates = [step for one in candidates for step in _step_into(one, part)]
    return {
        str(field.alias or name)
        for one in candidates
        for leaf in _flatten(one)
        for name, field in leaf.model_fields.items()
    }


def _step_into(annotation: Any, part: int | str) -> list[Any]:
    found: list[Any] = []
    for model in _flatten(annotation):
        found += [
            field.annotation
            for name, field in model.model_fields.items()
            if part in (field.alias, name)
        ]
    arguments: tuple[Any, ...] = getattr(annotation, "__args__", ())
    if getattr(annotation, "__origin__", None) is dict:
        found.append(arguments[1])
    elif getattr(annotation, "__origin__", None) in (list, tuple):
        found.append(arguments[0])
    elif not found:
        found += [step for argument in arguments for step in _step_into(argument, part)]
    return found


def _flatten(annotation: Any) -> list[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return [annotation]
    if getattr(annotation, "__origin__", None) in (dict, list, tuple):
        return []
    return [leaf for part in getattr(annotation, "__args__", ()) for leaf in _flatten(part)]
